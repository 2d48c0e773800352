"""Digests of files: right, on every core, and honest about files that change or cannot be read."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from diptych.domain.version import Digest, Problem
from diptych.errors import Conflict, NotFound, Refused
from diptych.job import Tick, finish
from diptych.tensors.digest import digest_file, digest_files


def made(folder: Path, sizes: list[int]) -> list[Path]:
    paths = []
    for at, size in enumerate(sizes):
        path = folder / f"f{at}"
        path.write_bytes(os.urandom(size))
        paths.append(path)
    return paths


@pytest.mark.parametrize("size", [0, 1, 2**21 - 1, 2**21, 2**21 + 1, 5_000_000])
def test_the_digest_is_that_of_the_bytes(size: int, tmp_path: Path) -> None:
    (path,) = made(tmp_path, [size])
    heard: list[int] = []
    assert digest_file(path, heard.append) == Digest("sha256", hashlib.sha256(path.read_bytes()).hexdigest())
    assert sum(heard) == size


def test_many_files_in_one_job(tmp_path: Path) -> None:
    paths = made(tmp_path, [0, 10, 3_000_000, 2_000_000, 50, 9_000_000])
    ticks: list[Tick] = []
    results = finish(digest_files([*paths, paths[0]]), ticks.append)
    assert list(results) == paths
    assert all(results[path] == digest_file(path) for path in paths)
    assert {(tick.total, tick.unit) for tick in ticks} == {(sum(path.stat().st_size for path in paths), "bytes")}
    done = [tick.done for tick in ticks]
    assert done == sorted(done)


def test_no_files_are_no_work() -> None:
    assert finish(digest_files([])) == {}


def test_a_file_that_cannot_be_hashed_is_one_line_and_stops_nothing(tmp_path: Path) -> None:
    (good,) = made(tmp_path, [100])
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("f0")
    bad = [tmp_path / "none", tmp_path / "pipe", tmp_path / "link", tmp_path]
    results = finish(digest_files([*bad, good]))
    assert isinstance(results[good], Digest)
    reasons = ["is not there", "is not a regular file", "is a link and was not followed", "is not a regular file"]
    assert [results[path] for path in bad] == [
        Problem(str(path), reason) for path, reason in zip(bad, reasons, strict=True)
    ]
    with pytest.raises(NotFound):
        digest_file(tmp_path / "none")
    with pytest.raises(Refused):
        digest_file(tmp_path / "pipe")


def test_a_file_that_changes_once_is_read_again(tmp_path: Path) -> None:
    (path,) = made(tmp_path, [5_000_000])
    changes = [b"x"]

    def change(length: int) -> None:
        if changes:
            with path.open("r+b") as file:
                file.write(changes.pop())

    assert digest_file(path, change).value == hashlib.sha256(path.read_bytes()).hexdigest()


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def forge(path: Path) -> None:
    """Change a byte and set the time of modification back, as some tools do."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def remove_and_put_back(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("change", [shrink, grow, forge, replace, remove_and_put_back])
def test_a_file_that_keeps_changing_has_no_digest(change: object, tmp_path: Path) -> None:
    (path,) = made(tmp_path, [5_000_000])
    assert callable(change)
    with pytest.raises(Conflict, match="changed while it was hashed"):
        digest_file(path, lambda length: change(path))


def test_cancelling_ends_the_threads_at_once(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**33)
    before = threading.active_count()
    job = digest_files([path])
    next(job)
    next(job)
    assert threading.active_count() > before
    begin = time.perf_counter()
    job.close()
    assert time.perf_counter() - begin < 0.2
    assert threading.active_count() == before


def test_a_job_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    before = threading.active_count()
    digest_files(made(tmp_path, [10])).close()
    assert threading.active_count() == before
