"""What the catalog remembers of pushes: journals that survive, receipts that come back whole, cards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.catalog import Catalog
from diptych.domain import address, receipts
from diptych.domain.shipping import Delivered, Plan, Receipt, Shipment, Wishes
from diptych.domain.version import Kind, State, Version
from diptych.errors import Damaged, NotFound

VERSION = Version(1, "ab" * 32, "sft/checkpoint-200", "sft", Kind.CHECKPOINT, State.COMPLETE, None)
WISHES = Wishes(reference="v1")
ADDRESS = address.parse("oci+http://127.0.0.1:5000/team/sft")
RECEIPT = Receipt(
    ADDRESS,
    "tag v1 of team/sft",
    VERSION.id,
    "sha256:00",
    "",
    {"manifest": "sha256:00"},
    (Delivered("model.safetensors", 12, "cd" * 32),),
    12,
    1.5,
    1_700_000_000.0,
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with closing(Catalog(tmp_path / "catalog.db")) as catalog:
        yield catalog


def _plan(wishes: Wishes = WISHES) -> Plan:
    return Plan(ADDRESS, "tag v1", "", Shipment(VERSION, ()), wishes, ())


def test_a_push_that_was_broken_off_is_the_same_push_at_the_next_start(catalog: Catalog) -> None:
    push = catalog.shipments.begin(_plan(), "team")
    catalog.shipments.journal(push).put("upload", "somewhere")
    with closing(Catalog(catalog.file)) as later:
        (underway,) = later.shipments.underway()
        assert (underway.key, underway.version_name, underway.remote) == (push, "sft/checkpoint-200", "team")
        assert underway.wishes == Wishes(reference="v1")
        assert later.shipments.begin(_plan(), "team") == push
        assert later.shipments.journal(push).get("upload") == "somewhere"
        assert later.shipments.begin(_plan(Wishes(reference="v2")), "team") != push


def test_a_journal_forgets_what_it_is_told_to_forget(catalog: Catalog) -> None:
    push = catalog.shipments.begin(_plan(), "team")
    journal = catalog.shipments.journal(push)
    journal.put("upload", "one")
    journal.put("upload", "two")
    assert journal.get("upload") == "two"
    journal.put("upload", None)
    assert journal.get("upload") is None


def test_a_push_that_is_given_up_takes_its_journal_with_it(catalog: Catalog) -> None:
    push = catalog.shipments.begin(_plan(), "team")
    catalog.shipments.journal(push).put("upload", "one")
    catalog.shipments.give_up(push)
    assert catalog.shipments.underway() == ()
    assert catalog.shipments.journal(push).get("upload") is None


def test_a_receipt_comes_back_whole_and_ends_the_push(catalog: Catalog) -> None:
    push = catalog.shipments.begin(_plan(), "team")
    kept = catalog.shipments.deliver(push, _plan(), "team", RECEIPT)
    assert kept.receipt == RECEIPT
    assert catalog.shipments.underway() == ()
    assert catalog.shipments.receipt(kept.id[:6]) == kept
    assert catalog.shipments.receipts(VERSION.id) == (kept,)
    assert catalog.shipments.receipts("ee" * 32) == ()
    assert catalog.shipments.last_of("sft") == kept
    assert catalog.shipments.last_of("other") is None


def test_receipts_are_named_by_enough_digits(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match="no such receipt"):
        catalog.shipments.receipt("abcdef")
    push = catalog.shipments.begin(_plan(), "team")
    kept = catalog.shipments.deliver(push, _plan(), "team", RECEIPT)
    with pytest.raises(NotFound):
        catalog.shipments.receipt(kept.id[:3])


def test_a_card_is_kept_until_it_is_forgotten(catalog: Catalog) -> None:
    catalog.shipments.keep_card(VERSION.id, "# One\n")
    catalog.shipments.keep_card(VERSION.id, "# Two \ud800\n")
    assert catalog.shipments.card(VERSION.id) == "# Two \ud800\n"
    catalog.shipments.keep_card(VERSION.id, None)
    assert catalog.shipments.card(VERSION.id) is None


def test_a_receipt_in_a_file_is_read_as_it_was_written() -> None:
    plain = json.loads(json.dumps(receipts.receipt_as_plain(RECEIPT)))
    assert receipts.receipt_from_plain(plain) == RECEIPT


@pytest.mark.parametrize(
    "plain", [None, [], {}, {"address": 3}, {**receipts.receipt_as_plain(RECEIPT), "files": [{"name": 1}]}]
)
def test_anything_else_is_no_receipt(plain: object) -> None:
    with pytest.raises(Damaged, match=r"^here\.json: not a receipt of Diptych$"):
        receipts.receipt_from_plain(plain, "here.json")


def test_wishes_of_another_kind_keep_their_defaults() -> None:
    wishes = replace(Wishes(), layout="tar", private=False)
    assert receipts.wishes_from_plain(receipts.wishes_as_plain(wishes)) == wishes
    assert receipts.wishes_from_plain({"private": "yes", "more": 1}) == Wishes()
