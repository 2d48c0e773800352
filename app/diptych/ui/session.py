"""What the window remembers from one start to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from diptych import places


def session_file() -> Path:
    """Beside the settings."""
    return places.settings_file().with_name("session.json")


def load() -> dict[str, object]:
    """The last session, or nothing where there is none or it cannot be read: a session is never worth an error."""
    try:
        state = json.loads(session_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def save(state: Mapping[str, object]) -> None:
    """Replace the last session."""
    file = session_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(state), "utf-8")
        draft.replace(file)
    except OSError:
        return
