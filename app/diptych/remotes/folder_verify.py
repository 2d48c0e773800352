"""Whether what was delivered to a folder is still there: every file is hashed, and others beside them are named."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from diptych.display import size
from diptych.domain.shipping import Delivered, Receipt, Standing, Verified
from diptych.domain.version import Digest
from diptych.errors import DiptychError
from diptych.job import Job
from diptych.remotes.beneath import open_file
from diptych.remotes.folder_shelf import MANIFEST, Shelf
from diptych.tensors.digest import digest_files


def verify(shelf: Shelf, receipt: Receipt) -> Job[Verified]:
    """Look at every file of a receipt."""
    name = receipt.ids.get("folder", receipt.reference)
    folder = shelf.root / name
    standings = {file.name: _standing(folder, file) for file in receipt.files}
    whole = {folder / file.name: file for file in receipt.files if standings[file.name][0] is Standing.SAME}
    digests = yield from digest_files(list(whole))
    for path, file in whole.items():
        found = digests[path]
        if not isinstance(found, Digest):
            standings[file.name] = (Standing.DIFFERS, found.reason)
        elif found.value != file.sha256:
            standings[file.name] = (Standing.DIFFERS, "has other bytes of the same size")
    for extra in shelf.files(name) - set(standings) - {MANIFEST}:
        standings[extra] = (Standing.EXTRA, "was not delivered")
    return Verified(tuple(sorted((name, *standing) for name, standing in standings.items())), _notes(shelf, receipt))


def altered(shelf: Shelf, name: str, files: Iterable[Delivered]) -> Job[frozenset[str]]:
    """Which of `files` have not the digests any more with which they were delivered. Ticks count bytes."""
    wanted = {shelf.root / name / file.name: file for file in files}
    digests = yield from digest_files(list(wanted))
    return frozenset(
        wanted[path].name
        for path, found in digests.items()
        if not isinstance(found, Digest) or found.value != wanted[path].sha256
    )


def _standing(folder: Path, file: Delivered) -> tuple[Standing, str]:
    if not os.path.lexists(folder / file.name):
        return Standing.MISSING, "not there any more"
    try:
        with open_file(folder, file.name) as found:
            count = os.fstat(found.fileno()).st_size
    except DiptychError as error:
        return Standing.DIFFERS, error.message
    if count != file.bytes:
        return Standing.DIFFERS, f"has {size(count)}, was delivered with {size(file.bytes)}"
    return Standing.SAME, "same digest"


def _notes(shelf: Shelf, receipt: Receipt) -> tuple[str, ...]:
    name = receipt.ids.get("folder", receipt.reference)
    try:
        manifest = shelf.manifest(name)
    except DiptychError as error:
        return (error.message,)
    if manifest is None:
        return (f"folder {name} holds no version any more",)
    if f"sha256:{manifest.digest}" != receipt.ids.get("manifest"):
        return (f"folder {name} holds another version now",)
    return ()
