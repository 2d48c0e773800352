"""Opening the weights of a version, whatever files they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diptych import display
from diptych.domain.tensor import TensorSource
from diptych.errors import Damaged, DiptychError, NotFound
from diptych.formats.safetensors import HeaderReader, Safetensors
from diptych.formats.sets import Index, WeightSet, read_index, weight_sets

_HEAD = 16


def open_weights(path: Path) -> TensorSource:
    """The weights in a file, or the main set of weights in a folder; shards that are missing are left out.

    In a folder, links are followed only within a Hub cache. Raises `NotFound`, `Damaged` or `Refused`.
    """
    if not path.is_dir():
        return Safetensors().open(path)
    path = path.absolute()
    sets = weight_sets(names := _names(path), _indexes(path, names))
    if not sets:
        raise NotFound(f"{display.path(path)}: holds no weights in a format that is known")
    return _open_set(path, sets[0])


def _open_set(folder: Path, weights: WeightSet) -> TensorSource:
    from diptych.formats.source import SafetensorsSource

    if not weights.files:
        raise NotFound(f"{display.path(folder / weights.index)}: none of its {len(weights.missing)} shards is here")
    reader = HeaderReader()
    return SafetensorsSource([(folder / name, reader.read(folder / name, name)) for name in weights.files])


def _names(folder: Path) -> Sequence[str]:
    """The names in a folder, and in those sub-folders that hold an adapter of their own."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise Damaged(f"{display.path(folder)}: cannot be listed: {error.strerror}") from None
    names = [entry.name for entry in entries if not entry.is_dir()]
    adapters = (f"{entry.name}/adapter_model.safetensors" for entry in entries if entry.is_dir())
    return names + [name for name in adapters if (folder / name).is_file()]


def _indexes(folder: Path, names: Sequence[str]) -> dict[str, Index]:
    """The indexes that can be trusted; where one cannot, the names of the shards must do."""
    indexes = {}
    for name in names:
        if ".safetensors.index" in name and name.endswith(".json"):
            try:
                indexes[name] = read_index(folder / name)
            except DiptychError:
                continue
    return indexes
