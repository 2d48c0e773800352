"""Which files of a folder are one set of weights, and what a shard index says about them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import cast

from diptych import display
from diptych.domain.version import Problem
from diptych.errors import Damaged
from diptych.formats.json_cursor import Broken, JsonCursor
from diptych.opening import open_regular, unreadable

_SUFFIXES = {
    ".safetensors": "safetensors", ".gguf": "gguf", ".bin": "pytorch", ".pt": "pytorch", ".pth": "pytorch",
    ".ckpt": "pytorch", ".npz": "numpy",
}  # fmt: skip
"""Endings of weight files, and the format of each."""
_NAMED = re.compile(
    r"(pytorch_model|adapter_model|consolidated|model|ckpt|checkpoint|weights|adapters?)[^/]*\.(bin|pt|pth|npz)"
    r"|[^/]+\.(gguf|ckpt)"
)
"""Names that speak of weights: the other endings are those of many other things too."""
_RESUMED = re.compile(r"(optimizer|scheduler|scaler|rng_state)[^/]*")
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5,6})-of-(?P<total>\d{5,6})(?P<suffix>\.(?:safetensors|gguf|bin))")
_INDEX = re.compile(r"(?P<stem>.+)(?P<suffix>\.safetensors|\.bin)\.index(?:\.(?P<variant>[\w-]+))?\.json")
_MOST_SHARDS = 100_000
_MOST_INDEX = 256 * 2**20
_LEADING = ("model", "adapter_model", "diffusion_pytorch_model", "consolidated", "pytorch_model")
"""Stems in the order in which the tools that write them prefer them."""
_PREFERRED = ("safetensors", "pytorch", "gguf", "numpy")
"""Where one folder holds the same weights twice, the earlier format is read."""
_ENDINGS = tuple(_SUFFIXES)


@dataclass(frozen=True, slots=True)
class WeightSet:
    """Files that together hold one set of weights."""

    format: str
    stem: str
    """What their names begin with (`model`, `model.fp16`, `default/adapter_model`)."""
    files: tuple[str, ...]
    """The weight files that are here, in their order."""
    index: str = ""
    """The shard index, where there is one."""
    missing: tuple[str, ...] = ()
    """Shards that ought to be here and are not."""


@dataclass(frozen=True, slots=True)
class Index:
    """What a shard index says."""

    files: tuple[str, ...]
    """The shards, by name."""
    weight_map: Mapping[str, str]
    """Tensor to shard."""
    total_size: int | None = None
    """Bytes of all tensors, as written; old converters got it wrong."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with it beyond the map."""


def format_of(name: str) -> str:
    """The format of a weight file by its name; empty where the name does not speak of weights."""
    if name.endswith(".safetensors"):
        return "safetensors"
    if not name.endswith(_ENDINGS):
        return ""
    last = name.rpartition("/")[2]
    if not _NAMED.fullmatch(last) or _RESUMED.fullmatch(last):
        return ""
    return _SUFFIXES[f".{last.rpartition('.')[2]}"]


def is_index(name: str) -> bool:
    """Whether a file is the index of shards, by its name."""
    return ".index." in name and name.endswith(".json") and (".safetensors.index" in name or ".bin.index" in name)


def weight_sets(names: Sequence[str], indexes: Mapping[str, Index] | None = None) -> tuple[WeightSet, ...]:
    """Group the file `names` of one folder (with sub-folders, where they hold adapters), the main set first.

    `indexes` gives the content of indexes by name; without it, shards are told by the pattern of their names.
    """
    present = set(names)
    claimed: set[str] = set()
    sets: list[WeightSet] = []
    for name in sorted(filter(is_index, present)):
        match = _INDEX.fullmatch(name)
        if match is None:
            continue
        stem = ".".join(filter(None, (match["stem"], match["variant"])))
        folder = name.rpartition("/")[0]
        index = (indexes or {}).get(name)
        if index is not None:
            shards: Collection[str] = [f"{folder}/{file}" if folder else file for file in index.files]
        else:
            shards = _by_pattern(stem, match["suffix"], present)
        sets.append(_set(match["suffix"], stem, shards, present, name))
        claimed.update(shards)
    left = {name: key for name in present - claimed if (key := format_of(name))}
    split = [match for name in left if "-of-" in name and (match := _SHARD.fullmatch(name))]
    for suffix, stem in {(match["suffix"], match["stem"]) for match in split}:
        shards = _by_pattern(stem, suffix, present)
        sets.append(_set(suffix, stem, shards, present - claimed))
        claimed.update(shards)
    sets += [WeightSet(key, name.rpartition(".")[0], (name,)) for name, key in left.items() if name not in claimed]
    return tuple(sorted(sets, key=_rank)) if len(sets) > 1 else tuple(sets)


def read_index(path: Path, follow: bool = False) -> Index:
    """The shard index at `path`. Raises `Damaged` where its map cannot be trusted, `NotFound` or `Refused`."""
    name = display.path(path)
    with open_regular(path, follow) as file:
        try:
            return _index(JsonCursor(_content(file)), str(path))
        except OSError as error:
            raise unreadable(path, error) from None
        except Broken as broken:
            reason = display.elide(display.visible(str(broken)), 150)
            raise Damaged(f"{name}: {reason}", "Fetch the file again.") from None


def _content(file: FileIO) -> bytes:
    if os.fstat(file.fileno()).st_size > _MOST_INDEX:
        raise Broken("is larger than 256 MiB, too large for an index")
    parts = []
    while part := file.read(2**20):
        parts.append(part)
    return b"".join(parts)


def _index(cursor: JsonCursor, name: str) -> Index:
    weights: dict[str, str] | None = None
    described: object = {}
    seen: set[str] = set()
    for key in cursor.members():
        if key in seen:
            raise Broken(f"the key ‘{key[:60]}’ is there twice")
        seen.add(key)
        if key == "weight_map":
            weights = _weight_map(cursor)
        else:
            value = cursor.value()
            described = value if key == "metadata" else described
    cursor.end()
    if weights is None:
        raise Broken("has no weight_map")
    size: object = cast("dict[str, object]", described).get("total_size") if isinstance(described, dict) else None
    problems: tuple[Problem, ...] = ()
    if isinstance(size, float) and size.is_integer():
        size = int(size)
    if size is not None and (type(size) is not int or not 0 <= size < 2**63):
        problems = (Problem(name, f"total_size is no size: {display.elide(display.visible(repr(size)[:200]), 40)}"),)
        size = None
    return Index(tuple(sorted(set(weights.values()))), weights, size, problems)


def _weight_map(cursor: JsonCursor) -> dict[str, str]:
    weights: dict[str, str] = {}
    checked: set[str] = set()
    for tensor in cursor.members():
        if tensor in weights:
            raise Broken(f"the tensor ‘{tensor[:60]}’ is there twice")
        try:
            shard = cursor.text()
        except Broken as broken:
            raise Broken(f"the shard of ‘{tensor[:60]}’ is no file name: {broken}") from None
        if shard not in checked:
            _check_shard(shard)
            checked.add(shard)
        weights[tensor] = shard
    return weights


def _check_shard(shard: str) -> None:
    """A shard lies in the folder of its index or below; nothing else may be opened in its name."""
    parts = shard.replace("\\", "/").split("/")
    drive = ":" in parts[0]
    if drive or any(part in ("", ".", "..") for part in parts) or "\0" in shard or len(shard.encode()) > 4096:
        raise Broken(f"the shard ‘{display.elide(shard, 60)}’ leads out of the folder or is no file name")


def _by_pattern(stem: str, suffix: str, present: Collection[str]) -> list[str]:
    """Every shard that belongs to `stem` by the pattern of its name, whether it is present or not."""
    alike = [name for name in present if name.startswith(stem) and name.endswith(suffix)]
    found = [match for name in alike if (match := _SHARD.fullmatch(name)) and match["stem"] == stem]
    totals = {match["total"] for match in found}
    if len(totals) != 1 or not 1 <= int(next(iter(totals))) <= _MOST_SHARDS:
        return sorted(match[0] for match in found)
    total = totals.pop()
    named = {f"{stem}-{number:0{len(total)}}-of-{total}{suffix}" for number in range(1, int(total) + 1)}
    return sorted(named | {match[0] for match in found})


def _set(suffix: str, stem: str, shards: Iterable[str], present: Collection[str], index: str = "") -> WeightSet:
    here = tuple(sorted(shard for shard in shards if shard in present))
    missing = tuple(sorted(shard for shard in shards if shard not in present))
    return WeightSet(_SUFFIXES[suffix], stem, here, index, missing)


def _rank(weights: WeightSet) -> tuple[bool, int, int, int, str, str]:
    """The set that tools load without being told stands first.

    It is not in a sub-folder, is of the first format that there is (`_PREFERRED`), has a known stem and no variant.
    """
    stem = weights.stem.rpartition("/")[2]
    known = _LEADING.index(stem) if stem in _LEADING else len(_LEADING)
    whole = bool(weights.missing) - bool(weights.index)
    return "/" in weights.stem, _PREFERRED.index(weights.format), known, whole, weights.stem, "".join(weights.files[:1])
