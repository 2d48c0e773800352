"""What lies in a folder: one version, several, only records, or nothing of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diptych import display
from diptych.domain.found import Found, Record
from diptych.domain.tensor import Header
from diptych.domain.version import Artifact, Kind, Lineage, Problem, Relation, Role, State
from diptych.errors import DiptychError
from diptych.formats import HeaderReader, Partial, WeightSet, read_index, weight_sets
from diptych.opening import open_regular
from diptych.records import reader_for
from diptych.records.hub import snapshot_of
from diptych.workbench.walk import Listing

CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_HEAD = 4096
_TOLD = (".json", ".yaml", ".yml", ".metadata")
"""Endings of files whose kind only their first bytes tell."""
_UNREAD = (".gguf", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".onnx", ".msgpack", ".npz")
_RESUME = re.compile(r"(optimizer|scheduler|scaler|rng_state)[^/]*\.(pt|pth|bin|safetensors)|.*\.distcp")
_TOKENIZER = re.compile(
    r"(tokenizer|special_tokens|added_tokens|vocab|merges|spiece|sentencepiece|chat_template)[^/]*|.*\.(jinja|tiktoken)"
)
_PLAIN_NAMES = frozenset(
    {"model", "final", "final_model", "output", "outputs", "merged", "adapter", "lora", "best", "last", "latest"}
    | {"export", "checkpoint", "checkpoints", "weights", "fp16", "bf16"}
)
"""Folder names that say nothing by themselves; the folder above is named too."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What one folder holds."""

    versions: tuple[Found, ...] = ()
    strays: tuple[Record, ...] = ()
    """Records about a version that lies elsewhere."""
    problems: tuple[Problem, ...] = ()


class Recogniser:
    """Reads headers and records of folders; keeps layouts from one folder to the next."""

    def __init__(self) -> None:
        self._headers = HeaderReader()

    def recognise(self, listing: Listing) -> Recognised:
        """The versions and records in one folder. Nothing in it makes this fail: what cannot be read is a problem."""
        names = [name for name in listing.files if not _RESUME.fullmatch(name)]
        sets = weight_sets([name for name in names if "/" not in name])
        unread = tuple(name for name in names if name.endswith(_UNREAD) and name != "training_args.bin")
        records, problems = _read_records(listing, names)
        strays = tuple(record for record in records if record.evidence.about is not None)
        own = tuple(record for record in records if record.evidence.about is None)
        if not (sets or unread or _describes(listing, names)):
            return Recognised((), (*strays, *own), (*listing.problems, *problems))
        loose = len(sets) > 1 and not any(name in listing.files for name in ("config.json", "adapter_config.json"))
        if loose:
            versions = tuple(self._found(listing, [weights], (), (), problems) for weights in sets)
            return Recognised(versions, (*strays, *own), tuple(listing.problems))
        found = self._found(listing, sets[:1], own, unread if not sets else (), problems)
        return Recognised((found,), strays, tuple(listing.problems))

    def _found(
        self,
        listing: Listing,
        sets: Sequence[WeightSet],
        records: tuple[Record, ...],
        unread: Sequence[str],
        problems: Iterable[Problem],
    ) -> Found:
        loose = bool(sets) and not records and len(sets[0].files) == 1 and not _describes(listing, list(listing.files))
        path = listing.path / sets[0].files[0] if loose else listing.path
        headers, told, state = self._weights(listing, sets)
        told += problems
        told += [
            Problem(display.path(listing.path / name), "weights in this format are not read yet") for name in unread
        ]
        told += [problem for record in records for problem in record.evidence.problems]
        if any(record.evidence.partial for record in records) and state is State.COMPLETE:
            state = State.PARTIAL
        kept = {sets[0].files[0]} if loose else set(listing.files)
        weights = {name for one in sets for name in one.files}
        artifacts = tuple(_artifact(listing, name, weights) for name in sorted(kept))
        facts = {key: value for record in reversed(records) for key, value in record.evidence.facts.items()}
        name, model, step, kind = _names(path, records)
        return Found(
            path=path,
            name=name,
            model=model,
            kind=kind,
            state=state,
            stamp=listing.stamp,
            step=step,
            format="safetensors" if headers else "",
            family=facts.get("family", ""),
            created=_created(listing, weights or kept),
            artifacts=artifacts,
            headers=headers,
            records=records,
            base=_base(records),
            problems=tuple(told),
        )

    def _weights(self, listing: Listing, sets: Sequence[WeightSet]) -> tuple[tuple[Header, ...], list[Problem], State]:
        if not sets:
            return (), [], State.NO_WEIGHTS
        weights = sets[0]
        state = State.COMPLETE
        headers: list[Header] = []
        problems: list[Problem] = []
        missing = list(weights.missing)
        if weights.index:
            try:
                index = read_index(listing.path / weights.index)
                missing += [name for name in index.files if name not in listing.files and name not in missing]
            except DiptychError as error:
                problems.append(_problem(error, listing.path / weights.index))
                state = State.DAMAGED
        for name in weights.files:
            try:
                headers.append(self._headers.read(listing.path / name, name))
            except Partial as error:
                problems.append(_problem(error, listing.path / name))
                state = State.PARTIAL if state is State.COMPLETE else state
            except DiptychError as error:
                problems.append(_problem(error, listing.path / name))
                state = State.DAMAGED
        problems += [Problem(display.path(listing.path / name), "this shard is missing") for name in missing]
        writing = any(name.endswith((".incomplete", ".tmp")) for name in listing.files)
        if (missing or writing) and state is State.COMPLETE:
            state = State.PARTIAL
        return tuple(headers), problems, state


def inherit(found: Found, run: Sequence[Record]) -> Found:
    """A checkpoint whose own records name no base, with the base that the card of its run names."""
    if found.base is not None or found.step is None:
        return found
    return replace(found, base=_base(run))


def _describes(listing: Listing, names: Sequence[str]) -> bool:
    """Whether the folder tells of a model without holding its weights."""
    if "config.json" in names or "adapter_config.json" in names:
        return True
    checkpoints = any(CHECKPOINT.fullmatch(folder) for folder in listing.folders)
    return "trainer_state.json" in names and not checkpoints


def _read_records(listing: Listing, names: Sequence[str]) -> tuple[list[Record], list[Problem]]:
    records: list[Record] = []
    problems: list[Problem] = []
    for name in names:
        path = listing.path / name
        reader = reader_for(name, b"")
        if reader is None and name.endswith(_TOLD):
            reader = reader_for(name, _head(path))
        if reader is None:
            continue
        try:
            records.append(Record(path, reader.key, reader.read(path)))
        except DiptychError as error:
            problems.append(_problem(error, path))
    return records, problems


def _head(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(_HEAD) or b""
    except (DiptychError, OSError):
        return b""


def _problem(error: DiptychError, path: Path) -> Problem:
    """An error as a problem of a file: errors name their file first, problems keep it apart."""
    shown = display.path(path)
    return Problem(shown, error.message.removeprefix(f"{shown}: "))


def _names(path: Path, records: Sequence[Record]) -> tuple[str, str, int | None, Kind]:
    """Name, model, step and kind of what lies at `path`."""
    adapter = any(record.reader.startswith("adapter") for record in records)
    snapshot = snapshot_of(path)
    if snapshot is not None:
        kind = Kind.ADAPTER if adapter else Kind.MODEL
        return f"{snapshot.name}@{snapshot.revision[:7]}", snapshot.name, None, kind
    checkpoint = CHECKPOINT.fullmatch(path.name)
    if checkpoint is not None:
        run = path.parent.name or path.name
        kind = Kind.ADAPTER if adapter else Kind.CHECKPOINT
        return f"{run}/{path.name}", run, int(checkpoint[1]), kind
    name = path.stem if path.suffix == ".safetensors" else path.name
    if name.lower() in _PLAIN_NAMES and path.parent.name:
        name = f"{path.parent.name}/{name}"
    step = next((record.evidence.step for record in records if record.evidence.step is not None), None)
    return name, name, step, Kind.ADAPTER if adapter else Kind.MODEL


def _artifact(listing: Listing, name: str, weights: set[str]) -> Artifact:
    state = listing.files[name]
    return Artifact(name, state.st_size, state.st_mtime_ns, _role(name, weights))


def _role(name: str, weights: set[str]) -> Role:
    last = name.rpartition("/")[2]
    if name in weights or last.endswith(".safetensors.index.json"):
        return Role.WEIGHTS
    if _RESUME.fullmatch(last):
        return Role.RESUME
    if last.lower() == "readme.md":
        return Role.CARD
    if last in ("config.json", "generation_config.json", "adapter_config.json"):
        return Role.CONFIG
    if _TOKENIZER.fullmatch(last):
        return Role.TOKENIZER
    if last.endswith(".py"):
        return Role.CODE
    if last.endswith((*_UNREAD, ".safetensors")) and last != "training_args.bin":
        return Role.WEIGHTS
    return Role.RECORD if last.endswith((".json", ".jsonl", ".bin", ".yaml", ".yml")) else Role.OTHER


def _created(listing: Listing, names: Iterable[str]) -> float | None:
    times = [listing.files[name].st_mtime for name in names if name in listing.files]
    return max(times) if times else None


def _base(records: Iterable[Record]) -> Lineage | None:
    declared = [lineage for record in records for lineage in record.evidence.lineage]
    adapters = (one for one in declared if one.relation is Relation.ADAPTER)
    return next(adapters, declared[0] if declared else None)
