"""Whether what was delivered to a bucket is still there.

Small files are read back and hashed. Of the others is known that they are there, that they have the right size, and
that nobody has written them anew, since the server's fingerprint (its ETag, no digest) is that of the delivery. What
rots inside the server is found only by reading everything back, which is done when it is asked for.
"""

from __future__ import annotations

from diptych.display import size
from diptych.domain.shipping import Delivered, Receipt, Standing, Verified
from diptych.errors import Damaged
from diptych.job import Job, Tick
from diptych.remotes.arriving import Checksum
from diptych.remotes.s3_bucket import Stored
from diptych.remotes.s3_store import Store

NO_ETAG = "-"
"""In a receipt: the server gave no fingerprint of the file."""
_SMALL = 1 << 20


def verify(store: Store, receipt: Receipt, whole: bool) -> Job[Verified]:
    """Look at every file of a receipt; with `whole`, all of them are read back."""
    etags = dict(zip((file.sha256 for file in receipt.files), receipt.ids.get("etags", "").split(), strict=False))
    read = {file.sha256: file.bytes for file in receipt.files if whole or file.bytes <= _SMALL}
    total = sum(read.values())
    found: dict[str, tuple[Standing, str]] = {}
    done = 0
    for file in receipt.files:
        if file.sha256 in found:
            continue
        yield Tick(f"Verifying {file.name}", done, total, "bytes")
        stored = yield from store.bucket.stat(store.blob(file.sha256), f"verifying {file.name}")
        found[file.sha256] = _standing(file, stored, etags.get(file.sha256, ""))
        if found[file.sha256][0] is Standing.SAME and file.sha256 in read:
            found[file.sha256] = yield from _read_back(store, file, done, total)
            done += file.bytes
    files = sorted((file.name, *found[file.sha256]) for file in receipt.files)
    return Verified(tuple(files), tuple((yield from _notes(store, receipt))))


def _standing(file: Delivered, stored: Stored | None, etag: str) -> tuple[Standing, str]:
    if stored is None:
        return Standing.MISSING, "not there any more"
    if stored.bytes != file.bytes:
        return Standing.DIFFERS, f"has {size(stored.bytes)}, was delivered with {size(file.bytes)}"
    if stored.sha256 not in ("", file.sha256) or (etag not in ("", NO_ETAG) and stored.etag != etag):
        return Standing.DIFFERS, "was written anew since it was delivered"
    return Standing.SAME, "right size, not written since"


def _read_back(store: Store, file: Delivered, done: int, total: int) -> Job[tuple[Standing, str]]:
    take = Checksum(file.bytes)
    what = f"verifying {file.name}"
    job = store.bucket.fetch(store.blob(file.sha256), take, 0, file.bytes, what)
    try:
        for _ in job:
            yield Tick(what, done + take.received, total, "bytes")
    except Damaged:
        return Standing.DIFFERS, "is longer than its size says"
    same = take.hexdigest() == file.sha256
    return (Standing.SAME, "read back, same digest") if same else (Standing.DIFFERS, "read back, another digest")


def _notes(store: Store, receipt: Receipt) -> Job[list[str]]:
    """What became of the names of the version."""
    digest, tag = receipt.ids.get("manifest", "").removeprefix("sha256:"), receipt.ids.get("tag", "")
    notes = []
    try:
        if (yield from store.manifest(digest)) is None:
            notes.append("its manifest is not there any more")
    except Damaged as error:
        notes.append(error.message)
    try:
        shown = yield from store.shown(tag)
    except Damaged as error:
        return [*notes, error.message]
    if shown != digest:
        notes.append(f"tag {tag} shows another version now" if shown else f"tag {tag} is not there any more")
    return notes
