"""Registries by name: what is kept of them, where their login comes from, and that it goes with them."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from diptych import credentials
from diptych.credentials import NoKeyring
from diptych.domain.secret import Secret
from diptych.domain.shipping import Access
from diptych.errors import Conflict, DiptychError, NeedsSecret, NotFound, Refused
from diptych.job import Tick, finish
from diptych.remotes.network import Network
from diptych.settings import Settings
from diptych.workbench import Workbench, remotes
from stands.keyring import session


class Spoken:
    """A remote that tells what it was opened with."""

    opened: ClassVar[list[Spoken]] = []

    def __init__(self, address: Any, secret: Secret | None, network: Any, options: Any) -> None:
        self.address, self.secret, self.network, self.options = address, secret, network, dict(options)
        self.closed = False
        Spoken.opened.append(self)

    def check(self) -> Generator[Tick, None, Access]:
        yield Tick("asking who we are")
        if self.secret is None:
            raise NeedsSecret("host: wants a login", "Sign in.")
        return Access(f"{self.secret.user} there", True, "Stand 1.0")

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[Spoken]:
    monkeypatch.setattr(remotes, "open_remote", Spoken)
    monkeypatch.setattr(Spoken, "opened", [])
    return Spoken.opened


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with session(tmp_path_factory.mktemp("keyring"), "unlocked") as environment:
        yield environment


@pytest.fixture
def keyring(unlocked: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", unlocked["DBUS_SESSION_BUS_ADDRESS"])


def test_a_remote_is_kept_with_its_options(workbench: Workbench) -> None:
    workbench.add_remote("store", "s3://bucket/models", endpoint="http://127.0.0.1:9000/", region="eu", user="AK",
                         throttle="2e6", ca_file="")  # fmt: skip
    again = Workbench(workbench.catalog, Settings.load())
    (remote,) = again.remotes()
    assert (remote.name, str(remote.address), remote.user) == ("store", "s3://bucket/models", "AK")
    assert remote.options == {"endpoint": "http://127.0.0.1:9000", "region": "eu"}
    assert (remote.throttle, remote.ca_file, remote.signed_in, remote.tested) == (2e6, None, "", None)


@pytest.mark.parametrize("address", ["s3://bucket", "mlflow+https://host/model"])
def test_verifying_can_be_told_to_read_everything_back(address: str, workbench: Workbench) -> None:
    assert workbench.add_remote("whole", address, verify="whole").options == {"verify": "whole"}


@pytest.mark.parametrize(
    ("name", "address", "options", "words"),
    [
        ("", "hf://a/b", {}, "cannot be the name"),
        ("a b", "hf://a/b", {}, "cannot be the name"),
        ("../x", "hf://a/b", {}, "cannot be the name"),
        ("-x", "hf://a/b", {}, "cannot be the name"),
        ("x" * 41, "hf://a/b", {}, "cannot be the name"),
        ("ok", "https://host/x", {}, "not an address"),
        ("ok", "mlflow+http://host/x", {}, "this machine only"),
        ("ok", "hf://a/b", {"endpoint": "https://x"}, "has no endpoint"),
        ("ok", "hf://a/b", {"password": "x"}, "has no password"),
        ("ok", "s3://b", {"endpoint": "http://far.example"}, "this machine only"),
        ("ok", "s3://b", {"endpoint": "far.example"}, "not the address of a server"),
        ("ok", "s3://b", {"endpoint": "https://u:p@far.example"}, "not the address of a server"),
        ("ok", "s3://b", {"verify": "half"}, "takes `whole` or nothing"),
        ("ok", "mlflow+https://host/x", {"verify": "half"}, "takes `whole` or nothing"),
        ("ok", "s3://b", {"throttle": "fast"}, "not a number"),
        ("ok", "s3://b", {"throttle": "-1"}, "not a number"),
        ("ok", "s3://b", {"region": "a\nb"}, "cannot be the region"),
        ("ok", "hf://a/b", {"ca_file": "/nowhere.pem"}, "no certificates"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_kept(
    name: str, address: str, options: dict[str, str], words: str, workbench: Workbench
) -> None:
    with pytest.raises(Refused, match=words):
        workbench.add_remote(name, address, **options)
    assert workbench.remotes() == ()
    assert Settings.load().remotes == {}


def test_a_test_is_not_tried_for_as_long_as_a_push(workbench: Workbench, spoken: list[Spoken]) -> None:
    workbench.add_remote("typo", "hf://a/b")
    workbench.keep_login("typo", Secret("s"))
    finish(workbench.test_remote("typo"))
    finish(workbench.remote_for("typo"))
    assert [each.network.attempts for each in spoken] == [2, Network().attempts]


def test_options_can_be_changed_and_the_rest_stays(workbench: Workbench) -> None:
    workbench.add_remote("store", "s3://bucket", endpoint="http://127.0.0.1:9000", region="eu", user="AK", throttle="5")
    workbench.keep_login("store", Secret("key", "AK"))
    finish(workbench.test_remote("store"))
    changed = workbench.change_remote("store", region="", endpoint="http://127.0.0.1:9001", throttle="7")
    assert Settings.load().remotes["store"]["endpoint"] == "http://127.0.0.1:9001"
    assert changed.options == {"endpoint": "http://127.0.0.1:9001"}
    assert (changed.user, changed.throttle, changed.tested) == ("AK", 7, None)
    with pytest.raises(Refused, match="this machine only"):
        workbench.change_remote("store", endpoint="http://far.example")
    assert workbench.remote("store") == changed


def test_one_set_of_logins_serves_all_jobs_of_a_workbench(workbench: Workbench) -> None:
    workbench.add_remote("store", "s3://bucket")
    barrier = threading.Barrier(8)
    seen: list[object] = []

    def ask() -> None:
        barrier.wait()
        seen.append(workbench._remotes)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in seen}) == 1


def test_names_that_share_a_variable_of_the_environment_are_told_apart(workbench: Workbench) -> None:
    workbench.add_remote("my-hub", "hf://a/b")
    for name in ("my-hub", "MY_HUB", "my.hub"):
        with pytest.raises(Conflict, match="there is a remote my-hub"):
            workbench.add_remote(name, "hf://a/c")


@pytest.mark.parametrize("entry", [3, {}, {"address": 3}, {"address": "gopher://x"}, {"address": "hf://u:p@x/y"}])
def test_entries_that_make_no_sense_are_passed_over(entry: object, home: Path, workbench: Workbench) -> None:
    (home / "config").mkdir()
    stored = {"remotes": {"odd": entry, "good": {"address": "hf://a/b", "tested": "inf", "throttle": "x"}}}
    (home / "config" / "settings.json").write_text(json.dumps(stored))
    (remote,) = Workbench(workbench.catalog, Settings.load()).remotes()
    assert (remote.name, remote.tested, remote.throttle) == ("good", None, 0)


def test_the_login_comes_from_the_session_then_the_environment_then_the_keyring(
    workbench: Workbench, keyring: None, monkeypatch: pytest.MonkeyPatch, spoken: list[Spoken]
) -> None:
    workbench.add_remote("reg", "oci://ghcr.io/a/b", user="jane")
    finish(workbench.login("reg", Secret("in keyring", "joe")))
    finish(workbench.remote_for("reg"))
    monkeypatch.setenv("DIPTYCH_TOKEN_REG", "in environment")
    later = Workbench(workbench.catalog, Settings.load())
    finish(later.remote_for("reg"))
    later.keep_login("reg", Secret("in session", "jim"))
    finish(later.remote_for("reg"))
    finish(later.remote_for("oci://ghcr.io/a/b"))
    finish(later.remote_for("oci://ghcr.io/a/other"))
    assert [one.secret for one in spoken] == [
        Secret("in keyring", "joe"),
        Secret("in environment", "joe"),
        Secret("in session", "jim"),
        Secret("in session", "jim"),
        None,
    ]


def test_a_test_is_remembered_and_ends_the_connection(workbench: Workbench, spoken: list[Spoken]) -> None:
    workbench.add_remote("reg", "oci://ghcr.io/a/b", throttle="1000")
    with pytest.raises(NeedsSecret):
        finish(workbench.test_remote("reg"))
    assert workbench.remote("reg").tested is None
    workbench.keep_login("reg", Secret("s", "jane"))
    assert finish(workbench.test_remote("reg")).can_write is True
    remote = Workbench(workbench.catalog, Settings.load()).remote("reg")
    assert (remote.account, remote.tested is not None, remote.signed_in) == ("jane there", True, "")
    assert [one.closed for one in spoken] == [True, True]
    assert spoken[0].network.bytes_per_second == 1000


def test_a_login_goes_with_the_name_and_ends_with_it(workbench: Workbench, keyring: None) -> None:
    workbench.add_remote("old", "hf://a/b")
    finish(workbench.login("old", Secret("s")))
    finish(workbench.rename_remote("old", "new"))
    assert finish(credentials.get("old")) is None
    assert finish(credentials.get("new")) == Secret("s")
    assert [one.name for one in workbench.remotes()] == ["new"]
    finish(workbench.forget_remote("new"))
    assert finish(credentials.get("new")) is None
    assert Settings.load().remotes == {}


def test_a_remote_is_not_forgotten_without_its_login(workbench: Workbench, keyring: None) -> None:
    workbench.add_remote("reg", "oci://ghcr.io/a/b")
    finish(workbench.login("reg", Secret("s", "u")))
    with pytest.MonkeyPatch.context() as without:
        without.delenv("DBUS_SESSION_BUS_ADDRESS")
        with pytest.raises(NoKeyring):
            finish(workbench.forget_remote("reg"))
        assert [one.name for one in workbench.remotes()] == ["reg"]
        finish(workbench.forget_remote("reg", leave_login=True))
    assert workbench.remotes() == ()
    assert finish(credentials.forget("reg"))


def test_a_login_that_has_gone_from_the_keyring_is_told(workbench: Workbench, keyring: None) -> None:
    workbench.add_remote("gone", "hf://a/b")
    finish(workbench.login("gone", Secret("s")))
    finish(credentials.forget("gone"))
    with pytest.raises(NeedsSecret, match="not in the keyring any more"):
        finish(workbench.remote_for("gone"))


def test_without_a_keyring_a_login_lasts_for_the_session(workbench: Workbench, spoken: list[Spoken]) -> None:
    workbench.add_remote("reg", "oci://ghcr.io/a/b")
    with pytest.raises(NoKeyring, match="no keyring on this machine"):
        finish(workbench.login("reg", Secret("s", "u")))
    workbench.keep_login("reg", Secret("s", "u"))
    assert workbench.remote("reg").signed_in == "session"
    finish(workbench.rename_remote("reg", "other"))
    finish(workbench.remote_for("other"))
    assert spoken[-1].secret == Secret("s", "u")
    assert Workbench(workbench.catalog, Settings.load()).remote("other").signed_in == ""


def test_a_folder_needs_no_login(workbench: Workbench, tmp_path: Path, spoken: list[Spoken]) -> None:
    workbench.add_remote("share", f"file://{tmp_path}")
    with pytest.raises(Refused, match="needs no login"):
        workbench.keep_login("share", Secret("s"))
    finish(workbench.remote_for("share"))
    assert spoken[-1].secret is None


def test_a_found_login_is_copied_only_to_where_it_belongs(workbench: Workbench, keyring: None, home: Path) -> None:
    (home / ".netrc").write_text("machine ghcr.io login jane password net\n")
    (login,) = finish(workbench.found_logins())
    workbench.add_remote("here", "oci://ghcr.io/a/b")
    workbench.add_remote("there", "oci://quay.io/a/b")
    with pytest.raises(Refused, match="is not meant for there"):
        finish(workbench.import_login("there", login))
    finish(workbench.import_login("here", login))
    assert finish(credentials.get("here")) == Secret("net", "jane")
    finish(workbench.forget_remote("here"))


@pytest.mark.parametrize("verb", ["test_remote", "forget_remote", "remote_for"])
def test_a_name_that_is_not_there_is_told_with_those_that_are(verb: str, workbench: Workbench) -> None:
    workbench.add_remote("mine", "hf://a/b")
    with pytest.raises(NotFound) as caught:
        finish(getattr(workbench, verb)("yours"))
    assert isinstance(caught.value, DiptychError)
    assert "mine" in caught.value.hint
