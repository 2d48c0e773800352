"""Whether what was delivered to MLflow is still there.

Files that the server says were not written since (its fingerprint, the ETag, is that of the delivery) are not read.
The others are read back and hashed, since MLflow knows no digests; small ones always.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from diptych.display import size
from diptych.domain.shipping import Delivered, Receipt, Standing, Verified
from diptych.errors import Damaged, NotFound
from diptych.job import Job, Tick, together
from diptych.remotes.arriving import Checksum
from diptych.remotes.manifest import Manifest
from diptych.remotes.mlflow_artifacts import Artifacts
from diptych.remotes.mlflow_evidence import MANIFEST
from diptych.remotes.mlflow_registry import Registered, extra

SMALL = 1 << 20
UNKNOWN = "-"


def arrived(artifacts: Artifacts, manifest: Manifest, place: object) -> Job[str]:
    """Look at what was sent, by its sizes and the list of files; what the server tells of large files.

    Those are its fingerprints of files that are too large to be read back every time, in the order of the files.
    Raises `Damaged` where something is not there as it was sent.
    """

    def told() -> Job[str]:
        content = yield from artifacts.small(MANIFEST, "reading the manifest")
        if hashlib.sha256(content).hexdigest() != manifest.digest:
            raise Damaged(f"{MANIFEST}: is not at {place} as it was sent", "Push again.")
        return (yield from _fingerprints(artifacts, manifest.files))

    sizes, etags = yield from together(artifacts.list("verifying files"), told())
    for file in manifest.files:
        if sizes.get(file.name) != file.bytes:
            raise Damaged(f"{file.name}: is not at {place} as it was sent", "Push again.")
    return etags


def verify(registered: Registered, receipt: Receipt, whole: bool) -> Job[Verified]:
    """Look at every file of a receipt; with `whole`, all of them are read back."""
    number, alias = receipt.ids.get("version", ""), receipt.ids.get("alias", "")
    notes = []
    shown = {each.number: each for each in (yield from registered.versions())}
    if number not in shown:
        missing = tuple((file.name, Standing.MISSING, "its version is gone") for file in receipt.files)
        return Verified(tuple(sorted(missing)), (f"version {number} of {registered.name} is not there any more",))
    if shown[number].manifest != receipt.ids.get("manifest", ""):
        notes.append(f"version {number} is tagged as something else now")
    if alias:
        now = (yield from registered.aliases()).get(alias)
        if now != number:
            notes.append(f"alias {alias} shows version {now} now" if now else f"alias {alias} is not there any more")
    artifacts = yield from registered.artifacts(number)
    try:
        yield from registered.manifest(shown[number], artifacts)
    except (NotFound, Damaged) as error:
        notes.append(error.message)
    sizes = yield from artifacts.list("verifying files")
    files = yield from _standings(artifacts, receipt, sizes, whole)
    files += [(name, Standing.EXTRA, "was not delivered") for name in extra(sizes, receipt.files)]
    return Verified(tuple(sorted(files)), tuple(notes))


def _standings(
    artifacts: Artifacts, receipt: Receipt, sizes: Mapping[str, int], whole: bool
) -> Job[list[tuple[str, Standing, str]]]:
    known = dict(zip((file.name for file in receipt.files), receipt.ids.get("etags", "").split(), strict=False))
    total, done = sum(file.bytes for file in receipt.files), 0
    found = []
    for file in receipt.files:
        yield Tick(f"Verifying {file.name}", done, total, "bytes")
        told = known.get(file.name, UNKNOWN)
        if file.name not in sizes:
            standing = Standing.MISSING, "not there any more"
        elif sizes[file.name] != file.bytes:
            standing = Standing.DIFFERS, f"has {size(sizes[file.name])}, was delivered with {size(file.bytes)}"
        elif not whole and told != UNKNOWN and (yield from artifacts.fingerprint(file.name, "verifying")) == told:
            standing = Standing.SAME, "right size, not written since"
        else:
            standing = yield from _read_back(artifacts, file, done, total)
        found.append((file.name, *standing))
        done += file.bytes
    return found


def _read_back(artifacts: Artifacts, file: Delivered, done: int, total: int) -> Job[tuple[Standing, str]]:
    take = Checksum(file.bytes)
    what = f"verifying {file.name}"
    try:
        for _ in artifacts.fetch(file, take, what):
            yield Tick(what, done + take.received, total, "bytes")
    except Damaged:
        return Standing.DIFFERS, "is longer than its size says"
    same = take.hexdigest() == file.sha256
    return (Standing.SAME, "read back, same digest") if same else (Standing.DIFFERS, "read back, another digest")


def _fingerprints(artifacts: Artifacts, files: tuple[Delivered, ...]) -> Job[str]:
    found = []
    cheap = not (yield from artifacts.elsewhere())
    for file in files:
        told = ""
        if cheap and file.bytes > SMALL:
            told = yield from artifacts.fingerprint(file.name, f"verifying {file.name}")
        found.append(UNKNOWN if not told or " " in told else told)
    return " ".join(found)
