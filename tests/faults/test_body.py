"""How a file is cut into pieces for a connection, and what holds it in memory."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from diptych.domain.shipping import Parcel
from diptych.domain.version import Role
from diptych.errors import Conflict
from diptych.remotes import body as bodies
from diptych.remotes.body import Body
from stands import noise

KIB = 1 << 10


def parcel(content: bytes, path: Path | None) -> Parcel:
    if path is not None:
        path.write_bytes(content)
    return Parcel("file", len(content), "", Role.WEIGHTS, path, b"" if path else content)


def sizes(body: Body, monkeypatch: pytest.MonkeyPatch, bytes_per_second: float) -> list[int]:
    """How large the pieces are that a connection of that speed gets."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(bodies, "time", SimpleNamespace(monotonic=lambda: clock.now))

    async def pause(count: int) -> None:
        clock.now += count / bytes_per_second

    async def gather() -> list[bytes]:
        return [piece async for piece in body.pieces(pause)]

    pieces = asyncio.run(gather())
    assert b"".join(pieces) == body.whole()
    assert body.sent == body.length
    return [len(piece) for piece in pieces]


async def no_pause(count: int) -> None:
    """A connection without a limit."""


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_quick_connection_gets_large_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: bool) -> None:
    body = Body(parcel(noise(10 << 20), tmp_path / "file" if on_disk else None))
    found = sizes(body, monkeypatch, 1e9)
    assert found[0] == 256 * KIB
    assert found[-1] == 2048 * KIB


def test_a_slow_connection_gets_small_pieces_so_that_one_sees_it_move(monkeypatch: pytest.MonkeyPatch) -> None:
    found = sizes(Body(parcel(noise(3 << 20), None)), monkeypatch, 100_000)
    assert found[-1] == 64 * KIB
    assert max(found) == 256 * KIB


@pytest.mark.parametrize("on_disk", [True, False])
def test_what_was_seen_is_what_is_sent(tmp_path: Path, on_disk: bool) -> None:
    content = noise(3_000_000, 4)
    path = tmp_path / "file" if on_disk else None
    body = Body(parcel(content, path), 1000, 2_500_000)
    assert b"".join(body.hold(bytearray(2_600_000))) == content[1000:2_501_000]
    if path is not None:
        path.write_bytes(b"somebody else's")
    assert body.whole() == body.whole() == content[1000:2_501_000]


def test_a_file_that_was_cut_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "file"
    body = Body(parcel(noise(3_000_000, 4), path))
    path.write_bytes(noise(1_500_000))
    with pytest.raises(Conflict, match="shorter"):
        list(body.hold(bytearray(3_000_000)))


@pytest.mark.parametrize("slowness", [0.0, 0.05], ids=["fast connection", "slow connection"])
def test_the_last_piece_goes_when_all_were_seen_and_a_new_try_is_seen_anew(slowness: float) -> None:
    tries: list[list[bytes]] = []
    beside: list[bool] = []

    def begin() -> Callable[[bytes], None]:
        seen: list[bytes] = []
        tries.append(seen)

        def watch(piece: bytes) -> None:
            time.sleep(0.01)
            seen.append(piece)
            beside.append(threading.current_thread() is not threading.main_thread())

        return watch

    body = Body(parcel(noise(5_000_000, 6), None), watch=begin)

    async def send() -> list[bytes]:
        sent = []
        async for piece in body.pieces(no_pause):
            sent.append(piece)
            assert len(tries[-1]) >= len(sent) - 1
            await asyncio.sleep(slowness)
        return sent

    for count in (1, 2):
        sent = asyncio.run(send())
        assert len(tries) == count
        assert tries[-1] == sent
        assert b"".join(sent) == body.whole()
        assert beside[-1] is (slowness == 0), "only a slow connection leaves time to look in between"


def test_what_the_watch_refuses_holds_the_last_piece_back() -> None:
    content = noise(3_000_000, 7)
    seen, sent = [], []

    def refuse(piece: bytes) -> None:
        seen.append(piece)
        if sum(map(len, seen)) == len(content):
            raise Conflict("it is not what it was")

    async def send() -> None:
        async for piece in Body(parcel(content, None), watch=lambda: refuse).pieces(no_pause):
            sent.append(piece)

    with pytest.raises(Conflict):
        asyncio.run(send())
    assert sent == seen[:-1]
    assert sent
