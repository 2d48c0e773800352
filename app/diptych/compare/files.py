"""The files of the two versions, by their names within the folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from diptych import display
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Cell, Clause, Column, Row, Sheet, Status
from diptych.domain.version import Artifact, Problem, Role, Source, Version
from diptych.errors import DiptychError
from diptych.job import Job, Tick
from diptych.opening import open_regular
from diptych.tensors.digest import digest_files

_ROLES = {
    Role.WEIGHTS: "Weights",
    Role.CONFIG: "Configuration",
    Role.TOKENIZER: "Tokenizer",
    Role.RECORD: "Records",
    Role.RESUME: "Training state",
    Role.CARD: "Model card",
    Role.CODE: "Code",
    Role.OTHER: "Other",
}
_PIECE = 1 << 20
"""Bytes of either file between two ticks."""
_COLUMNS = (Column("bytes_left", "size A", format="bytes"), Column("bytes_right", "size B", format="bytes"))


class Files:
    """Which files are equal byte for byte: told by their digests, else by reading both until they part."""

    key = "files"
    title = "Files"
    heavy = True

    def compare(self, left: Dossier, right: Dossier, rules: Rules) -> Job[Sheet]:
        """A row for each file name of either side."""
        yield Tick("Comparing files")
        ours = {artifact.path: artifact for artifact in left.version.artifacts}
        theirs = {artifact.path: artifact for artifact in right.version.artifacts}
        names = sorted(ours.keys() | theirs.keys(), key=lambda name: _order(name, ours.get(name) or theirs[name]))
        rows = yield from _read(
            {name: _row(name, ours.get(name), theirs.get(name)) for name in names}, left.version, right.version
        )
        open_ones = [row for row in rows if row.status is Status.NOT_COMPARABLE]
        notes = []
        if open_ones:
            notes.append(f"{display.plural(len(open_ones), 'file')} of equal size could not be read")
        code = [row for row in rows if row.differs and row.values.get("role") == Role.CODE]
        clauses = [Clause(f"code differs: {row.label}", self.key, row.key, 1) for row in code[:2]]
        return Sheet(self.key, self.title, self.key, rows, _COLUMNS, clauses=tuple(clauses), notes=tuple(notes))


def _read(rows: dict[str, Row], left: Version, right: Version) -> Job[tuple[Row, ...]]:
    """Settle what sizes and digests leave open, the small files first."""
    waiting = [name for name, row in rows.items() if row.status is Status.NOT_COMPARABLE]
    waiting.sort(key=lambda name: _bytes(rows[name]))
    total = sum(_bytes(rows[name]) for name in waiting)
    done = 0
    for name in waiting:
        ours, theirs = _place(left, name), _place(right, name)
        known = rows[name].values["digest_right" if theirs is None else "digest_left"]
        if (ours is None) != (theirs is None) and isinstance(known, str):
            status, note = yield from _hashed(ours or theirs or Path(), known)
        else:
            status, note = yield from _content(ours, theirs, (done, total))
        rows[name] = replace(rows[name], status=status, note=note)
        done += _bytes(rows[name])
    return tuple(rows.values())


def _bytes(row: Row) -> int:
    size = row.values["bytes_left"]
    return size if isinstance(size, int) else 0


def _place(version: Version, name: str) -> Path | None:
    """Where a file of a version lies; a loose weight file is its own place. None where the version is not here."""
    if version.path is None:
        return None
    return version.path if version.path.name == name else version.path / name


def _hashed(path: Path, known: str) -> Job[tuple[Status, str]]:
    """Whether a file has the digest that is known of its other side, which is not here."""
    found = (yield from digest_files([path]))[path]
    if isinstance(found, Problem):
        return Status.NOT_COMPARABLE, f"same size, not hashed: {display.visible(found.reason)}"
    return (Status.SAME if str(found) == known else Status.DIFFERS), ""


def _content(left: Path | None, right: Path | None, progress: tuple[int, int]) -> Job[tuple[Status, str]]:
    """Whether two files hold the same bytes now, and why that is not known."""
    if left is None or right is None:
        return Status.NOT_COMPARABLE, "same size, not hashed, not here"
    if left == right:
        return Status.SAME, "one and the same file"
    done, total = progress
    try:
        with open_regular(left) as ours, open_regular(right) as theirs:
            if os.path.sameopenfile(ours.fileno(), theirs.fileno()):
                return Status.SAME, "one and the same file"
            while True:
                yield Tick("Comparing files", done, total, "bytes")
                piece = ours.read(_PIECE)
                if piece != theirs.read(_PIECE):
                    return Status.DIFFERS, ""
                if not piece:
                    return Status.SAME, ""
                done += len(piece)
    except DiptychError as error:
        return Status.NOT_COMPARABLE, f"same size, not hashed: {display.visible(error.message)}"
    except OSError as error:
        return Status.NOT_COMPARABLE, f"same size, not hashed: {os.strerror(error.errno or 0)}"


def _order(name: str, artifact: Artifact) -> tuple[int, str]:
    return list(_ROLES).index(artifact.role), name


def _row(name: str, left: Artifact | None, right: Artifact | None) -> Row:
    artifact = left or right
    assert artifact is not None
    status, note = _status(left, right)
    change = ""
    if left and right and left.bytes != right.bytes:
        larger = right.bytes > left.bytes
        change = f"{'+' if larger else '−'}{display.size(abs(right.bytes - left.bytes))}"
    return Row(
        name,
        status,
        _cell(left),
        _cell(right),
        display.visible(name),
        _ROLES[artifact.role],
        change=change,
        note=note,
        values={
            "role": str(artifact.role),
            "bytes_left": left.bytes if left else None,
            "bytes_right": right.bytes if right else None,
            "digest_left": str(left.digest) if left and left.digest else None,
            "digest_right": str(right.digest) if right and right.digest else None,
        },
    )


def _status(left: Artifact | None, right: Artifact | None) -> tuple[Status, str]:
    if right is None:
        return Status.LEFT_ONLY, ""
    if left is None:
        return Status.RIGHT_ONLY, ""
    if left.bytes != right.bytes:
        return Status.DIFFERS, ""
    if left.digest and right.digest and left.digest.algorithm == right.digest.algorithm:
        return (Status.SAME if left.digest == right.digest else Status.DIFFERS), ""
    return Status.NOT_COMPARABLE, "same size, not compared yet"


def _cell(artifact: Artifact | None) -> Cell | None:
    if artifact is None:
        return None
    digest = f"{artifact.digest.value[:8]} · " if artifact.digest else ""
    value = str(artifact.digest) if artifact.digest else artifact.bytes
    return Cell(f"{digest}{display.size(artifact.bytes)}", value, Source(artifact.path))
