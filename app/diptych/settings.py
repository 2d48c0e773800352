"""What the user chose. The file holds only what differs from the defaults, so that better defaults reach everybody."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from threading import Lock
from typing import Any

from diptych import places
from diptych.domain.rules import IGNORED, Rules

_SAVING = Lock()
_APPEARANCES = ("system", "light", "dark")


class Settings:
    """Every setting, one public attribute each.

    No dataclass: the window reads them before it is there, and what makes a dataclass takes 2 ms.
    """

    def __init__(
        self,
        appearance: str = "system",
        compact: bool = False,
        ignored: tuple[str, ...] = IGNORED,
        tolerance: float = 0.0,
        columns: tuple[str, ...] = (),
        widths: dict[str, int] | None = None,
        curves_over: str = "step",
        smoothing: float = 0.0,
        remotes: dict[str, dict[str, str]] | None = None,
    ) -> None:
        self.appearance = appearance
        """`system`, `light` or `dark`."""
        self.compact = compact
        """Lower rows in tables."""
        self.ignored = ignored
        """Globs over hyperparameters whose differences do not matter."""
        self.tolerance = tolerance
        """Relative difference up to which two numbers count as equal."""
        self.columns = columns
        """Columns of the library; empty: chosen by what there is."""
        self.widths = widths or {}
        """Widths that the user gave to columns of the library, in pixels."""
        self.curves_over = curves_over
        """What curves are drawn over, where it is known: `step`, `epoch`, `tokens` or `progress`."""
        self.smoothing = smoothing
        """How much of the mean so far each point of a curve keeps, 0 to 0.99."""
        self.remotes = remotes or {}
        """Registries by the user's names for them: address and options, never a login."""
        self._known: dict[str, Any] | None = None
        """The values when they were loaded or saved last; None where they never were."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._values() == other._values()

    @property
    def rules(self) -> Rules:
        """The rules to compare by."""
        return Rules(ignored=self.ignored, tolerance=self.tolerance)

    @classmethod
    def load(cls) -> Settings:
        """The stored settings. What is unknown, or of the wrong kind, falls back to its default."""
        try:
            stored = json.loads(places.settings_file().read_text("utf-8"))
        except (OSError, ValueError):
            return cls()
        settings = cls()
        for name, default in settings._values().items():
            if isinstance(stored, dict) and name in stored:
                value = stored[name]
                if isinstance(default, tuple) and isinstance(value, list):
                    value = tuple(item for item in value if isinstance(item, str))
                if type(value) is type(default) or (isinstance(default, float) and isinstance(value, int)):
                    setattr(settings, name, value)
        if settings.appearance not in _APPEARANCES:
            settings.appearance = "system"
        settings.remotes = _texts(settings.remotes)
        settings._remember()
        return settings

    def save(self) -> None:
        """Store what differs from the defaults; what another program has stored meanwhile stays as it left it."""
        with _SAVING:
            self._save()

    def _save(self) -> None:
        merged = Settings.load()
        usual = Settings()._values()
        known = usual if self._known is None else self._known
        for name, ours in self._values().items():
            if isinstance(ours, dict):
                setattr(merged, name, _merged(getattr(merged, name), known[name], ours))
            elif ours != known[name]:
                setattr(merged, name, ours)
        different = {name: value for name, value in merged._values().items() if value != usual[name]}
        text = json.dumps(different, indent=1)
        file = places.settings_file()
        file.parent.mkdir(parents=True, exist_ok=True)
        # jobs save as well as the window, so each has a draft of its own
        draft = file.with_suffix(f".{os.urandom(4).hex()}.new")
        draft.write_text(text, "utf-8")
        draft.replace(file)
        self._remember()

    def _remember(self) -> None:
        """Take what is set now as the state that later changes are told from."""
        self._known = deepcopy(self._values())

    def _values(self) -> dict[str, Any]:
        """All settings by their names."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


def _merged(stored: dict[str, Any], before: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """The `stored` entries with our changes since `before`: entries that were set, and those that were taken away."""
    changed = {key: value for key, value in ours.items() if key not in before or before[key] != value}
    return {key: value for key, value in stored.items() if key not in before or key in ours} | changed


def _texts(stored: Any) -> dict[str, dict[str, str]]:
    """The entries of `stored` that are texts by name."""
    return {
        name: {key: text for key, text in entry.items() if isinstance(text, str)}
        for name, entry in stored.items()
        if isinstance(entry, dict)
    }
