"""S3 without a server: answers in XML, where a bucket is, what options mean."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.domain.shipping import Delivered, Receipt
from diptych.errors import Refused
from diptych.job import Job, Tick, finish
from diptych.remotes import open_remote
from diptych.remotes.manifest import Manifest
from diptych.remotes.s3_bucket import Bucket, Stored
from diptych.remotes.s3_login import server_of
from diptych.remotes.s3_store import Store
from diptych.remotes.s3_verify import NO_ETAG, verify
from diptych.remotes.s3_xml import parse as parse_xml
from diptych.remotes.wire import Wire
from stands import QUICK

BOMBS = (
    b'<!DOCTYPE a [<!ENTITY b "boom">]><a>&b;</a>',
    b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    b'<!DOCTYPE a [<!ENTITY c SYSTEM "file:///etc/passwd">]><a>&c;</a>',
    b"<a>" * 5000 + b"</a>" * 5000,
    b"<a><b></a></b>",
    b"<a>",
    b"",
    b"\xff\xfe\x00",
    b'{"not": "xml"}',
)


@pytest.mark.parametrize("content", BOMBS)
def test_xml_that_is_more_than_data_is_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        parse_xml(content, "host")


def test_xml_is_read_without_namespaces() -> None:
    root = parse_xml(b'\n<?xml version="1.0"?><L xmlns="http://x/"><K>a&amp;b</K><K>c</K></L>', "host")
    assert (root.name, [child.text for child in root.all("K")], root.of("K"), root.of("N")) == (
        "L",
        ["a&b", "c"],
        "a&b",
        "",
    )


@pytest.mark.parametrize(
    ("address", "options", "expected"),
    [
        ("s3://bucket/x", {}, ("https://bucket.s3.us-east-1.amazonaws.com", "")),
        ("s3://bucket/x", {"region": "eu-central-1"}, ("https://bucket.s3.eu-central-1.amazonaws.com", "")),
        ("s3://a.bucket/x", {}, ("https://s3.us-east-1.amazonaws.com", "/a.bucket")),
        ("s3://bucket/x", {"endpoint": "https://Host:9000/"}, ("https://host:9000", "/bucket")),
        ("s3://bucket/x", {"endpoint": "http://127.0.0.1:9000"}, ("http://127.0.0.1:9000", "/bucket")),
    ],
)
def test_where_a_bucket_is(address: str, options: dict[str, str], expected: tuple[str, str]) -> None:
    assert server_of(parse(address), options) == expected


@pytest.mark.parametrize(
    "endpoint",
    ["host:9000", "ftp://host", "https://", "https://u:p@host", "https://host/path", "https://host?x=1", "http://host"],
)
def test_endpoints_that_are_none_or_not_safe_are_refused(endpoint: str) -> None:
    with pytest.raises(Refused) as caught:
        open_remote(parse("s3://bucket/x"), None, QUICK, {"endpoint": endpoint})
    assert "u:p" not in caught.value.message


@pytest.mark.parametrize("options", [{"verify": "some"}, {"region": "eu west"}])
def test_options_that_mean_nothing_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(Refused):
        open_remote(parse("s3://bucket/x"), Secret("secret", "AKIA"), QUICK, options)


@pytest.mark.parametrize(("etag", "now", "drifted"), [(NO_ETAG, "", False), ("a", "a", False), ("a", "b", True)])
def test_a_server_without_fingerprints_has_not_changed_the_files(
    etag: str, now: str, drifted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, manifest = Delivered("model.safetensors", 5 << 20, "0" * 64), "1" * 64

    def answering(result: object) -> Callable[..., Job[object]]:
        def ask(*_: object) -> Job[object]:
            yield Tick("Asking")
            return result

        return ask

    monkeypatch.setattr(Bucket, "stat", answering(Stored("blob", file.bytes, now, file.sha256)))
    monkeypatch.setattr(Store, "manifest", answering(Manifest("id", "name", (file,))))
    monkeypatch.setattr(Store, "shown", answering(manifest))
    with closing(Wire("http://127.0.0.1:9", QUICK)) as wire:
        receipt = Receipt(
            address=parse("s3://bucket"), target="", version_id="id", reference="", url="",
            ids={"manifest": f"sha256:{manifest}", "tag": "v1", "etags": etag}, files=(file,),
            sent=0, seconds=0, finished=0,
        )  # fmt: skip
        assert finish(verify(Store(Bucket(wire, "/bucket"), "", "bucket"), receipt, False)).drifted is drifted
