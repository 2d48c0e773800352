"""Opening the weights of a version, whatever files they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diptych import display
from diptych.domain.tensor import TensorSource
from diptych.errors import Damaged, DiptychError, NotFound
from diptych.formats.readers import WeightReader, source_of
from diptych.formats.safetensors import Safetensors
from diptych.formats.sets import Index, WeightSet, is_index, read_index, weight_sets
from diptych.formats.table import FORMATS
from diptych.opening import open_regular, unreadable

_HEAD = 16


def open_weights(path: Path) -> TensorSource:
    """The weights in a file, or the main set of weights in a folder; shards that are missing are left out.

    A shard stands for its whole set where it has no index. In a folder, links are followed only within a Hub cache.
    Raises `NotFound`, `Damaged` or `Refused`.
    """
    if not path.is_dir():
        return _open_file(path)
    path = path.absolute()
    sets = weight_sets(names := _names(path), _indexes(path, names))
    if not sets:
        raise NotFound(f"{display.path(path)}: holds no weights in a format that is known")
    return _open_set(path, sets[0])


def _open_file(path: Path) -> TensorSource:
    if path.name.endswith(".gguf") and path.is_file():
        alike = [entry.name for entry in path.absolute().parent.glob("*.gguf")]
        for weights in weight_sets(alike):
            if path.name in weights.files and len(weights.files) > 1:
                return _open_set(path.absolute().parent, weights)
    with open_regular(path, follow=True) as file:
        try:
            head = file.read(_HEAD) or b""
        except OSError as error:
            raise unreadable(path, error) from None
    return next((each for each in FORMATS if each.sniff(head, path.name)), Safetensors()).open(path)


def _open_set(folder: Path, weights: WeightSet) -> TensorSource:
    if not weights.files:
        raise NotFound(f"{display.path(folder / weights.index)}: none of its {len(weights.missing)} shards is here")
    reader = WeightReader()
    files = [(folder / name, reader.read(weights.format, folder / name, name)) for name in weights.files]
    return source_of(weights.format, files)


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
        if is_index(name):
            try:
                indexes[name] = read_index(folder / name)
            except DiptychError:
                continue
    return indexes
