"""What the user chose. The file holds only what differs from the defaults, so that better defaults reach everybody."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from dataclasses import MISSING, dataclass, field, fields
from threading import Lock
from typing import Any

from diptych import places
from diptych.domain.rules import IGNORED, Rules

_SAVING = Lock()
_APPEARANCES = ("system", "light", "dark")


@dataclass
class Settings:
    """Every setting, one field each."""

    appearance: str = "system"
    """`system`, `light` or `dark`."""
    compact: bool = False
    """Lower rows in tables."""
    ignored: tuple[str, ...] = IGNORED
    """Globs over hyperparameters whose differences do not matter."""
    tolerance: float = 0.0
    """Relative difference up to which two numbers count as equal."""
    columns: tuple[str, ...] = ()
    """Columns of the library; empty: chosen by what there is."""
    widths: dict[str, int] = field(default_factory=dict)
    """Widths that the user gave to columns of the library, in pixels."""
    curves_over: str = "step"
    """What curves are drawn over, where it is known: `step`, `epoch`, `tokens` or `progress`."""
    smoothing: float = 0.0
    """How much of the mean so far each point of a curve keeps, 0 to 0.99."""
    remotes: dict[str, dict[str, str]] = field(default_factory=dict)
    """Registries by the user's names for them: address and options, never a login."""

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
        for one in fields(cls):
            if isinstance(stored, dict) and one.name in stored:
                default = getattr(settings, one.name)
                value = stored[one.name]
                if isinstance(default, tuple) and isinstance(value, list):
                    value = tuple(item for item in value if isinstance(item, str))
                if type(value) is type(default) or (isinstance(default, float) and isinstance(value, int)):
                    setattr(settings, one.name, value)
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
        for one in fields(self):
            ours, before = getattr(self, one.name), self._before[one.name]
            if isinstance(ours, dict):
                setattr(merged, one.name, _merged(getattr(merged, one.name), before, ours))
            elif ours != before:
                setattr(merged, one.name, ours)
        different = {one.name: getattr(merged, one.name) for one in fields(merged) if merged._chosen(one)}
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
        vars(self)["_known"] = {one.name: deepcopy(getattr(self, one.name)) for one in fields(self)}

    @property
    def _before(self) -> dict[str, Any]:
        """The values when they were loaded or saved last; the defaults where they never were."""
        known: dict[str, Any] | None = vars(self).get("_known")
        return known if known is not None else {one.name: getattr(Settings(), one.name) for one in fields(self)}

    def _chosen(self, one: Any) -> bool:
        default = one.default if one.default is not MISSING else one.default_factory()
        return bool(getattr(self, one.name) != default)


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
