"""Where models usually lie on a machine, for a first look around."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diptych import display
from diptych.job import Job, Tick
from diptych.workbench.walk import SKIPPED

_DEPTH = 4
_MOST = 20_000
"""Entries looked at in one place: a first look must be quick, a scan is thorough."""
_MARKS = ("config.json", "adapter_config.json", "trainer_state.json")


@dataclass(frozen=True, slots=True)
class UsualPlace:
    """A folder where models were found."""

    path: Path
    title: str
    models: int


def usual_places() -> Job[tuple[UsualPlace, ...]]:
    """The folders of common tools, and common folders in the home folder, in which a model lies."""
    found = []
    for path, title in _candidates():
        yield Tick(f"Looking in {display.path(path)}")
        models = sum(1 for _ in _models(path))
        if models:
            found.append(UsualPlace(path, title, models))
    return tuple(found)


def _candidates() -> Iterator[tuple[Path, str]]:
    home = Path.home()
    cache = os.environ.get("HF_HUB_CACHE")
    hub = Path(cache) if cache else Path(os.environ.get("HF_HOME", home / ".cache" / "huggingface")) / "hub"
    yield hub, "Hugging Face cache"
    yield home / ".cache" / "lm-studio" / "models", "LM Studio"
    for name in ("models", "checkpoints", "runs", "outputs", "experiments", "adapters"):
        yield home / name, f"{name.capitalize()} in the home folder"


def _models(place: Path) -> Iterator[Path]:
    pending = [(place, 0)]
    looked = 0
    while pending and looked < _MOST:
        folder, depth = pending.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        looked += len(entries)
        if any(entry.name in _MARKS or entry.name.endswith(".safetensors") for entry in entries):
            yield folder
        if depth < _DEPTH:
            pending += [
                (Path(entry.path), depth + 1)
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and entry.name not in SKIPPED and not entry.name.startswith(".")
            ]
