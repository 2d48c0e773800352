"""Addresses of registries say what they are and hold no secret; secrets never show themselves."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.domain.address import SCHEMES, Address, is_loopback, parse, quoted
from diptych.domain.secret import Secret
from diptych.errors import Refused

GOOD = {
    "hf://org/name": ("hub", "", None, "org/name", ""),
    "hf://gpt2": ("hub", "", None, "gpt2", ""),
    "mlflow+https://host/model": ("mlflow", "host", None, "model", "https://host"),
    "mlflow+http://127.0.0.1:5000/my model": ("mlflow", "127.0.0.1", 5000, "my model", "http://127.0.0.1:5000"),
    "oci://Registry.Example:443/a/b": ("oci", "registry.example", 443, "a/b", "https://registry.example:443"),
    "oci+http://127.0.0.1:5000/x": ("oci", "127.0.0.1", 5000, "x", "http://127.0.0.1:5000"),
    "oci+http://[::1]:5000/x": ("oci", "::1", 5000, "x", "http://[::1]:5000"),
    "oci+http://localhost/x": ("oci", "localhost", None, "x", "http://localhost"),
    "s3://bucket": ("s3", "bucket", None, "", ""),
    "s3://bucket/a/b": ("s3", "bucket", None, "a/b", ""),
    "file:///srv/models": ("folder", "", None, "/srv/models", ""),
    "file:///srv/a%20b/": ("folder", "", None, "/srv/a b", ""),
    "hf+http://127.0.0.1:8080/org/name": ("hub", "127.0.0.1", 8080, "org/name", "http://127.0.0.1:8080"),
    "hf+https://hub.example/org/name": ("hub", "hub.example", None, "org/name", "https://hub.example"),
}


@pytest.mark.parametrize("text", GOOD)
def test_an_address_says_what_it_is(text: str) -> None:
    kind, host, port, path, origin = GOOD[text]
    address = parse(text)
    assert (address.kind, address.host, address.port, address.path, address.origin) == (kind, host, port, path, origin)
    assert address.plain == ("+http:" in text)


@pytest.mark.parametrize("text", GOOD)
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    address = parse(text)
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "org/name",
        "http://host/x",
        "https://host/x",
        "ftp://host/x",
        "oci:host/x",
        "oci://",
        "oci:///x",
        "hf://org/name?token=hf_secret",
        "hf://org/name#hf_secret",
        "oci://host",
        "oci://host/",
        "oci://host/a//b",
        "oci://host/a/../b",
        "oci://host/./b",
        "oci://host/%2e%2e/b",
        "oci://host/a\x00b",
        "oci://host/a%0ab",
        "oci://host/a\u202eb",
        "oci://host:port/x",
        "oci://host:99999/x",
        "oci://[::1/x",
        "oci://host/x?token=y",
        "oci://host/x#part",
        "oci://user:hunter2@host/x",
        "oci://hunter2@host/x",
        "mlflow+https://user:hunter2@host/model",
        "hf://a/b/c",
        "hf://",
        "file://relative",
        "file://host/x",
        "oci+http://example.com/x",
        "oci+http://192.168.1.5:5000/x",
        "oci+http://127.0.0.1.example.com/x",
        "oci+http://0.0.0.0/x",
        "mlflow+http://mlflow.internal/model",
        "hf+http://hub.example/org/name",
    ],
)
def test_what_is_none_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert caught.value.message.isprintable()
    assert caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("page", ["acme/model-1.5", "acme/model-1.5/tree/main", "acme/model-1.5?library=x"])
def test_the_page_of_a_model_leads_to_its_address(page: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(f"https://huggingface.co/{page}")
    assert caught.value.hint == "Write hf://acme/model-1.5."
    with pytest.raises(Refused) as caught:
        parse(f"https://huggingface.co/datasets/{page}")
    assert caught.value.hint.startswith("Write hf://org/name, ")


@given(st.sampled_from(sorted(SCHEMES)), st.text(max_size=40))
def test_any_text_is_an_address_or_refused(scheme: str, rest: str) -> None:
    try:
        address = parse(f"{scheme}://{rest}")
    except Refused:
        return
    assert parse(str(address)).kind == address.kind
    assert "@" not in address.authority
    if address.plain:
        assert is_loopback(address.host)


def test_this_machine_is_known_by_its_addresses() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.9.10", "::1", "[::1]")))
    assert not any(map(is_loopback, ("", "example.com", "127.0.0.1.nip.io", "10.0.0.1", "0.0.0.0", "localhost.evil")))


def test_paths_are_quoted_for_use_in_a_url() -> None:
    assert quoted("a b/ü?#") == "a%20b/%C3%BC%3F%23"
    assert Address("oci", "oci", "host", None, "x").authority == "host"


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("hunter2", "ann")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]} {Secret('hunter2')!r}"
    assert not hasattr(secret, "__dict__")
    for spread in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            spread(secret)
    assert "hunter2" not in "".join(traceback.format_exception(ValueError(secret)))
    assert secret == Secret("hunter2", "ann")
    assert secret != Secret("hunter2", "bob")
    assert hash(secret) == hash(Secret("hunter2", "ann"))
    assert secret.reveal() == "hunter2"
