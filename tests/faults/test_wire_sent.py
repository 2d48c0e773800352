"""What goes over the wire: files as they lie here, at the speed that is wanted, without logins of others."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.domain.shipping import Parcel
from diptych.errors import Conflict
from diptych.job import Tick, finish
from diptych.remotes.body import Body
from diptych.remotes.wire import Wire
from stands import noise
from stands.proxy import Request
from stands.scripted import Scripted, scripted, told
from stands.wiring import CANARY, QUICK, parcel, wired

ROOT = Path(__file__).parents[2]


def framed(kept: Parcel, start: int, length: int | None) -> tuple[Body, hashlib._Hash]:
    """A range of a parcel between two words, and a digest of what is sent of it."""
    seen = hashlib.sha256()
    return Body(kept, start, length, before=b"before", after=b"after", watch=lambda: seen.update), seen


def test_a_file_arrives_as_it_lies_here_within_its_frame(tmp_path: Path) -> None:
    content = noise(3_500_000, 3)
    (tmp_path / "file").write_bytes(content)
    whole = b"before" + content + b"after"
    with scripted(lambda request, writer: told()) as server, wired(server.port) as wire:
        for kept in (parcel(tmp_path / "file"), parcel(content=content)):
            for start, length in ((0, None), (3, 1_000_000), (2_000_000, 1_500_010), (len(whole) - 3, 3), (0, 6)):
                body, seen = framed(kept, start, length)
                finish(wire.ask("PUT", "/", what="sending", content=body))
                expected = whole[start : None if length is None else start + length]
                assert server.bodies[-1] == expected
                assert body.whole() == expected
                assert seen.digest() == hashlib.sha256(expected).digest()


def test_a_file_that_is_cut_while_it_is_sent_is_a_conflict(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(noise(3 << 20))
    kept = parcel(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"short")
    with scripted(lambda request, writer: told()) as server, wired(server.port) as wire:
        job = wire.ask("PUT", "/", what="sending", content=Body(kept))
        with pytest.raises(Conflict, match="shorter"):
            finish(job)


def test_a_limit_of_speed_is_kept() -> None:
    limit = 4_000_000
    network = replace(QUICK, bytes_per_second=limit)
    with scripted(lambda request, writer: told()) as server, wired(server.port, network) as wire:
        begun = time.monotonic()
        finish(wire.ask("PUT", "/", what="sending", content=Body(parcel(content=bytes(8 << 20)))))
        took = time.monotonic() - begun
    assert (8 << 20) / took < 1.4 * limit


def test_a_limit_below_the_slowest_speed_is_not_taken_for_a_bad_connection() -> None:
    network = replace(QUICK, bytes_per_second=100_000, slowest=1_000_000)
    with scripted(lambda request, writer: told()) as server, wired(server.port, network) as wire:
        finish(wire.ask("PUT", "/", what="sending", content=Body(parcel(content=bytes(300_000)))))


def test_requests_driven_in_turn_go_on_abreast() -> None:
    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.write(b"HTTP/1.1 200 So\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    with scripted(lambda request, writer: late(writer)) as server, wired(server.port) as wire:
        jobs = [wire.ask("GET", f"/{at}", what="asking") for at in range(5)]
        begun = time.monotonic()
        answered = 0
        while jobs:
            for job in list(jobs):
                try:
                    next(job)
                except StopIteration as stop:
                    answered += stop.value.status == 200
                    jobs.remove(job)
        assert answered == 5
        assert time.monotonic() - begun < 2


def test_ticks_count_what_was_sent() -> None:
    ticks: list[Tick] = []
    network = replace(QUICK, bytes_per_second=20_000_000)
    with scripted(lambda request, writer: told()) as server, wired(server.port, network) as wire:
        content = Body(parcel(content=bytes(16 << 20)))
        finish(wire.ask("PUT", "/", what="sending", content=content), ticks.append)
    done = [tick.done for tick in ticks]
    assert done == sorted(done)
    assert len(set(done)) > 3
    assert done[-1] <= 16 << 20


def test_proxies_of_the_environment_are_not_asked_about_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with scripted(lambda request, writer: told()) as server, wired(server.port) as wire:
        assert finish(wire.ask("GET", "/", what="asking")).status == 200


def test_logins_of_netrc_are_not_sent(home: Path) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    (home / ".netrc").chmod(0o600)
    with scripted(lambda request, writer: told()) as server:
        wire = Wire(f"http://127.0.0.1:{server.port}", QUICK)
        finish(wire.ask("GET", "/", what="asking"))
        wire.close()
        assert "authorization" not in server.requests[0].headers


def test_memory_does_not_grow_with_what_is_sent_or_fetched(tmp_path: Path) -> None:
    size = 600 << 20
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(size)
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from diptych.domain.shipping import Parcel
        from diptych.domain.version import Role
        from diptych.job import finish
        from diptych.remotes.body import Body
        from diptych.remotes.network import Network
        from diptych.remotes.wire import Wire
        origin, path, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
        wire, came = Wire(origin, Network()), 0
        def take(piece):
            global came
            came += len(piece)
        finish(wire.ask("PUT", "/", what="sending", content=Body(Parcel("x", size, "", Role.WEIGHTS, path))))
        finish(wire.ask("GET", "/", what="fetching", sink=take))
        assert came == size
        wire.close()
        status = Path('/proc/self/status').read_text()
        print(int(status.partition('VmHWM:')[2].split()[0]) // 1024)
        """
    )

    async def large(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 So\r\ncontent-length: %d\r\n\r\n" % size)
        piece = bytes(1 << 20)
        for _ in range(size >> 20):
            writer.write(piece)
            await writer.drain()

    def serve(request: Request, writer: asyncio.StreamWriter) -> object:
        return told() if request.method == "PUT" else large(writer)

    with scripted(serve, keep=False) as server:
        ran = subprocess.run(
            [sys.executable, "-c", script, f"http://127.0.0.1:{server.port}", str(tmp_path / "sparse"), str(size)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "app")},
            timeout=100,
        )
        assert ran.returncode == 0, ran.stderr
        assert server.requests[0].body == size
    assert int(ran.stdout) <= 150, f"{ran.stdout.strip()} MB"


def test_scripted_servers_see_what_is_sent() -> None:
    """The canary would be seen: the tests above can fail."""
    with scripted(lambda request, writer: told()) as server, wired(server.port) as wire:
        finish(wire.ask("GET", "/", what="asking"))
        assert isinstance(server, Scripted)
        assert server.everything.count(CANARY) == 2
