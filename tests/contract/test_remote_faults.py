"""What every remote must do when the network, the server or what comes from it is bad."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.errors import Conflict, DiptychError, NeedsSecret, NoSpace, NotFound, Offline, Refused
from diptych.job import Job, finish
from stands import NETWORKED, Stand
from stands.proxy import Fault, Reply, Request, proxied
from stands.setting import Setting
from stands.sweep import SMALL_CHANGE, sweep

WEIGHTS = "model-00001-of-00002.safetensors"
LARGE = 500_000
LARGEST = 3 << 20
BY_THE_FILE = ("oci",)
"""Where a cut costs the file under way: docker-registry voids an upload that breaks off inside a request, whoever sends
it, as its source says. Behind a web server that takes requests completely it costs a chunk: `faults/test_oci.py`."""


pytestmark = pytest.mark.parametrize("stand", NETWORKED, indirect=True, scope="session")


def writes(request: Request) -> bool:
    return request.method in ("POST", "PUT", "PATCH", "DELETE")


def answered(status: int, **headers: str) -> Callable[[], Fault]:
    body = b'{"message": "the reason", "errors": [{"code": "X", "message": "the reason"}]}'
    named = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return lambda: Fault(writes, answer=Reply(status, named, body))


LASTING: dict[str, tuple[Callable[[], Fault], type[DiptychError]]] = {
    "401": (answered(401), NeedsSecret),
    "403": (answered(403), Refused),
    "404": (answered(404), NotFound),
    "409": (answered(409), Conflict),
    "412": (answered(412), Conflict),
    "413": (answered(413), Refused),
    "429": (answered(429, retry_after="3600"), Offline),
    "500": (answered(500), Offline),
    "502": (answered(502), Offline),
    "503": (answered(503, retry_after="Fri, 31 Dec 2100 23:59:59 GMT"), Offline),
    "507": (answered(507), NoSpace),
    "reply lost": (lambda: Fault(writes, drop=True), Offline),
    "reset": (lambda: Fault(writes, cut=0), Offline),
    "silent": (lambda: Fault(writes, stall="headers"), Offline),
}
"""What a push ends with while all that changes something meets this."""

PASSING = ("429", "500", "502", "503", "reply lost", "reset", "silent")


@pytest.mark.timeout(300)
def test_a_push_survives_cuts(stand: Stand, tmp_path: Path, figure: Callable[[str], None]) -> None:
    found = sweep(stand, tmp_path)
    figure(f"{stand.kind}: {found}")
    assert found.points == 50
    assert found.finished == found.hidden == found.points, str(found)
    if stand.kind in BY_THE_FILE:
        assert found.worst <= LARGEST + SMALL_CHANGE
    else:
        assert found.cheap == found.points, str(found)


@pytest.mark.parametrize("what", LASTING)
def test_what_lasts_ends_a_push_as_documented(setting: Setting, what: str) -> None:
    make, expected = LASTING[what]
    with proxied(setting.stand.port) as proxy:
        remote = setting.through(proxy)
        plan = setting.plan(remote=remote)
        fault = proxy.add(make())
        fault.times = -1
        begun = time.monotonic()
        with pytest.raises(DiptychError) as caught:
            finish(remote.push(plan, setting.notes))
        took = time.monotonic() - begun
        assert type(caught.value) is expected or isinstance(caught.value, expected), caught.value
        assert fault.hits >= 1
        if what == "403":
            assert fault.hits == 1, "it was tried again"
        if what == "401":
            assert fault.hits <= 2
        assert took < 30
        assert one_line(caught.value, setting)
        assert setting.visible() == {}
        proxy.faults.clear()
        finish(remote.push(plan, setting.notes))
        assert setting.visible()


@pytest.mark.parametrize("what", PASSING)
def test_what_passes_is_waited_out(setting: Setting, what: str) -> None:
    with proxied(setting.stand.port) as proxy:
        remote = setting.through(proxy)
        plan = setting.plan(remote=remote)
        fault = proxy.add(LASTING[what][0]())
        finish(remote.push(plan, setting.notes))
        assert fault.hits == 1
    assert setting.visible()


def one_line(error: DiptychError, setting: Setting) -> bool:
    secret = setting.stand.place(setting.model).secret
    assert secret is None or secret.reveal() not in error.message + error.hint
    return "\n" not in error.message and 0 < len(error.message) <= 300


STALLS: dict[str, tuple[Callable[[Request], bool], str]] = {
    "push, before an answer": (writes, "headers"),
    "push, in the middle of a file": (lambda request: int(request.headers.get("content-length", 0)) > 0, "upload"),
    "pull, in the middle of a file": (lambda request: request.method == "GET", "body"),
}


@pytest.mark.parametrize("what", STALLS)
def test_it_is_cancelled_at_once(setting: Setting, what: str) -> None:
    when, stall = STALLS[what]
    if what.startswith("pull"):
        setting.push()
    with proxied(setting.stand.port) as proxy:
        remote = setting.through(proxy)
        job: Job[object]
        if what.startswith("pull"):
            job = remote.pull(setting.stand.reference, setting.folder / "pulled")
        else:
            job = remote.push(setting.plan(remote=remote), setting.notes)
        fault = proxy.add(Fault(when, times=-1, stall=stall))
        while not fault.hits:
            next(job)
        next(job)
        begun = time.monotonic()
        job.close()
        assert time.monotonic() - begun < 2
    assert not (setting.folder / "pulled").exists()


def test_nothing_is_shown_after_a_cancel_and_the_push_goes_on(setting: Setting) -> None:
    remote = setting.remote()
    plan = setting.plan(remote=remote)
    job = remote.push(plan, setting.notes)
    for tick in job:
        if tick.done > plan.to_send // 2:
            break
    job.close()
    assert setting.visible() == {}
    finish(setting.remote().push(plan, setting.notes))
    assert setting.visible()


def middle(body: bytes) -> int:
    return len(body) // 2


WRONG: dict[str, Callable[[bytes], bytes]] = {
    "one bit": lambda body: body[: middle(body)] + bytes([body[middle(body)] ^ 1]) + body[middle(body) + 1 :],
    "the last byte": lambda body: body[:-1] + bytes([body[-1] ^ 0x80]),
    "shorter": lambda body: body[:-1000],
    "longer": lambda body: body + b"more",
    "nothing": lambda body: b"",
    "zeros": lambda body: bytes(len(body)),
    "halves turned": lambda body: body[middle(body) :] + body[: middle(body)],
    "a page for people": lambda body: b"<html><body>Sign in first</body></html>",
    "another file": lambda body: bytes(range(256)) * (len(body) // 256) + body[: len(body) % 256],
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_bytes_do_not_land(setting: Setting, kind: str) -> None:
    setting.push()
    with proxied(setting.stand.port) as proxy:
        fault = proxy.add(Fault(lambda request: request.method == "GET", times=-1, alter=spoiled(kind)))
        with pytest.raises(DiptychError) as caught:
            finish(setting.through(proxy).pull(setting.stand.reference, setting.folder / "pulled"))
        assert fault.hits
    assert one_line(caught.value, setting)
    assert not (setting.folder / "pulled").exists()


@pytest.mark.parametrize("kind", ["shorter", "longer", "nothing", "a page for people"])
def test_ranges_of_another_size_are_not_taken(setting: Setting, kind: str) -> None:
    setting.push()
    with proxied(setting.stand.port) as proxy:
        proxy.add(Fault(lambda request: request.method == "GET", times=-1, alter=spoiled(kind)))
        with pytest.raises(DiptychError):
            finish(setting.through(proxy).read(setting.stand.reference, WEIGHTS, 1000, LARGE))


def spoiled(kind: str) -> Callable[[Reply], Reply]:
    """Change the replies that hold weights."""

    def alter(reply: Reply) -> Reply:
        if len(reply.body) < LARGE:
            return reply
        body = WRONG[kind](reply.body)
        return Reply(reply.status, {**reply.headers, "content-length": str(len(body))}, body)

    return alter
