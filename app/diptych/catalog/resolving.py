"""From what people type to one version."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.catalog.texts import place_text, restored, stored
from diptych.display import listing, visible
from diptych.errors import NotFound

if TYPE_CHECKING:
    from sqlite3 import Connection

_ID = re.compile(r"~?[0-9a-f]{4,64}")
_SHOWN = 20
"""Candidates that are looked at to tell people what else fits."""
_NAMED = "SELECT key, name, id, state FROM version WHERE name = ? ORDER BY state = 'offline', key LIMIT ?"
_PLACED = (
    "SELECT v.key, v.name, v.id, v.state FROM place AS p CROSS JOIN version AS v ON v.key = p.version"
    " WHERE p.path = ? LIMIT ?"
)
_ENDING = (
    "SELECT DISTINCT v.key, v.name, v.id, v.state FROM place AS p CROSS JOIN version AS v ON v.key = p.version"
    " WHERE substr(p.path, -length(?1)) = ?1 LIMIT ?2"
)
_BEGUN = "SELECT key, name, id, state FROM version WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id LIMIT ?2"
_PARTLY = "SELECT key, name, id, state FROM version WHERE instr(lower(name), lower(?)) ORDER BY sort_name LIMIT ?"


def resolve(connection: Connection, ref: str) -> int:
    """The key of the version that `ref` means; `NotFound` names the candidates where it means several or none."""
    text = ref.strip()
    if text:
        place = Path(text).expanduser() if text.startswith("~/") else Path(text)
        # the name of a folder may end in a blank
        attempts = [(_NAMED, stored(text)), (_PLACED, place_text(place)), (_PLACED, place_text(Path(ref)))]
        if _ID.fullmatch(text.lower()):
            attempts.append((_BEGUN, text.lower()))
        attempts.append((_PARTLY, stored(text)))
        attempts.append((_ENDING, stored(f"{os.sep}{place}")))  # a name grows no longer than tells it from others
        for sql, value in attempts:
            rows = connection.execute(sql, (value, _SHOWN)).fetchall()
            here = [row for row in rows if row[3] != "offline"] or rows
            if len(here) == 1:
                return int(here[0][0])
            if here:
                names = [f"{visible(restored(name))} ({id_[:9]})" for _, name, id_, _ in here]
                raise NotFound(
                    f"{visible(text)}: fits {len(here)}{'+' if len(rows) == _SHOWN else ''} versions: {listing(names)}",
                    "Write more of the name, or the first digits of the id.",
                )
    raise NotFound(f"{visible(text) or 'nothing'}: no such version in the catalog", "See `diptych list`.")
