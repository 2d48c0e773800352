"""Addresses of registries: what is understood, what is refused, and that no refusal repeats a secret."""

from __future__ import annotations

import pytest

from diptych.domain.address import parse
from diptych.errors import Refused

CANARY = "hf_Canary0123456789"


@pytest.mark.parametrize(
    ("text", "kind", "host", "port", "path", "origin"),
    [
        ("hf://org/name", "hub", "", None, "org/name", ""),
        ("hf+https://hub.example/org/name", "hub", "hub.example", None, "org/name", "https://hub.example"),
        ("oci://GHCR.io/a/b", "oci", "ghcr.io", None, "a/b", "https://ghcr.io"),
        ("oci+http://127.0.0.1:5000/x", "oci", "127.0.0.1", 5000, "x", "http://127.0.0.1:5000"),
        ("oci+http://[::1]:5000/x", "oci", "::1", 5000, "x", "http://[::1]:5000"),
        ("mlflow+https://host:8443/my%20model", "mlflow", "host", 8443, "my model", "https://host:8443"),
        ("s3://bucket", "s3", "bucket", None, "", ""),
        ("s3://bucket/a/b@c/", "s3", "bucket", None, "a/b@c", ""),
        ("file:///srv/models/", "folder", "", None, "/srv/models", ""),
        ("file:///srv/50%2541%3F", "folder", "", None, "/srv/50%41?", ""),
        ("file:///srv/a@b", "folder", "", None, "/srv/a@b", ""),
    ],
)
def test_an_address_says_what_it_is(text: str, kind: str, host: str, port: int | None, path: str, origin: str) -> None:
    address = parse(text)
    assert (address.kind, address.host, address.port, address.path) == (kind, host, port, path)
    assert address.origin == origin
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "org/name", "hf://", "hf:///", "hf://a/b/c", "oci://host", "oci://host/", "oci://host/a/../b", "ftp://host/x",
        "mlflow+http://host/m", "oci+http://10.0.0.1/x", "oci://host:port/x", "oci://[::1/x", "file://folder", "s3://",
        "oci://host/a?b", "oci://host/a#b", "oci://host/repo@sha256:0", "hf://org/name@main",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        CANARY, f"https://{CANARY}@host/x", f"oci://jane:{CANARY}@host/x", f"oci://{CANARY}@host/x",
        f"oci://jane:a/{CANARY}@host/x", f"oci://jane:a?{CANARY}@host/x", f"oci://jane:a#{CANARY}@host/x",
        f"hf://jane:{CANARY}@org/name", f"s3://AK:{CANARY}@bucket/x", f"mlflow+https://host/m?token={CANARY}",
        f"mlflow+https://host/m?mail=a@b&token={CANARY}", f"oci://host/x#{CANARY}", f"ftp://host/x?key={CANARY}",
    ],
)  # fmt: skip
def test_an_address_with_a_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert CANARY not in f"{caught.value.message} {caught.value.hint}"
