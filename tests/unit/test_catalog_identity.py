"""The rule that gives versions their ids."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from diptych.catalog import identity
from diptych.domain.version import Artifact, Digest, Role

FILES = tuple(
    Artifact(name, 10, 5, role, Digest("sha256", letter * 64))
    for name, role, letter in (
        ("model-00001-of-00002.safetensors", Role.WEIGHTS, "1"),
        ("model-00002-of-00002.safetensors", Role.WEIGHTS, "2"),
        ("config.json", Role.CONFIG, "3"),
        ("tokenizer.json", Role.TOKENIZER, "4"),
        ("modeling.py", Role.CODE, "5"),
        ("trainer_state.json", Role.RECORD, "6"),
        ("training_args.bin", Role.RECORD, "7"),
    )
)
BESIDE = tuple(
    Artifact(name, 10, 5, role, Digest("sha256", "f" * 64))
    for name, role in (
        ("README.md", Role.CARD),
        ("optimizer.pt", Role.RESUME),
        ("eval_results.json", Role.RECORD),
        ("notes.txt", Role.OTHER),
    )
)


def test_order_and_times_and_what_lies_beside_do_not_matter() -> None:
    shuffled = [one._replace(modified_ns=random.randrange(10**9)) for one in (*FILES, *BESIDE)]
    random.shuffle(shuffled)
    assert identity.final(shuffled) == identity.final(FILES)


@pytest.mark.parametrize("place", range(len(FILES)))
def test_every_byte_name_and_role_matters(place: int) -> None:
    one = FILES[place]
    for changed in (
        one._replace(digest=Digest("sha256", one.digest.value[:-1] + "e" if one.digest else "")),
        one._replace(path=f"sub/{one.path}"),
        one._replace(role=Role.CODE if one.role is not Role.CODE else Role.CONFIG),
    ):
        assert identity.final((*FILES[:place], changed, *FILES[place + 1 :])) not in (None, identity.final(FILES))
    assert identity.final((*FILES[:place], *FILES[place + 1 :])) not in (None, identity.final(FILES))


def test_no_final_id_before_everything_is_hashed_or_without_anything_of_its_own() -> None:
    assert identity.final((FILES[0]._replace(digest=None), *FILES[1:])) is None
    assert identity.final((FILES[0]._replace(digest=Digest("md5", "0" * 32)), *FILES[1:])) is None
    assert identity.final(FILES[2:5]) is None
    assert identity.final(BESIDE) is None
    assert identity.final(FILES[2:]) not in (None, identity.final(FILES))
    assert identity.final((*FILES, BESIDE[1]._replace(digest=None))) == identity.final(FILES)


def test_the_id_of_a_manifest_stays_what_it_was() -> None:
    manifest = b"weights\0model-00001-of-00002.safetensors\0" + b"1" * 64 + b"\n"
    assert identity.final(FILES[:1]) == hashlib.sha256(manifest).hexdigest()


def test_provisional_ids_differ_by_place_and_stamp() -> None:
    places = {identity.provisional(Path(place), stamp) for place in ("/a", "/b") for stamp in ("1", "2")}
    assert len(places | {identity.provisional(None, "a"), identity.provisional(None, "b")}) == 6
    assert all(one.startswith("~") and len(one) == 41 for one in places)
