"""Fingerprints in the catalog: packed, found again by id, and the nearest of them told from one short vector each.

A fingerprint is two blobs: `head`, compressed JSON with everything but the sketches, and `sketches`, their float32
cells end to end. `vector` folds all sketches of a version into 512 numbers, each tensor turned and signed by its own
name, so that the distance of two vectors estimates that of two versions: E‖u − v‖² = Σ ‖A_t − B_t‖², to about 6 %.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diptych.catalog.connections import Connections
from diptych.catalog.texts import restored, stored
from diptych.domain.fingerprint import Fingerprint, TensorPrint

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CELLS = 512
_LARGEST = float(np.finfo(np.float32).max)
_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A version whose weights lie near."""

    version_id: str
    distance: float
    """‖A − B‖ ∕ ‖A‖ over all tensors, estimated; nought for equal weights."""


class Fingerprints:
    """Reads and writes of one open catalog; any thread may use it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def keep(self, version_id: str, found: Fingerprint) -> None:
        """Keep the fingerprint of a version, in place of one before."""
        head, sketches = packed(found)
        row = (version_id, form_of(found), found.bytes, len(found.tensors), time.time(), vector_of(found).tobytes())
        with self._connections.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO fingerprint (version_id, form, bytes, tensors, made, vector, head, sketches) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, head, sketches),
            )

    def of(self, version_id: str) -> Fingerprint | None:
        """The fingerprint of a version; None where none was made."""
        with self._connections.reading() as connection:
            row = connection.execute(
                "SELECT head, sketches, bytes FROM fingerprint WHERE version_id = ?", (version_id,)
            ).fetchone()
        return None if row is None else unpacked(*row)

    def known(self) -> frozenset[str]:
        """The ids of all versions that have one."""
        with self._connections.reading() as connection:
            return frozenset(row[0] for row in connection.execute("SELECT version_id FROM fingerprint"))

    def neighbours(self, version_id: str, limit: int = 20) -> tuple[Neighbour, ...]:
        """The versions of the same form that lie nearest, the nearest first; empty without a fingerprint."""
        with self._connections.reading() as connection:
            own = connection.execute(
                "SELECT form, vector FROM fingerprint WHERE version_id = ?", (version_id,)
            ).fetchone()
            if own is None:
                return ()
            rows = connection.execute(
                "SELECT version_id, vector FROM fingerprint WHERE form = ? AND version_id <> ?", (own[0], version_id)
            ).fetchall()
        if not rows:
            return ()
        here = np.frombuffer(own[1], np.float32).astype(np.float64)
        others = np.frombuffer(b"".join(row[1] for row in rows), np.float32).reshape(len(rows), -1)
        # the vector ends with the exact norm
        apart = np.sqrt(np.sum(np.square(others[:, :-1] - here[:-1]), axis=1)) / max(float(here[-1]), 1e-300)
        order = np.argsort(apart, kind="stable")[:limit]
        return tuple(Neighbour(rows[place][0], float(apart[place])) for place in order)


def packed(found: Fingerprint) -> tuple[bytes, bytes]:
    """The two blobs of a fingerprint."""
    head = [
        [
            stored(one.name), one.dtype, list(one.shape), one.digest, _plain(one.mean), _plain(one.std),
            _plain(one.norm), _plain(one.absmax), [_plain(each) for each in one.quantiles], one.nans, one.infs,
            one.zeros, len(one.sketch),
        ]
        for one in found.tensors.values()
    ]  # fmt: skip
    sketches = b"".join(one.sketch.astype("<f4").tobytes() for one in found.tensors.values())
    return zlib.compress(json.dumps(head, separators=(",", ":")).encode(), _LEVEL), sketches


def unpacked(head: bytes, sketches: bytes, size: int) -> Fingerprint:
    """The fingerprint that `packed` was given."""
    cells = np.frombuffer(sketches, "<f4")
    tensors: dict[str, TensorPrint] = {}
    at = 0
    for name, dtype, shape, digest, mean, std, norm, absmax, quantiles, nans, infs, zeros, count in json.loads(
        zlib.decompress(head)
    ):
        name = restored(name)
        kept = cells[at : at + count]
        tensors[name] = TensorPrint(
            name, dtype, tuple(shape), digest, float(mean), float(std), float(norm), float(absmax),
            tuple(map(float, quantiles)), nans, infs, zeros, kept,
        )  # fmt: skip
        at += count
    return Fingerprint(tensors, size)


def form_of(found: Fingerprint) -> str:
    """A digest of the names and shapes of all tensors."""
    listing = sorted((one.name, one.shape) for one in found.tensors.values())
    return hashlib.sha256(repr(listing).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def vector_of(found: Fingerprint) -> NDArray[np.float32]:
    """All sketches folded into 512 numbers, and the norm of all values after them.

    What float32 does not hold becomes the largest that it does, so that distances stay numbers.
    """
    cells = np.zeros(_CELLS)
    for one in found.tensors.values():
        if len(one.sketch):
            cells += _turned(one.sketch, one.name)
    # types whose values are no numbers on a line have no norm
    norm = math.hypot(*(one.norm for one in found.tensors.values() if not math.isnan(one.norm)))
    return np.append(cells, norm).clip(-_LARGEST, _LARGEST).astype(np.float32)


def _turned(sketch: NDArray[np.float32], name: str) -> NDArray[np.float64]:
    """A sketch in 512 cells, turned and signed by the name of its tensor."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    signs = random.integers(0, 2, max(len(sketch), _CELLS)) * 2.0 - 1
    by = int.from_bytes(digest[8:10], "little") % _CELLS
    signed = sketch.astype(np.float64) * signs[: len(sketch)]
    folded = np.zeros(_CELLS)
    if len(sketch) >= _CELLS:
        folded += signed.reshape(-1, _CELLS).sum(axis=0)
    else:
        folded[: len(sketch)] = signed
    return np.roll(folded, by)


def _plain(value: float) -> float | str:
    """A number that JSON can say; the others as words that `float` reads."""
    return value if math.isfinite(value) else repr(value)
