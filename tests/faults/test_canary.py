"""A canary for a secret: whatever goes well or wrong, it is seen nowhere but in the keyring and at its server."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar, TypeAlias

import pytest

from diptych import credentials
from diptych.credentials import handed, logins
from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.job import finish
from diptych.remotes.network import Network
from diptych.workbench import Workbench
from making import make_model
from stands.canary import USER, VALUE, Watch, watching
from stands.keyring import session

TESTS = Path(__file__).parents[1]
APP = TESTS.parent / "app"
SECRET = Secret(VALUE, USER)


class Server(BaseHTTPRequestHandler):
    """A registry that wants a login, and answers as the first part of the path says."""

    received: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        login = self.headers.get("Authorization", "")
        if not login:
            self._answer(401, b"{}", {"WWW-Authenticate": 'Basic realm="stand"'})
            return
        Server.received.append(login)
        manner = self.server.manner  # type: ignore[attr-defined]
        echo = json.dumps({"errors": [{"code": "DENIED", "message": f"no right for {VALUE} ({login})"}]}).encode()
        away = {"Location": f"http://127.0.0.1:{self.server.server_address[1]}/other?token={VALUE}"}
        status, body, headers = {
            "accepting": (200, b"{}", {}),
            "forbidding": (403, echo, {}),
            "refusing": (401, echo, {"WWW-Authenticate": 'Basic realm="stand"'}),
            "failing": (500, echo, {}),
            "babbling": (200, b"\xff" + VALUE.encode(), {}),
            "sending away": (302, b"", away),
        }[manner]
        self._answer(status, body, headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be silent."""


@dataclass
class World:
    """What a scenario can use."""

    workbench: Workbench
    home: Path
    watch: Watch
    server: ThreadingHTTPServer
    monkeypatch: pytest.MonkeyPatch

    def remote(self, name: str = "reg", scheme: str = "oci+http") -> str:
        """A remote at the server, signed in with the canary."""
        port = self.server.server_address[1]
        self.workbench.add_remote(name, f"{scheme}://127.0.0.1:{port}/team/model")
        self.workbench.keep_login(name, SECRET)
        return name

    def test(self, manner: str) -> None:
        """Test a remote that answers in this manner."""
        self.server.manner = manner  # type: ignore[attr-defined]
        self.watch.see("result", repr(finish(self.workbench.test_remote(self.remote()))))

    def run(self, *arguments: str, given: str = "", **further: str) -> str:
        """Run the program and see all that it writes; the texts that come back are standard output and error."""
        environment = {**os.environ, "PYTHONPATH": str(APP)}
        done = subprocess.run(
            [sys.executable, "-m", "diptych", *arguments],
            env=environment | further, input=given, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        self.watch.see("output", done.stdout + done.stderr)
        return done.stdout + done.stderr


Scenario: TypeAlias = Callable[[World], object]


def in_keyring(act: Callable[[World], object]) -> Scenario:
    def scenario(world: World) -> object:
        finish(credentials.put("reg", SECRET))
        try:
            return act(world)
        finally:
            finish(credentials.forget("reg"))

    return scenario


def denied(world: World) -> object:
    with session(world.home, "locked", "declining") as environment:
        world.monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", environment["DBUS_SESSION_BUS_ADDRESS"])
        return finish(credentials.put("reg", SECRET))


def absent(world: World) -> object:
    world.monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    return finish(credentials.put("reg", SECRET))


def raising(world: World) -> object:
    world.monkeypatch.setenv("PYTHONPATH", str(TESTS))
    world.monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "stands.backends.Raising")
    return finish(credentials.put("reg", SECRET))


def interrupted(world: World) -> object:
    job = credentials.put("reg", SECRET)
    next(job)
    world.watch.see("a job", f"{job!r}")
    return job.close()


def signed_in(world: World) -> object:
    name = world.remote()
    finish(world.workbench.login(name, SECRET))
    world.watch.see("remotes", repr(world.workbench.remotes()))
    finish(world.workbench.rename_remote(name, "other"))
    return finish(world.workbench.forget_remote("other"))


def unreachable(world: World) -> object:
    world.workbench.add_remote("far", "oci+http://127.0.0.1:9/a/b")
    world.workbench.keep_login("far", SECRET)
    return finish(world.workbench.test_remote("far"))


def plaintext(world: World) -> object:
    port = world.server.server_address[1]
    world.workbench.add_remote("tls", f"oci://127.0.0.1:{port}/a/b")
    world.workbench.keep_login("tls", SECRET)
    return finish(world.workbench.test_remote("tls"))


def storage(world: World) -> object:
    port = world.server.server_address[1]
    world.workbench.add_remote("s3", "s3://bucket/x", endpoint=f"http://127.0.0.1:{port}")
    world.workbench.keep_login("s3", Secret(VALUE, "AKIA0"))
    return finish(world.workbench.test_remote("s3"))


def pushed(world: World) -> object:
    world.server.manner = "forbidding"  # type: ignore[attr-defined]
    make_model(world.home / "models" / "m")
    finish(world.workbench.scan([world.home / "models"]))
    from diptych.domain.shipping import Wishes

    (version,) = world.workbench.page()
    return finish(world.workbench.plan_push(version, [(world.remote(), Wishes())]))


def found(world: World) -> object:
    (world.home / ".netrc").write_text(f"machine ghcr.io login {USER} password {VALUE}\n")
    (login,) = finish(world.workbench.found_logins())
    world.watch.see("listing", f"{login!r} {login}")
    secret = logins.secret_of(login)
    (world.home / ".netrc").unlink()
    return f"{secret!r} {secret}"


def damaged_netrc(world: World) -> object:
    (world.home / ".netrc").write_text(f"machine ghcr.io login {USER} {VALUE}\n")
    try:
        return finish(world.workbench.found_logins())
    finally:
        (world.home / ".netrc").unlink()


def bug(world: World) -> object:
    """A crash in the middle: the traceback that the command line would print."""
    broken = world.home / "broken" / "sitecustomize.py"
    broken.parent.mkdir()
    broken.write_text("import diptych.workbench.remotes as r\ndef f(*a): raise ValueError('bug')\nr.open_remote = f\n")
    world.run("remote", "add", "reg", "oci+http://127.0.0.1:9/a/b")
    path = f"{broken.parent}{os.pathsep}{APP}"
    said = world.run("remote", "test", "reg", "--token-fd", "0", given=VALUE, PYTHONPATH=path)
    assert "This is a bug in Diptych" in said
    return said


def environment(world: World) -> object:
    world.monkeypatch.setenv("DIPTYCH_TOKEN_REG", VALUE)
    taken = handed.take_environment()
    finish(credentials.look())
    return f"{taken!r} {dict(os.environ)!r}"


def by_descriptor(world: World) -> object:
    world.run("remote", "add", "reg", "oci+http://127.0.0.1:9/a/b", "--user", USER)
    world.run("remote", "login", "reg", "--token-fd", "0", given=VALUE)
    said = world.run("remote", "list", "--json") + world.run("remote", "test", "reg")
    world.run("remote", "forget", "reg")
    return said


def signer(world: World) -> object:
    from diptych.remotes import open_remote

    remote = open_remote(parse("oci://ghcr.io/a/b"), SECRET, Network(), {})
    return f"{remote!r} {vars(remote)!r}" if hasattr(remote, "__dict__") else repr(remote)


SCENARIOS: dict[str, Scenario] = {
    "shown as it is": lambda world: f"{SECRET!r} {SECRET} {[SECRET]} { ({'login': SECRET})!r}",
    "pickled": lambda world: pickle.dumps(SECRET),
    "copied": lambda world: copy.deepcopy({"login": SECRET}),
    "written as JSON": lambda world: json.dumps({"login": SECRET}),
    "logged": lambda world: logging.getLogger("diptych").debug("login %s %r", SECRET, SECRET),
    "kept, found, forgotten": in_keyring(lambda world: repr(finish(credentials.get("reg")))),
    "moved": in_keyring(lambda world: (finish(credentials.move("reg", "x")), finish(credentials.move("x", "reg")))),
    "looked at": in_keyring(lambda world: str(finish(credentials.look()))),
    "denied": denied,
    "no keyring": absent,
    "a keyring that repeats it": raising,
    "left in the middle": interrupted,
    "signed in, renamed, forgotten": signed_in,
    "test: accepted": lambda world: world.test("accepting"),
    "test: forbidden, repeated by the server": lambda world: world.test("forbidding"),
    "test: refused, repeated by the server": lambda world: world.test("refusing"),
    "test: failing, repeated by the server": lambda world: world.test("failing"),
    "test: babble": lambda world: world.test("babbling"),
    "test: sent away": lambda world: world.test("sending away"),
    "test: not there": unreachable,
    "test: no TLS": plaintext,
    "test: S3": storage,
    "planned at a server that forbids": pushed,
    "in an address": lambda world: world.workbench.add_remote("x", f"oci://{USER}:{VALUE}@ghcr.io/a/b"),
    "in an address of no kind": lambda world: world.workbench.add_remote("x", f"https://{USER}:{VALUE}@ghcr.io/a"),
    "in an address, with all signs": lambda world: world.workbench.add_remote("x", f"oci://a?b/#{VALUE}@ghcr.io/a"),
    "in a query": lambda world: world.workbench.add_remote("x", f"mlflow+https://host/m?token={VALUE}"),
    "in place of an address": lambda world: world.workbench.add_remote("x", VALUE),
    "in an endpoint": lambda world: world.workbench.add_remote("x", "s3://b", endpoint=f"https://u:{VALUE}@host"),
    "login of another program": found,
    "damaged file of another program": damaged_netrc,
    "handed over in the environment": environment,
    "handed over by a descriptor": by_descriptor,
    "a crash": bug,
    "a remote, shown": signer,
    "the doctor": in_keyring(lambda world: repr(finish(world.workbench.doctor()))),
}


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with session(tmp_path_factory.mktemp("keyring"), "unlocked") as made:
        yield made


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    made.manner = "accepting"  # type: ignore[attr-defined]
    Server.received.clear()
    thread = Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.timeout(300)
def test_a_secret_is_seen_nowhere(
    unlocked: dict[str, str], home: Path, server: ThreadingHTTPServer, figure: Callable[[str], None]
) -> None:
    hits: dict[str, list[str]] = {}
    quick = Network(attempts=1, longest_wait=0.1)
    for name, scenario in SCENARIOS.items():
        settings = home / "config" / "settings.json"
        settings.unlink(missing_ok=True)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("DBUS_SESSION_BUS_ADDRESS", unlocked["DBUS_SESSION_BUS_ADDRESS"])
            patched.setattr("diptych.workbench.remotes.Network", lambda **given: quick)
            workbench = Workbench.open()
            with watching(home) as watch:
                try:
                    watch.see("result", str(scenario(World(workbench, home, watch, server, patched))))
                except Exception as error:
                    watch.see_error(error)
            workbench.catalog.close()
        if watch.hits:
            hits[name] = watch.hits
    figure(f"canary: {sum(map(len, hits.values()))} hits in {len(SCENARIOS)} scenarios")
    assert hits == {}
    assert len(SCENARIOS) >= 30
    assert Server.received, "the login never arrived where it is for"


def test_the_watch_sees_what_it_is_for(home: Path) -> None:
    with watching(home) as watch:
        (home / "file").write_text(f"token: {VALUE}")
        logging.getLogger("any").debug("sending %s", VALUE)
        watch.see_error(ValueError(VALUE))
        child = subprocess.Popen(
            [sys.executable, "-c", "input()", VALUE], env={**os.environ, "TOKEN": VALUE}, stdin=subprocess.PIPE
        )
        until = {"cmdline of a child", "environ of a child"}
        while not until <= set(watch.hits):
            assert child.poll() is None
        child.communicate(b"\n")
    assert set(watch.hits) == {"file file", "log of any", "error", "traceback", *until}
