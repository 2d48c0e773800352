"""Reading what lies in one folder: its records, and the headers of a set of weights."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diptych import display
from diptych.domain.found import Record
from diptych.domain.tensor import Header
from diptych.domain.version import Problem, State
from diptych.errors import DiptychError
from diptych.formats import Index, Partial, Unopened, WeightReader, WeightSet, read_index
from diptych.opening import open_regular
from diptych.records import reader_for
from diptych.records.json_stream import Cut
from diptych.records.within import CHECKPOINT, GGUF, checkpoint_evidence, gguf_evidence
from diptych.workbench.walk import Listing

NOT_DOWNLOADED = "is linked to a file that was not downloaded"
_SCRIPT = "holds code (TorchScript), which is never run here; its weights are read"
_HEAD = 4096
ENDINGS = (".json", ".yaml", ".yml", ".md", ".bin", ".metadata")
"""Endings of all records."""
_TOLD = (".json", ".yaml", ".yml", ".metadata")
"""Endings of files whose kind only their first bytes tell."""
_SAID = 3
"""Tensors named in one problem."""
_KEPT = 16
"""Sets whose tensors are remembered."""


@dataclass(slots=True)
class Records:
    """The records of a folder."""

    found: list[Record] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    partial: bool = False
    """One of them ends early."""


@dataclass(slots=True)
class Weights:
    """One set of weights as its headers show it."""

    headers: list[Header] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    state: State = State.COMPLETE
    records: list[Record] = field(default_factory=list)
    """What the files say about themselves."""

    def fault(self, problem: Problem, state: State) -> None:
        """Note a problem that makes the set `state`; damage outweighs what is only not complete."""
        self.problems.append(problem)
        if self.state is not State.DAMAGED:
            self.state = state


def read_records(listing: Listing, names: Sequence[str]) -> Generator[None, None, Records]:
    """Read every record among `names`, which end as records do; yields before each.

    One that cannot be read becomes a problem.
    """
    records = Records()
    for name in names:
        reader = reader_for(name, b"")
        if reader is None and name.endswith(_TOLD):
            reader = reader_for(name, _head(listing, name))
        if reader is None:
            continue
        yield
        try:
            evidence = reader.read(listing.path / name)
        except DiptychError as error:
            records.partial |= isinstance(error, Cut)
            records.problems.append(problem_of(error, listing, name))
        else:
            records.partial |= evidence.partial
            records.found.append(Record(listing.path / name, reader.key, evidence))
    return records


def read_indexes(listing: Listing, names: Sequence[str]) -> tuple[dict[str, Index], list[Problem]]:
    """The shard indexes among `names` that can be trusted, and what is wrong with the others."""
    indexes: dict[str, Index] = {}
    problems: list[Problem] = []
    for name in names:
        try:
            indexes[name] = read_index(listing.path / name)
            problems += [Problem(_shown(listing, name), one.reason) for one in indexes[name].problems]
        except DiptychError as error:
            problems.append(problem_of(error, listing, name))
    return indexes, problems


class SetReader:
    """Reads the headers of sets of weights, and keeps what one set teaches for the next."""

    def __init__(self) -> None:
        self._reader = WeightReader()
        self._placed: dict[tuple[tuple[str, str], ...], tuple[Mapping[str, str], Sequence[str]]] = {}
        """Where tensors lie, by the names of the shards and the digests of their layouts."""

    def read(self, listing: Listing, chosen: WeightSet, indexes: Mapping[str, Index]) -> Generator[None, None, Weights]:
        """Read the headers of one set and hold them against its index.

        Yields before each file, and while others read.
        """
        weights = Weights()
        if chosen.index and chosen.index not in indexes:
            weights.state = State.DAMAGED
        for name in chosen.files:
            yield
            place = listing.place(name)
            try:
                if chosen.format == "safetensors":
                    weights.headers.append(self._reader.headers.read(place, name))
                else:
                    weights.headers.append((yield from self._reader.reading(chosen.format, place, name)))
                    weights.records += self._within(chosen.format, place, weights.headers)
                    if weights.headers[-1].metadata.get("container") == "torchscript":
                        weights.problems.append(Problem(_shown(listing, name), _SCRIPT))
            except Unopened as error:
                weights.fault(problem_of(error, listing, name), State.UNREAD)
            except Partial as error:
                weights.fault(problem_of(error, listing, name), State.PARTIAL)
            except DiptychError as error:
                weights.fault(problem_of(error, listing, name), State.DAMAGED)
        for name in chosen.missing:
            reason = NOT_DOWNLOADED if name in listing.broken else "this shard is missing"
            weights.fault(Problem(_shown(listing, name), reason), State.PARTIAL)
        if (chosen.index or len(chosen.files) > 1) and weights.state is State.COMPLETE:
            self._check_shards(listing, chosen, weights, indexes.get(chosen.index))
        return weights

    def _within(self, format_key: str, place: str, headers: Sequence[Header]) -> list[Record]:
        """What the file that was read last says about itself; of split models the first part tells."""
        path = Path(place)
        if format_key == "gguf" and len(headers) == 1:
            return [Record(path, GGUF, gguf_evidence(path, headers[0].metadata))]
        said = self._reader.settings.get(place)
        return [Record(path, CHECKPOINT, checkpoint_evidence(path, said))] if said else []

    def _check_shards(self, listing: Listing, chosen: WeightSet, weights: Weights, index: Index | None) -> None:
        """Every tensor lies in one shard, the one that the index names."""
        place, twice = self._places(weights.headers)
        if twice:
            weights.fault(
                Problem(_shown(listing, chosen.files[0]), f"other shards hold the same tensors: {_named(twice)}"),
                State.DAMAGED,
            )
        if index is not None and index.weight_map != place:
            astray = [name for name, file in index.weight_map.items() if place.get(name) != file]
            unlisted = [name for name in place if name not in index.weight_map]
            shown = _shown(listing, chosen.index)
            if astray:
                reason = f"names tensors that are not where it says: {_named(astray)}"
                weights.fault(Problem(shown, reason), State.DAMAGED)
            if unlisted:
                weights.problems.append(Problem(shown, f"does not name every tensor: {_named(unlisted)}"))

    def _places(self, shards: Sequence[Header]) -> tuple[Mapping[str, str], Sequence[str]]:
        """The shard of each tensor, and the tensors that are in several. The checkpoints of a run give one answer."""
        key = tuple([(header.file, header.layout.digest) for header in shards])
        known = self._placed.get(key)
        if known is None:
            place: dict[str, str] = {}
            twice = []
            for header in shards:
                for name, *_ in header.layout.entries:
                    if place.setdefault(name, header.file) != header.file:
                        twice.append(name)
            if len(self._placed) >= _KEPT:
                self._placed.clear()
            known = self._placed[key] = place, twice
        return known


def problem_of(error: DiptychError, listing: Listing, name: str) -> Problem:
    """An error as a problem of a file: errors name their file first, problems keep it apart."""
    shown = _shown(listing, name)
    return Problem(shown, error.message.removeprefix(f"{shown}: "))


def _shown(listing: Listing, name: str) -> str:
    return display.path(listing.path / name)


def _named(tensors: Sequence[str]) -> str:
    return display.listing((display.elide(display.visible(name), 60) for name in tensors), _SAID)


def _head(listing: Listing, name: str) -> bytes:
    try:
        with open_regular(listing.path / name) as file:
            return file.read(_HEAD) or b""
    except (DiptychError, OSError):
        return b""
