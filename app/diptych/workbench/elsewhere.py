"""A version at a remote as one side of a comparison: headers and small files by range reads, nothing else is fetched.

What was read lies in a folder of the cache: small files as they are, weight files as holes of their full size with only
the header filled in. The folder is read like any other, but its weights count as not being here.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from diptych import display, places
from diptych.catalog import Catalog, identity
from diptych.domain.dossier import Dossier
from diptych.domain.shipping import Delivered, Remote
from diptych.domain.version import Artifact, Digest
from diptych.errors import Damaged, Refused
from diptych.formats.safetensors import MOST_HEADER
from diptych.job import Job, Tick
from diptych.remotes.names import Names
from diptych.workbench.dossiers import from_path
from diptych.workbench.pushing import Opener
from diptych.workbench.roles import role

_SMALL = 32 << 20
"""Bytes up to which a file that is no weight file is fetched whole: the tokenizer of a large vocabulary has 17 MB."""
_MOST = 256 << 20
"""Bytes fetched in all."""
_FIRST = 1 << 16
_HEADED = ".safetensors"
_SKIPPED = (".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx", ".h5", ".msgpack", ".npz", ".pkl")
_TOGETHER = "complete"


def split(text: str) -> tuple[str, str]:
    """The remote and the ref that `text` names. The ref may be empty: the remote's usual one."""
    where, at, ref = text.rpartition("@")
    return (where, ref) if at else (text, "")


def from_remote(catalog: Catalog, open_remote: Opener, text: str) -> Job[Dossier]:
    """The dossier of a version at a remote, without its weights' values. Raises what the remote raises."""
    where, ref = split(text)
    remote = yield from open_remote(where)
    with closing(remote):
        files = yield from remote.files(ref)
        names = Names()
        for file in files:
            names.admit(file.name)
        folder = _folder(str(remote.address), ref, files)
        if not (folder.parent / _TOGETHER).exists():
            yield from _fetch(remote, ref, files, folder)
    return _told(catalog, from_path(catalog, folder), text, files)


def _folder(address: str, ref: str, files: Sequence[Delivered]) -> Path:
    """Where these files are kept: for ever the same place while the remote lists the same content."""
    listing = json.dumps([address, ref, sorted((one.name, one.bytes, one.sha256) for one in files)])
    digest = hashlib.sha256(listing.encode()).hexdigest()[:24]
    name = address.rpartition("/")[2] or "version"
    return places.cache_folder() / "remote" / digest / name


def _fetch(remote: Remote, ref: str, files: Sequence[Delivered], folder: Path) -> Job[None]:
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    wanted = [file for file in files if file.name.endswith(_HEADED) or _is_small(file)]
    fetched = 0
    for number, file in enumerate(wanted):
        yield Tick(f"Reading {file.name}", number, len(wanted), "files")
        target = folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.name.endswith(_HEADED):
            content = yield from _header(remote, ref, file)
        else:
            content = yield from remote.read(ref, file.name, 0, file.bytes)
            if file.sha256 and hashlib.sha256(content).hexdigest() != file.sha256:
                raise Damaged(f"{display.visible(file.name)}: the remote sends other bytes than it lists")
        fetched += len(content)
        if fetched > _MOST:
            raise Refused(f"{remote.address}: more small files than {display.size(_MOST)}", "Pull it instead.")
        with target.open("xb") as stream:
            stream.write(content)
            os.ftruncate(stream.fileno(), file.bytes)
    (folder.parent / _TOGETHER).touch()


def _is_small(file: Delivered) -> bool:
    return file.bytes <= _SMALL and not file.name.endswith(_SKIPPED)


def _header(remote: Remote, ref: str, file: Delivered) -> Job[bytes]:
    """The length and header of a safetensors file; nothing of its data."""
    head = yield from remote.read(ref, file.name, 0, min(_FIRST, file.bytes))
    length = int.from_bytes(head[:8], "little")
    if length > MOST_HEADER or 8 + length > file.bytes:
        raise Damaged(f"{display.visible(file.name)}: its header does not fit into it", "Look at it at the remote.")
    if 8 + length > len(head):
        head += yield from remote.read(ref, file.name, len(head), 8 + length - len(head))
    return head[: 8 + length]


def _told(catalog: Catalog, dossier: Dossier, text: str, files: Sequence[Delivered]) -> Dossier:
    """The dossier with its name and digests from the remote, and without what only its files could answer."""
    digests = {file.name: file.sha256 for file in files if file.sha256}
    version = dossier.version
    artifacts = [_with_digest(one, digests.get(one.path, "")) for one in version.artifacts]
    seen = {one.path for one in artifacts}
    left = [Artifact(one.name, one.bytes, 0, role(one.name, ()), None) for one in files if one.name not in seen]
    artifacts += [_with_digest(one, digests.get(one.path, "")) for one in left]
    content = identity.final(artifacts)
    return replace(
        dossier,
        version=version._replace(name=text, model=split(text)[0], path=None, places=(), artifacts=tuple(artifacts)),
        weights=None,
        # the same content may have been read here
        fingerprint=partial(catalog.fingerprints.of, content) if content else None,
    )


def _with_digest(artifact: Artifact, sha256: str) -> Artifact:
    return artifact._replace(modified_ns=0, digest=Digest("sha256", sha256) if sha256 else None)
