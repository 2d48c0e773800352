"""Logins at OCI registries: passwords over TLS, tokens with the scope they need, and who is given a password."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.domain.shipping import Wishes
from diptych.errors import NeedsSecret, Refused
from diptych.job import finish
from diptych.remotes.network import Network
from diptych.remotes.oci import Oci
from diptych.remotes.oci_login import Login, challenges, related
from stands import QUICK, Notes, files_of_a_model, fresh, shipment
from stands.authority import Authority
from stands.oci import PASSWORD, USER, Registry
from stands.scripted import scripted, told
from stands.setting import contents
from stands.tokens import Tokens, with_tokens

V1 = Wishes(reference="v1")


V1 = Wishes(reference="v1")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tokens]:
    with with_tokens(tmp_path_factory.mktemp("tokens")) as made:
        yield made


def push(remote: Oci, folder: Path, wishes: Wishes = V1, files: dict[str, bytes] | None = None) -> Any:
    sent = shipment(folder, files or files_of_a_model())
    return finish(remote.push(finish(remote.plan(sent, wishes)), Notes()))


def test_tls_and_a_password(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good = authority.vouch("good")
    served = Registry(tmp_path / "registry", (good.certificate, good.key))
    try:
        for ca_file in (authority.file, None):
            network = Network(ca_file=ca_file, attempts=2, longest_wait=0.1)
            remote = Oci(parse(f"oci://localhost:{served.port}/tests/tls"), Secret(PASSWORD, USER), network, {})
            if ca_file is None:
                with pytest.raises(Refused, match="certificate"):
                    finish(remote.check())
            else:
                push(remote, tmp_path / "source")
                finish(remote.pull("v1", tmp_path / "pulled"))
                assert contents(tmp_path / "pulled") == files_of_a_model()
            remote.close()
    finally:
        served.close()


def _tokened(tokens: Tokens, secret: Secret | None, model: str = "", speed: float = 0) -> Oci:
    address = parse(f"oci+http://127.0.0.1:{tokens.registry.port}/tests/{model or fresh()}")
    return Oci(address, secret, replace(QUICK, bytes_per_second=speed), {"chunk": str(1 << 20)})


def test_tokens_are_asked_for_with_the_scope_they_need(tokens: Tokens, tmp_path: Path) -> None:
    remote = _tokened(tokens, Secret(PASSWORD, USER))
    before = len(tokens.giver.requests)
    push(remote, tmp_path / "source")
    finish(remote.pull("v1", tmp_path / "pulled"))
    remote.close()
    assert contents(tmp_path / "pulled") == files_of_a_model()
    asked = tokens.giver.requests[before:]
    assert len(asked) == 1
    assert "pull%2Cpush" in asked[0].path


def test_a_token_that_ends_during_a_push_is_renewed(tokens: Tokens, tmp_path: Path) -> None:
    remote = _tokened(tokens, Secret(PASSWORD, USER))
    before = len(tokens.giver.requests)
    tokens.seconds = -59  # the registry grants a minute of leeway, so these end in a second
    try:
        sent = shipment(tmp_path / "source", files_of_a_model())
        plan = finish(remote.plan(sent, V1))
        remote.close()
        slow = _tokened(tokens, Secret(PASSWORD, USER), remote.address.path.rpartition("/")[2], 1_500_000)
        finish(slow.push(plan, Notes()))
        slow.close()
    finally:
        tokens.seconds = 300
    assert len(tokens.giver.requests) - before > 2


def test_a_chunk_that_goes_again_with_a_new_token_is_counted_once(
    tokens: Tokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = Login.headers
    chunks: list[str] = []

    def spoiled(login: Login, method: str, url: str, given: Mapping[str, str]) -> Mapping[str, str]:
        chunks.extend([url] if method == "PATCH" else [])
        if method == "PATCH" and len(chunks) == 1:
            return {"Authorization": "Bearer ended"}
        return headers(login, method, url, given)

    monkeypatch.setattr(Login, "headers", spoiled)
    remote = _tokened(tokens, Secret(PASSWORD, USER))
    push(remote, tmp_path / "source", files={"config.json": b"{}"})
    remote.close()
    assert chunks[0] == chunks[1]


@pytest.mark.parametrize("secret", [None, Secret("wrong", USER)], ids=["none", "wrong"])
def test_no_token_without_the_right_password(tokens: Tokens, secret: Secret | None, tmp_path: Path) -> None:
    remote = _tokened(tokens, secret)
    with pytest.raises(NeedsSecret):
        push(remote, tmp_path)
    remote.close()


@pytest.mark.parametrize(
    "realm",
    [
        "http://127.0.0.2:{port}/token",
        "http://localhost:{port}/token",
        "http://127.0.0.1@127.0.0.2:{port}/token",
        "https://auth.example.com/token",
        "http://example.com/token",
        "file:///etc/passwd",
        "//127.0.0.2:{port}/token",
        "",
        "http://[::1",
    ],
)
def test_the_login_is_not_sent_to_another_domain(realm: str) -> None:
    with scripted(lambda request, writer: told(200, b'{"token": "x"}'), "127.0.0.2") as thief:
        challenge = f'Bearer realm="{realm.format(port=thief.port)}",service="s"'
        with scripted(lambda request, writer: told(401, www_authenticate=challenge)) as server:
            address = parse(f"oci+http://127.0.0.1:{server.port}/x")
            remote = Oci(address, Secret(PASSWORD, USER), QUICK, {})
            with pytest.raises((Refused, NeedsSecret)):
                finish(remote.check())
            remote.close()
            assert thief.requests == []
            assert "authorization" not in server.everything


def test_hosts_are_related_by_their_domain() -> None:
    assert related("registry-1.docker.io", "auth.docker.io")
    assert related("registry.gitlab.com", "gitlab.com")
    assert related("registry.firm.co.uk", "login.firm.co.uk")
    for one, other in (
        ("registry.firm.co.uk", "evil.co.uk"),
        ("docker.io", "notdocker.io"),
        ("10.0.0.1", "10.0.0.1.evil.com"),
        ("10.1.0.1", "10.2.0.1"),
        ("registry", "auth"),
        ("localhost", "evil.localhost.com"),
    ):
        assert not related(one, other), (one, other)


def test_challenges_are_read() -> None:
    line = 'Bearer realm="https://a/b?c=d,e",service="x y", scope="repository:a:pull,push", Basic realm="r"'
    assert challenges([line]) == [
        ("bearer", {"realm": "https://a/b?c=d,e", "service": "x y", "scope": "repository:a:pull,push"}),
        ("basic", {"realm": "r"}),
    ]
    assert challenges(["", "Negotiate", "x" * 100_000, 'Bearer realm="']) is not None
