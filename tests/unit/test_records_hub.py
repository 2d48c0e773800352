"""The layout of the Hub's cache, and opening what lies in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diptych.errors import Damaged, NotFound, Refused
from diptych.opening import blob_of
from diptych.records.content import open_record, read_bytes
from diptych.records.hub import is_commit, snapshot_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("name", ["org/name", "gpt2", "org/two-dashes"])
def test_a_path_within_a_snapshot(name: str) -> None:
    folder = Path("/cache") / f"models--{name.replace('/', '--')}" / "snapshots" / COMMIT
    for path in (folder, folder / "config.json", folder / "sub" / "config.json"):
        found = snapshot_of(path)
        assert found is not None
        assert (found.name, found.revision, found.folder) == (name, COMMIT, folder)


@pytest.mark.parametrize(
    "path", ["/cache/models--a--b/blobs/x", "/cache/datasets--a--b/snapshots/c/x", "/x", "snapshots/a"]
)
def test_a_path_outside_of_snapshots(path: str) -> None:
    assert snapshot_of(Path(path)) is None


def test_blobs_of_links(tmp_path: Path) -> None:
    repository = tmp_path / "models--org--name"
    blob = repository / "blobs" / "abc"
    folder = repository / "snapshots" / COMMIT / "sub"
    for made in (blob.parent, folder):
        made.mkdir(parents=True)
    blob.write_bytes(b"content")
    link = folder / "config.json"
    link.symlink_to("../../../blobs/abc")
    assert blob_of(link) == blob
    with open_record(link) as file:
        assert file.read() == b"content"
    for target in (
        "../../../../outside",
        str(tmp_path / "outside"),
        "../../../blobs/../../outside",
        "../../../blobs/x/y",
    ):
        link.unlink()
        link.symlink_to(target)
        assert blob_of(link) is None
    link.unlink()
    link.symlink_to("../../../blobs/absent")
    with pytest.raises(NotFound):
        open_record(link)
    blob.unlink()
    blob.symlink_to(tmp_path / "outside")
    link.unlink()
    link.symlink_to("../../../blobs/abc")
    with pytest.raises(Refused):
        open_record(link)


def test_commits() -> None:
    assert is_commit(COMMIT)
    assert not is_commit("main")
    assert not is_commit(COMMIT + "\n")


def test_no_more_is_read_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(Damaged, match="larger"):
        read_bytes(path, 4)


def test_names_that_control_a_terminal_are_shown_as_escapes(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        open_record(tmp_path / "a\x1b[31m\nb")
    assert caught.value.message.isprintable()


def test_opening_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(Refused):
            open_record(tmp_path / "pipe")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
