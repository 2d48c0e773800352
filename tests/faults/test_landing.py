"""What a hostile server can do to the disk by the names and bytes that it sends: nothing outside, nothing unchecked."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from diptych.domain.shipping import Delivered
from diptych.errors import Conflict, Damaged, DiptychError, NoSpace, Offline, Refused
from diptych.remotes.landing import Landing, safe_name, unwritable

HOSTILE = (
    "",
    ".",
    "..",
    "../out",
    "../../out",
    "a/../../out",
    "a/..",
    "a/./b",
    "a//b",
    "a/",
    "/out",
    "//out",
    "/etc/passwd",
    "~/../out/",
    "..\\out",
    "a\\..\\..\\out",
    "\\\\server\\share\\out",
    "\\out",
    "C:out",
    "C:\\out",
    "c:/out",
    "a/d:out",
    "out\0.json",
    "out\n",
    "out\x1b[2J",
    "\u202etxt.exe",
    "zero\u200bwidth",
    "con",
    "NUL.txt",
    "aux.safetensors",
    "a/COM1",
    "lpt9.json",
    "com¹.bin",
    "CONIN$",
    "prn .txt",
    "out.",
    "out ",
    "a./out",
    "a" * 256,
    "a/" * 600 + "out",
    "\ud800out",
    ".git/config",
    "a/.GIT/hooks/post-checkout",
)
TWINS = (
    ("Model.json", "model.json"),
    ("stra\u00dfe", "STRASSE"),
    ("caf\u00e9", "cafe\u0301"),
    ("a", "a/b"),
    ("A/b", "a/c"),
)


def delivered(name: str, content: bytes) -> Delivered:
    return Delivered(name, len(content), hashlib.sha256(content).hexdigest())


def land(landing: Landing, name: str, content: bytes) -> None:
    arrive(landing, delivered(name, content), content)


def arrive(landing: Landing, file: Delivered, *pieces: bytes, then: type[BaseException] | None = None) -> None:
    with landing.receive(file) as take:
        for piece in pieces:
            take(piece)
        if then is not None:
            raise then


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_hostile_names_write_nothing_outside(tmp_path: Path) -> None:
    refused = 0
    with Landing(tmp_path / "in" / "model") as landing:
        before = everything(tmp_path)
        for name in HOSTILE:
            for attempt in (landing.has, lambda file: landing.receive(file).__enter__()):
                with pytest.raises(Refused) as caught:
                    attempt(Delivered(name, 3, ""))
                assert "\n" not in caught.value.message
                assert caught.value.message.isprintable()
                assert len(caught.value.message) < 300
            refused += 1
            assert everything(tmp_path) == before
        land(landing, "config.json", b"{}")
        landing.finish()
    assert everything(tmp_path) == {"in", "in/model", "in/model/config.json"}
    print(f"hostile names refused: {refused} of {len(HOSTILE)}, bytes outside: 0")
    assert refused == len(HOSTILE) >= 40


@pytest.mark.parametrize(
    "name", ["config.json", "a/b/c.txt", "..a", "a..b", "tokenizer model.json", "ü/日本語.txt", ".hidden"]
)
def test_usual_names_are_taken(tmp_path: Path, name: str) -> None:
    assert safe_name(name) == name
    with Landing(tmp_path / "model") as landing:
        land(landing, name, b"text")
        landing.finish()
    assert (tmp_path / "model" / name).read_bytes() == b"text"


@pytest.mark.parametrize(("first", "second"), TWINS)
def test_names_that_other_systems_take_for_one_are_refused(tmp_path: Path, first: str, second: str) -> None:
    with Landing(tmp_path / "model") as landing:
        land(landing, first, b"first")
        with pytest.raises(Refused, match="same name"):
            land(landing, second, b"second")


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with Landing(folder) as landing:
        land(landing, "a.bin", b"a" * 1000)
        land(landing, "sub/b.bin", b"b")
        assert not folder.exists()
        landing.finish()
    assert (folder / "a.bin").read_bytes() == b"a" * 1000
    assert everything(tmp_path) == {"model", "model/a.bin", "model/sub", "model/sub/b.bin"}


def test_equal_files_do_not_share_their_bytes(tmp_path: Path) -> None:
    with Landing(tmp_path / "model") as landing:
        for name in ("one", "two", "sub/three"):
            land(landing, name, b"same")
        landing.finish()
    files = [tmp_path / "model" / name for name in ("one", "two", "sub/three")]
    assert [file.read_bytes() for file in files] == [b"same"] * 3
    assert {file.stat().st_nlink for file in files} == {1}


def test_a_fetch_goes_on_by_files(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    kept, broken = delivered("kept", b"kept"), delivered("broken", b"broken")
    with Landing(folder) as landing:
        assert not landing.has(kept)
        land(landing, "kept", b"kept")
        with pytest.raises(KeyboardInterrupt):
            arrive(landing, broken, b"bro", then=KeyboardInterrupt)
    with Landing(folder) as landing:
        assert landing.has(kept)
        assert not landing.has(broken)
        land(landing, "broken", b"broken")
        landing.finish()
    assert (folder / "kept").read_bytes() + (folder / "broken").read_bytes() == b"keptbroken"


def test_what_an_earlier_fetch_left_of_another_version_does_not_land(tmp_path: Path) -> None:
    with Landing(tmp_path / "model") as landing:
        land(landing, "old", b"old")
    with Landing(tmp_path / "model") as landing:
        land(landing, "new", b"new")
        landing.finish()
    assert everything(tmp_path) == {"model", "model/new"}


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([b"longer than"], "longer than announced"),
        ([b"lo", b"nger"], "longer than announced"),
        ([b"cut"], "3 of 5 bytes"),
        ([], "0 of 5 bytes"),
        ([b"Right"], "another digest"),
        ([b"righ", b"T"], "another digest"),
    ],
)
def test_wrong_bytes_are_not_kept(tmp_path: Path, pieces: list[bytes], reason: str) -> None:
    with Landing(tmp_path / "model") as landing:
        before = everything(tmp_path)
        with pytest.raises(Damaged, match=reason):
            arrive(landing, delivered("file", b"right"), *pieces)
        assert everything(tmp_path) == before
        assert not landing.has(delivered("file", b"right"))
        land(landing, "file", b"right")


def test_a_file_begins_anew_where_the_server_cannot_go_on(tmp_path: Path) -> None:
    with Landing(tmp_path / "model") as landing:
        with landing.receive(delivered("file", b"right")) as take:
            take(b"wro")
            assert take.received == 3
            take.restart()
            take(b"right")
        landing.finish()
    assert (tmp_path / "model" / "file").read_bytes() == b"right"


def test_links_in_the_way_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    content = b"content"
    file = delivered("sub/file", content)
    with Landing(tmp_path / "model") as landing:
        staging = tmp_path / ".model.part"
        (staging / f"{file.sha256}.part").symlink_to(outside / "new")
        (staging / file.sha256).symlink_to(outside / "planted")
        (outside / "planted").write_bytes(content)
        assert not landing.has(file)
        land(landing, "sub/file", content)
        (outside / "planted").unlink()
        landing.finish()
    assert everything(outside) == set()
    assert (tmp_path / "model" / "sub" / "file").read_bytes() == content

    (tmp_path / ".other.part").symlink_to(outside)
    with pytest.raises(DiptychError):
        Landing(tmp_path / "other")
    assert everything(outside) == set()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("model", "dangling"):
        with pytest.raises(Conflict, match="is there already"):
            Landing(tmp_path / name)
    with Landing(tmp_path / "late") as landing:
        land(landing, "file", b"new")
        (tmp_path / "late").mkdir()
        (tmp_path / "late" / "file").write_bytes(b"theirs")
        with pytest.raises(Conflict, match="appeared meanwhile"):
            landing.finish()
        assert (tmp_path / "late" / "file").read_bytes() == b"theirs"
    (tmp_path / "late" / "file").unlink()
    (tmp_path / "late").rmdir()
    with Landing(tmp_path / "late") as landing:
        assert landing.has(delivered("file", b"new"))


def test_a_folder_is_replaced_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_bytes(b"old")
    with Landing(tmp_path / "model", replace=True) as landing:
        land(landing, "new", b"new")
        assert everything(tmp_path / "model") == {"old"}
        landing.finish()
    assert everything(tmp_path) == {"model", "model/new"}


def test_two_fetches_into_one_folder_do_not_mix(tmp_path: Path) -> None:
    with Landing(tmp_path / "model"), pytest.raises(Conflict, match="another process"):
        Landing(tmp_path / "model")
    Landing(tmp_path / "model").discard()
    assert everything(tmp_path) == set()


def test_a_full_disk_is_told_and_what_came_before_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    written = 0

    def filling(descriptor: int, data: bytes) -> int:
        nonlocal written
        if written + len(data) > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written += len(data)
        return write(descriptor, data)

    with Landing(tmp_path / "model") as landing:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", filling)
            land(landing, "small", b"s" * 60)
            with pytest.raises(NoSpace, match="no room"):
                land(landing, "large", b"l" * 60)
        assert landing.has(delivered("small", b"s" * 60))
        assert not list(tmp_path.rglob("*.part/*.part"))


def test_a_file_that_cannot_fit_is_not_begun(tmp_path: Path) -> None:
    with (
        Landing(tmp_path / "model") as landing,
        pytest.raises(NoSpace, match="are needed"),
        landing.receive(Delivered("huge", 1 << 60, "0" * 64)),
    ):
        pass


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, NoSpace),
        (errno.EDQUOT, NoSpace),
        (errno.ESTALE, Offline),
        (errno.EIO, Offline),
        (errno.ENOTCONN, Offline),
        (errno.EROFS, Refused),
        (errno.EACCES, Refused),
    ],
)
def test_errors_of_the_disk_say_what_to_do(tmp_path: Path, number: int, kind: type[DiptychError]) -> None:
    error = unwritable(tmp_path / "x", OSError(number, os.strerror(number)))
    assert type(error) is kind
    assert error.hint
