"""A version at a remote beside one on this disk: told from headers and small files alone."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import cast

import pytest

from diptych.domain import address
from diptych.domain.shipping import Delivered, Remote
from diptych.errors import Damaged, Refused
from diptych.job import Job, Tick, finish
from diptych.workbench import Workbench, elsewhere
from making import make_model, weights, write_safetensors

WHERE = "oci+http://127.0.0.1:5000/team/model"


class Shelf:
    """A remote that serves a folder and counts what it hands out."""

    def __init__(self, folder: Path) -> None:
        self.address = address.parse(WHERE)
        self.folder = folder
        self.handed = 0
        self.extra: list[Delivered] = []

    def files(self, ref: str) -> Job[tuple[Delivered, ...]]:
        yield Tick("Listing")
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        told = [
            Delivered(
                str(path.relative_to(self.folder)), path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
            )
            for path in found
        ]
        return (*told, *self.extra)

    def read(self, ref: str, name: str, start: int, length: int) -> Job[bytes]:
        yield Tick("Reading")
        content = (self.folder / name).read_bytes()[start : start + length]
        self.handed += len(content)
        assert len(content) == length
        return content

    def close(self) -> None:
        pass

    def open(self, name: str) -> Job[Remote]:
        yield Tick("Opening")
        return cast("Remote", self)


@pytest.fixture
def shelf(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv("DIPTYCH_CACHE", str(home / "cache"))
    return Shelf(make_model(tmp_path / "there"))


def test_a_remote_side_is_compared_by_its_headers(workbench: Workbench, shelf: Shelf, tmp_path: Path) -> None:
    here = make_model(tmp_path / "here", layers=3)
    side = finish(elsewhere.from_remote(workbench.catalog, shelf.open, f"{WHERE}@v1"))
    assert side.version.name == f"{WHERE}@v1"
    assert side.weights is None
    comparison = workbench.compare(here, side)
    structure = finish(comparison.sheet("weights"))
    assert any(row.key.startswith("model.layers.2.") and row.status == "left only" for row in structure.rows)
    files = finish(comparison.sheet("files"))
    config = next(row for row in files.rows if row.key == "config.json")
    assert config.status == "differs"


def test_the_same_content_is_the_same_files_without_fetching_weights(
    workbench: Workbench, shelf: Shelf, tmp_path: Path
) -> None:
    big = write_safetensors(shelf.folder / "model.safetensors", weights(hidden=256))
    side = finish(elsewhere.from_remote(workbench.catalog, shelf.open, f"{WHERE}@v1"))
    size = big.stat().st_size
    assert size > 1 << 20
    assert shelf.handed < size / 4
    finish(workbench.scan([shelf.folder]))
    finish(workbench.hash())
    files = finish(workbench.compare(workbench.page()[0], side).sheet("files"))
    assert (files.differs, files.undecided) == (0, 0)


def test_nothing_is_read_twice_while_the_remote_lists_the_same(workbench: Workbench, shelf: Shelf) -> None:
    finish(elsewhere.from_remote(workbench.catalog, shelf.open, f"{WHERE}@v1"))
    first = shelf.handed
    finish(elsewhere.from_remote(workbench.catalog, shelf.open, f"{WHERE}@v1"))
    assert shelf.handed == first
    (shelf.folder / "config.json").write_text("{}", "utf-8")
    finish(elsewhere.from_remote(workbench.catalog, shelf.open, f"{WHERE}@v1"))
    assert shelf.handed > first


def test_names_that_lead_out_of_the_folder_are_refused(workbench: Workbench, shelf: Shelf, home: Path) -> None:
    shelf.extra = [Delivered("../../escaped.json", 2, "")]
    with pytest.raises(Refused):
        finish(elsewhere.from_remote(workbench.catalog, shelf.open, f"{WHERE}@v1"))
    assert not list(home.rglob("escaped.json"))


def test_a_header_that_claims_too_much_is_told(workbench: Workbench, shelf: Shelf) -> None:
    (shelf.folder / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    with pytest.raises(Damaged, match=r"model\.safetensors: its header does not fit"):
        finish(elsewhere.from_remote(workbench.catalog, shelf.open, f"{WHERE}@v1"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf://org/name@main", True),
        ("team@v1", True),
        ("org/model@revision", False),
        ("sft/checkpoint-100", False),
        ("other@v1", False),
    ],
)
def test_what_counts_as_elsewhere(text: str, expected: bool) -> None:
    assert address.is_elsewhere(text, ["team"]) is expected


def test_address_and_ref_are_told_apart() -> None:
    assert elsewhere.split("hf://org/name@refs/pr/1") == ("hf://org/name", "refs/pr/1")
    assert elsewhere.split("hf://org/name") == ("hf://org/name", "")
    assert elsewhere.split("team@sha256:00") == ("team", "sha256:00")
