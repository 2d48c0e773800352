"""Manifests and archives of OCI registries that mean no good."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych.domain.address import parse
from diptych.domain.shipping import Wishes
from diptych.errors import Damaged, Refused
from diptych.job import Job, Tick, finish
from diptych.remotes import oci_tar
from diptych.remotes.oci import Oci
from stands import QUICK, noise
from stands.proxy import Reply, Request
from stands.scripted import scripted, told
from stands.setting import contents

V1 = Wishes(reference="v1")


def _layer(name: str, content: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "mediaType": "application/vnd.cncf.model.weight.v1.raw",
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "size": len(content),
        "annotations": {"org.cncf.model.filepath": name},
        **changes,
    }


GOOD = _layer("config.json", b"{}")
HOSTILE: dict[str, object] = {
    "up": [_layer("../config.json", b"{}")],
    "absolute": [_layer("/etc/cron.d/x", b"{}")],
    "backslash": [_layer("..\\x", b"{}")],
    "drive": [_layer("C:/x", b"{}")],
    "twins": [GOOD, _layer("CONFIG.json", b"{}")],
    "twice": [GOOD, _layer("config.json", b"[]")],
    "nul": [_layer("a\0b", b"{}")],
    "reserved": [_layer("aux", b"{}")],
    "file and folder": [_layer("a", b"{}"), _layer("a/b", b"{}")],
    "no digest": [_layer("x", b"{}", digest="md5:00")],
    "digest with a path": [_layer("x", b"{}", digest="sha256:../../../x")],
    "negative size": [_layer("x", b"{}", size=-1)],
    "true as size": [_layer("x", b"{}", size=True)],
    "smaller than said": [_layer("x", b"{}", size=1)],
    "larger than said": [_layer("x", b"{}", size=3)],
    "no layers": None,
    "layers of text": ["x"],
    "no name": [_layer("x", b"{}", annotations={})],
}


def _serving(manifest: bytes, blobs: dict[str, bytes]) -> Callable[[Request, object], Reply]:
    def script(request: Request, writer: object) -> Reply:
        if "/manifests/" in request.path:
            return told(200, manifest, content_type="application/vnd.oci.image.manifest.v1+json")
        if "/blobs/" in request.path:
            content = blobs.get(request.path.rpartition("/")[2])
            if content is None:
                return told(404)
            if "range" in request.headers:
                begin, end = (int(part or len(content)) for part in request.headers["range"][6:].split("-"))
                part = content[begin : end + 1]
                return told(206, part, content_range=f"bytes {begin}-{begin + len(part) - 1}/{len(content)}")
            return told(200, content)
        return told(200, b"{}")

    return script


def _pull(manifest: object, blobs: dict[str, bytes], folder: Path) -> None:
    with scripted(_serving(json.dumps(manifest).encode(), blobs)) as server:
        remote = Oci(parse(f"oci+http://127.0.0.1:{server.port}/x"), None, QUICK, {})
        try:
            finish(remote.pull("v1", folder / "pulled"))
        finally:
            remote.close()


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_manifests_write_nothing(case: str, tmp_path: Path) -> None:
    manifest = {"schemaVersion": 2, "config": _layer("", b"{}"), "layers": HOSTILE[case]}
    blobs = {str(_layer("", content)["digest"]): content for content in (b"{}", b"[]")}
    with pytest.raises((Refused, Damaged)) as caught:
        _pull(manifest, blobs, tmp_path)
    assert caught.value.message.isprintable()
    assert contents(tmp_path) == {} or not (tmp_path / "pulled").exists()
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".pulled")] == []


def _tar(*members: tuple[str, bytes, bytes], fmt: int = tarfile.PAX_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=fmt) as archive:
        for name, content, kind in members:
            entry = tarfile.TarInfo(name)
            entry.size, entry.type, entry.linkname = (
                len(content),
                kind,
                "/etc/passwd" if kind != tarfile.REGTYPE else "",
            )
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def _archive(content: bytes) -> dict[str, Any]:
    return _layer("", content, mediaType="application/vnd.kitops.modelkit.model.v1.tar", annotations={})


@pytest.mark.parametrize("fmt", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_archives_of_others_are_unpacked(fmt: int, tmp_path: Path) -> None:
    long = "/".join(["a-rather-long-name-of-a-folder"] * 4) + "/x.bin"
    files = {"./one.bin": noise(100_000, 1), "two.bin": b"", long: noise(513, 2), "three": bytes(512)}
    content = _tar(*((name, each, tarfile.REGTYPE) for name, each in files.items()), fmt=fmt)
    _pull(
        {"config": _layer("", b"{}"), "layers": [_archive(content)]},
        {f"sha256:{hashlib.sha256(content).hexdigest()}": content},
        tmp_path,
    )
    assert contents(tmp_path / "pulled") == {name.removeprefix("./"): each for name, each in files.items()}

    def read(start: int, length: int) -> Job[bytes]:
        yield Tick("reading")
        return content[start : start + length]

    for entry in finish(oci_tar.entries(read, len(content))):
        expected = files.get(entry.name, files.get(f"./{entry.name}"))
        assert content[entry.start : entry.start + entry.bytes] == expected


@pytest.mark.parametrize(
    "content",
    [
        _tar(("link", b"", tarfile.SYMTYPE)),
        _tar(("hard", b"", tarfile.LNKTYPE)),
        _tar(("pipe", b"", tarfile.FIFOTYPE)),
        _tar(("device", b"", tarfile.CHRTYPE)),
        _tar(("../up", b"x", tarfile.REGTYPE)),
        _tar(("/absolute", b"x", tarfile.REGTYPE)),
        _tar(("one", b"x", tarfile.REGTYPE), ("ONE", b"y", tarfile.REGTYPE)),
        _tar(("cut", noise(5000), tarfile.REGTYPE))[:2000],
        noise(2048),
        b"short",
    ],
    ids=range(10),
)
def test_hostile_archives_write_nothing(content: bytes, tmp_path: Path) -> None:
    manifest = {"config": _layer("", b"{}"), "layers": [_archive(content)]}
    with pytest.raises((Refused, Damaged)):
        _pull(manifest, {f"sha256:{hashlib.sha256(content).hexdigest()}": content}, tmp_path)
    assert not (tmp_path / "pulled").exists()


def test_an_archive_with_another_digest_is_not_taken(tmp_path: Path) -> None:
    content = _tar(("one", noise(5000), tarfile.REGTYPE))
    wrong = content[:700] + b"!" + content[701:]
    with pytest.raises(Damaged, match="digest"):
        _pull(
            {"config": _layer("", b"{}"), "layers": [_archive(content)]},
            {f"sha256:{hashlib.sha256(content).hexdigest()}": wrong},
            tmp_path,
        )
    assert not (tmp_path / "pulled").exists()
