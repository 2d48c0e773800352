"""Hostile and unlucky folders: the scan neither hangs nor stops nor follows, and says what it could not read."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import stat
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from diptych import display
from diptych.catalog import Catalog
from diptych.domain.version import State
from diptych.job import finish
from diptych.settings import Settings
from diptych.workbench import Workbench
from diptych.workbench.scan import ScanReport
from diptych.workbench.walk import walk
from making import header_bytes, make_model, make_run, make_snapshot, weights, write_json, write_safetensors
from scanning import scan, versions

pytestmark = pytest.mark.timeout(60)


def told(report: ScanReport) -> list[str]:
    return [f"{Path(problem.file).name}: {problem.reason}" for problem in report.problems]


@contextmanager
def opened_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every path that is opened meanwhile."""
    opened: list[str] = []
    open_ = os.open

    def watched(path: str, *arguments: int, **keywords: int) -> int:
        opened.append(os.fspath(path))
        return open_(path, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", watched)
        yield opened


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "trainer_state.json", "README.md"])
def test_a_pipe_is_told_and_never_waited_for(workbench: Workbench, tmp_path: Path, name: str) -> None:
    make_model(tmp_path / "tiny")
    (tmp_path / "tiny" / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "tiny" / name)
    report = scan(workbench, tmp_path)
    assert f"{name}: is not a regular file" in told(report)


def test_a_file_that_becomes_a_pipe_after_it_was_listed_is_never_waited_for(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make_model(tmp_path / "tiny") / "model.safetensors"
    open_ = os.open

    def late(path: str, *arguments: int, **keywords: int) -> int:
        if os.fspath(path) == str(file) and file.is_file():
            file.unlink()
            os.mkfifo(file)
        return open_(path, *arguments, **keywords)

    monkeypatch.setattr(os, "open", late)
    assert "model.safetensors: is not a regular file" in told(scan(workbench, tmp_path))


def test_a_socket_is_told(workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_model(tmp_path / "tiny")
    monkeypatch.chdir(tmp_path / "tiny")  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("model.sock")
        assert told(scan(workbench, tmp_path)) == ["model.sock: is not a regular file"]
    assert versions(workbench)["tiny"].state is State.COMPLETE


def test_a_device_is_told(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "tiny")
    # the one device that Linux lets everybody make: it stands for a deleted file in layered file systems
    os.mknod(tmp_path / "tiny" / "model-2.safetensors", stat.S_IFCHR | 0o600, os.makedev(0, 0))
    assert told(scan(workbench, tmp_path)) == ["model-2.safetensors: is not a regular file"]


def test_a_link_out_of_the_library_is_told_and_not_followed(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = write_safetensors(tmp_path / "outside" / "model.safetensors", weights())
    library = tmp_path / "library"
    make_model(library / "tiny")
    (library / "tiny" / "model.safetensors").unlink()
    (library / "tiny" / "model.safetensors").symlink_to(outside)
    (library / "secret").symlink_to(tmp_path / "outside")
    with opened_files(monkeypatch) as opened:
        report = scan(workbench, library)
    assert told(report) == ["model.safetensors: is a link and was not followed"]
    assert [path for path in opened if "outside" in path or path.endswith("model.safetensors")] == []
    assert versions(workbench)["tiny"].state is State.NO_WEIGHTS


def test_a_loop_of_links_ends(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "tiny")
    (tmp_path / "tiny" / "up").symlink_to(tmp_path)
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert scan(workbench, tmp_path).versions == 1


def test_a_link_that_hangs_in_the_air_is_told_where_it_matters(workbench: Workbench, tmp_path: Path) -> None:
    (make_model(tmp_path / "tiny") / "extra.safetensors").symlink_to(tmp_path / "nowhere")
    (tmp_path / "tiny" / "latest").symlink_to(tmp_path / "nowhere")
    assert told(scan(workbench, tmp_path)) == ["extra.safetensors: is a link and was not followed"]


@pytest.mark.parametrize("target", ["../../../../secret", "/etc/passwd", "../../blobs/../../secret"])
def test_a_snapshot_leads_to_its_blobs_and_nowhere_else(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    (tmp_path / "secret").write_text("secret", "utf-8")
    snapshot = make_snapshot(tmp_path / "hub", "org/name", "a" * 40)
    (snapshot / "generation_config.json").unlink()
    (snapshot / "generation_config.json").symlink_to(target)
    with opened_files(monkeypatch) as opened:
        report = scan(workbench, tmp_path)
    assert told(report) == ["generation_config.json: is a link and was not followed"]
    assert [path for path in opened if "secret" in path or "passwd" in path] == []


def test_a_hard_link_is_a_file_like_any_other(workbench: Workbench, tmp_path: Path) -> None:
    first = make_model(tmp_path / "first")
    (tmp_path / "second").mkdir()
    for file in first.iterdir():
        (tmp_path / "second" / file.name).hardlink_to(file)
    scan(workbench, tmp_path)
    assert {version.state for version in versions(workbench).values()} == {State.COMPLETE}
    finish(workbench.hash())
    (version,) = versions(workbench).values()
    assert len(version.places) == 2


def test_a_sparse_terabyte_costs_nothing(workbench: Workbench, tmp_path: Path) -> None:
    size = 10**12
    entry = {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    file = tmp_path / "huge" / "model.safetensors"
    file.parent.mkdir()
    file.write_bytes(header_bytes(entry))
    os.truncate(file, file.stat().st_size + size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    assert (version.state, version.parameters) == (State.COMPLETE, size)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize(
    "name",
    [b"latin-\xe9", b"new\nline", b"esc\x1b[31mred", "right\u202eleft".encode(), b"x" * 255, b" ", b"--json"],
    ids=["latin-1", "newline", "escape", "bidi", "255 bytes", "blank", "dashes"],
)
def test_any_name_is_kept_and_shown_harmlessly(workbench: Workbench, tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    make_model(folder)
    write_json(folder / "trainer_state.json", [])
    report = scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    assert version.path == folder
    assert version.state is State.COMPLETE
    assert workbench.resolve(str(folder)).key == version.key
    (problem,) = report.problems
    for text in (display.visible(version.name), problem.file):
        assert text.isprintable() or not text.strip()
        text.encode()


def test_names_that_differ_by_case_or_normal_form_are_two_versions(workbench: Workbench, tmp_path: Path) -> None:
    names = ["Llama", "llama", unicodedata.normalize("NFC", "modèle"), unicodedata.normalize("NFD", "modèle")]
    for seed, name in enumerate(names):
        make_model(tmp_path / name, seed=seed)
    scan(workbench, tmp_path)
    assert set(versions(workbench)) == set(names)


def refusing(monkeypatch: pytest.MonkeyPatch, call: str, refuses: Callable[[str], bool]) -> None:
    """Make a system call refuse some paths, since root may read everything."""
    real = getattr(os, call)

    def guarded(path: str, *arguments: object, **keywords: object) -> object:
        if refuses(os.fspath(path)):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path, *arguments, **keywords)

    monkeypatch.setattr(os, call, guarded)


def test_a_file_that_may_not_be_read_is_told(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model(tmp_path / "open")
    make_model(tmp_path / "closed", seed=1)
    refusing(monkeypatch, "open", lambda path: path.endswith("closed/model.safetensors"))
    report = scan(workbench, tmp_path)
    assert told(report) == ["model.safetensors: may not be read by this user"]
    assert versions(workbench)["open"].state is State.COMPLETE


def test_a_folder_that_may_not_be_listed_is_told_and_its_versions_are_not_given_up(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path / "closed" / "sft", (100,))
    make_model(tmp_path / "open", seed=1)
    scan(workbench, tmp_path)
    refusing(monkeypatch, "open", lambda path: path.endswith("closed"))
    report = scan(workbench, tmp_path)
    assert told(report) == ["closed: may not be read by this user"]
    assert {version.state for version in versions(workbench).values()} == {State.COMPLETE}


def test_a_file_that_vanishes_before_it_is_read_is_told(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make_model(tmp_path / "tiny") / "model.safetensors"
    make_model(tmp_path / "zebra", seed=1)
    open_ = os.open

    def late(path: str, *arguments: int, **keywords: int) -> int:
        if os.fspath(path) == str(file):
            file.unlink(missing_ok=True)
        return open_(path, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", late)
        report = scan(workbench, tmp_path)
    assert told(report) == ["model.safetensors: is not there"]
    assert versions(workbench)["zebra"].state is State.COMPLETE
    scan(workbench, tmp_path)
    assert versions(workbench)["tiny"].state is State.NO_WEIGHTS


def test_a_folder_that_is_renamed_while_the_scan_runs_is_found_by_the_next(
    workbench: Workbench, tmp_path: Path
) -> None:
    for number in range(5):
        make_model(tmp_path / f"tiny-{number}", seed=number)
    job = workbench.scan([tmp_path])
    for tick in job:
        if tick.total:
            break
    (tmp_path / "tiny-3").rename(tmp_path / "moved")
    finish(job)
    scan(workbench, tmp_path)
    here = {name for name, version in versions(workbench).items() if version.state is State.COMPLETE}
    assert here == {"tiny-0", "tiny-1", "tiny-2", "tiny-4", "moved"}


def test_a_file_that_grows_all_the_while_does_no_harm(workbench: Workbench, tmp_path: Path) -> None:
    file = make_model(tmp_path / "tiny") / "model.safetensors"
    content = file.read_bytes()
    stop = threading.Event()

    def grow() -> None:
        while not stop.is_set():
            for end in range(0, len(content), 512):
                file.write_bytes(content[:end])

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        for _ in range(10):
            scan(workbench, tmp_path)
    finally:
        stop.set()
        writer.join()
    file.write_bytes(content)
    scan(workbench, tmp_path)
    assert versions(workbench)["tiny"].state is State.COMPLETE


def test_the_catalog_within_a_library_folder_is_never_opened(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_model(tmp_path / "tiny")
    # by its name it would be read as a record, and its link by the weights'
    workbench = Workbench(Catalog(folder / "trainer_state.json"), Settings())
    (folder / "extra.safetensors").hardlink_to(folder / "trainer_state.json")
    workbench.tag(workbench.keys(), add=["x"])
    own = {str(path) for path in folder.glob("trainer_state.json*")} | {str(folder / "extra.safetensors")}
    with opened_files(monkeypatch) as opened:
        report = scan(workbench, tmp_path)
        finish(workbench.hash())
        workbench.dossier(folder)
    assert report.problems == ()
    assert own.isdisjoint(opened)
    (version,) = workbench.page()
    assert version.hashed
    assert {artifact.path for artifact in version.artifacts}.isdisjoint(Path(path).name for path in own)
    workbench.catalog.close()


def test_the_inode_of_the_catalog_on_another_disk_is_a_file_like_any_other(tmp_path: Path) -> None:
    make_model(tmp_path)
    state = (tmp_path / "config.json").stat()
    names = {path.name for path in tmp_path.iterdir()}
    for device, met in ((state.st_dev, names - {"config.json"}), (state.st_dev + 1, names)):
        (listing,) = [one for one in walk(tmp_path, {state.st_ino: device}) if one is not None]
        assert set(listing.files) == met


def test_five_thousand_files_in_one_folder(workbench: Workbench, tmp_path: Path) -> None:
    for number in range(5000):
        (tmp_path / f"note-{number:04}.txt").touch()
    make_model(tmp_path)
    assert sum(listing is None for listing in walk(tmp_path)) == 10
    scan(workbench, tmp_path)
    (version,) = versions(workbench).values()
    assert version.state is State.COMPLETE
    assert scan(workbench, tmp_path).files == 5005


def test_folders_nested_deeper_than_a_path_can_say(
    workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(600):
        Path("deeper!").mkdir()
        os.chdir("deeper!")
    os.chdir(tmp_path)
    try:
        report = scan(workbench, tmp_path)
        assert [problem.reason for problem in report.problems] == ["cannot be read: File name too long"]
    finally:
        shutil.rmtree(tmp_path / "deeper!")
