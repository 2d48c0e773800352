"""What lies in a folder: one version, several, only records, or nothing of ours."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from diptych import display
from diptych.domain.found import Found, Record
from diptych.domain.version import Files, Kind, Lineage, Problem, Relation, Role, State
from diptych.errors import DiptychError
from diptych.formats import Index, WeightSet, weight_sets
from diptych.formats.sets import format_of, is_index
from diptych.records import reader_for
from diptych.records.hub import snapshot_of
from diptych.workbench.naming import Names
from diptych.workbench.reading import (
    ENDINGS,
    NOT_DOWNLOADED,
    Records,
    SetReader,
    Weights,
    read_indexes,
    read_records,
)
from diptych.workbench.roles import CHECKPOINT, CONFIGS, resumes, role, temporary, unread, unread_format
from diptych.workbench.walk import Listing

_STANDARD = frozenset({"model", "adapter_model", "diffusion_pytorch_model", "consolidated", "pytorch_model"})
"""Stems of weight files that tools give to every model, so that they say nothing of this one."""
_LONG = 19
"""Digits of a step that the catalog could not hold."""
_NOT_READ = "weights in this format are not read yet"
_LIKELY = (".safetensors", ".gguf", *CONFIGS, "trainer_state.json", "_results.json", ".bin", ".pt", ".pth", ".npz")


class Recognised(NamedTuple):
    """What one folder holds."""

    versions: tuple[Found, ...] = ()
    strays: tuple[Record, ...] = ()
    """Records about a version that lies elsewhere."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with records and indexes in a folder without a version."""
    unchanged: tuple[str, ...] = ()
    """Weight files that are versions by themselves, known and as they were."""


def likely(listing: Listing) -> bool:
    """Whether a folder may hold a version, judged by names alone."""
    return any(map(str.endswith, listing.files, repeat(_LIKELY)))


class Recogniser:
    """Reads headers and records of folders; keeps layouts, and the cards of runs, from one folder to the next."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._sets = SetReader()
        self._runs: dict[Path, Lineage | None] = {}

    def recognise(self, listing: Listing, known: Mapping[str, str] | None = None) -> Generator[None, None, Recognised]:
        """The versions and records in one folder; yields between its files.

        Nothing in it makes this fail: what cannot be read is a problem. `known` are stamps by the text of places; a
        weight file by itself that is among them and did not change is left out of `versions`.
        """
        names = _sorted_out(listing.names)
        records = (yield from read_records(listing, names.records)) if names.records else Records()
        strays = [record for record in records.found if record.evidence.about is not None]
        own = [record for record in records.found if record.evidence.about is None]
        indexes, faults = read_indexes(listing, names.indexes) if names.indexes else ({}, [])
        sets = weight_sets(names.weights, indexes) if indexes else names.sets
        whole = bool(own) and self._whole(listing, own)
        main, loose = _arranged(sets, whole)
        others = names.unread
        versions: list[Found] = []
        shared: list[Record] = []
        if main or others or (whole and not loose):
            folder = _Folder(listing, names, indexes, records)
            versions.append((yield from self._version(folder, main, own, faults, [] if main else others)))
        elif loose and whole:
            shared = own
        else:
            strays += own
        unchanged: list[str] = []
        for weights in sorted(loose, key=lambda one: one.files):
            place = listing.place(weights.files[0])
            stamp = listing.stamp(weights.files)
            if known and known.get(place) == stamp:
                unchanged.append(place)
            else:
                versions.append((yield from self._lone(listing, weights, place, stamp, shared)))
        told = [] if versions or unchanged else [*records.problems, *faults]
        return Recognised(tuple(versions), tuple(strays), tuple(told), tuple(unchanged))

    def _whole(self, listing: Listing, own: Sequence[Record]) -> bool:
        """Whether the folder tells of one model, with its weights or without them."""
        if any(record.reader.startswith("adapter_config") for record in own):
            return True
        if any(record.evidence.facts.keys() & {"family", "architectures"} for record in own):
            return True
        if any(CHECKPOINT.fullmatch(folder) for folder in listing.folders):
            return False
        return any(record.reader.startswith(("trainer_state", "trainer_results")) for record in own)

    def _version(
        self,
        folder: _Folder,
        main: WeightSet | None,
        own: Sequence[Record],
        faults: Sequence[Problem],
        others: Sequence[str],
    ) -> Generator[None, None, Found]:
        """The version that a folder is as a whole."""
        listing = folder.listing
        weights = Weights(state=State.UNREAD if others else State.NO_WEIGHTS)
        if main is not None:
            weights = yield from self._sets.read(listing, main, folder.indexes)
            own = [*own, *weights.records]
        problems = [
            *weights.problems,
            *faults,
            *(_not_downloaded(listing, main) if listing.broken else ()),
            *folder.records.problems,
            *[Problem(display.path(listing.path / name), _NOT_READ) for name in others],
            *[problem for record in own for problem in record.evidence.problems],
        ]
        told = _told(own) if own else _SILENT
        state = weights.state
        unfinished = folder.records.partial or folder.names.unfinished or bool(listing.broken)
        if (state in (State.COMPLETE, State.UNREAD) and unfinished) or (
            state is State.NO_WEIGHTS and _downloading(listing)
        ):
            state = State.PARTIAL
        chosen = frozenset(() if main is None else main.files)
        checkpoint = CHECKPOINT.fullmatch(listing.where.rpartition("/")[2])
        name, model = self.names.of(listing.where)
        return Found(
            path=listing.where,
            name=name,
            model=model,
            kind=Kind.ADAPTER if told.adapter else Kind.CHECKPOINT if checkpoint else Kind.MODEL,
            state=state,
            stamp=listing.stamp(),
            step=int(checkpoint[1]) if checkpoint and len(checkpoint[1]) < _LONG else told.step,
            format=_format(listing, others) if main is None else main.format if main.files else "",
            family=told.family,
            created=listing.modified(chosen or others or listing.files),
            artifacts=_files(listing, listing.names, _roles(listing.names, chosen)),
            headers=tuple(weights.headers),
            records=tuple(own),
            base=told.base or (self._base_of_run(listing.path.parent) if checkpoint else None),
            problems=tuple(problems),
        )

    def _lone(
        self, listing: Listing, weights: WeightSet, place: str, stamp: str, shared: Sequence[Record]
    ) -> Generator[None, None, Found]:
        """The version that a weight file, or a split one, is by itself. `shared` tells of all that lie there."""
        read = yield from self._sets.read(listing, weights, {})
        own = (*shared, *read.records)
        told = _told(own) if own else _SILENT
        name, model = self.names.of(place)
        return Found(
            path=place,
            name=name,
            model=model,
            kind=Kind.MODEL,
            state=read.state,
            stamp=stamp,
            step=told.step,
            format=weights.format,
            family=told.family,
            created=listing.modified(weights.files),
            artifacts=_files(listing, weights.files, (Role.WEIGHTS,) * len(weights.files)),
            headers=tuple(read.headers),
            records=own,
            base=told.base,
            problems=tuple(read.problems),
        )

    def _base_of_run(self, run: Path) -> Lineage | None:
        """What the card of a run says that its checkpoints were made from."""
        if run not in self._runs:
            card = run / "README.md"
            reader = reader_for(card.name, b"")
            self._runs[run] = None
            if reader is not None and card.exists():
                try:
                    lineage = reader.read(card).lineage
                except DiptychError:
                    lineage = ()  # the run's own folder tells of it
                self._runs[run] = lineage[0] if lineage else None
        return self._runs[run]


class _Names(NamedTuple):
    """The names of the files in a folder, by what may lie in them."""

    records: Sequence[str]
    indexes: Sequence[str]
    weights: Sequence[str]
    """All that are not in a hidden folder beside; among them are the weights."""
    sets: tuple[WeightSet, ...]
    """The sets of weights as far as names alone tell them."""
    unread: Sequence[str]
    unfinished: bool
    """One of the files is not finished by its writer."""


@lru_cache(maxsize=64)
def _sorted_out(files: tuple[str, ...]) -> _Names:
    """Take the names of a folder apart; checkpoint after checkpoint brings the same ones."""
    told = [_told_by(name) for name in files]
    own = [one.name for one in told if one.own]
    telling = [one for one in told if one.telling]
    indexes = [one.name for one in telling if one.indexes]
    return _Names(
        records=[one.name for one in telling if one.record],
        indexes=indexes,
        weights=own,
        sets=weight_sets(own if indexes else [one.name for one in telling if one.weights]),
        unread=[one.name for one in telling if one.unread],
        unfinished=any(one.unfinished for one in telling),
    )


class _Name(NamedTuple):
    """What the name of a file tells by itself."""

    name: str
    own: bool
    """It is not in a hidden folder beside, and more than a way to go on with a training."""
    record: bool
    indexes: bool
    weights: bool
    """It is `own` and speaks of weights."""
    unread: bool
    unfinished: bool
    telling: bool
    """It is any of these: most names tell nothing."""


@lru_cache(maxsize=4096)
def _told_by(name: str) -> _Name:
    beside = "/" in name
    kept = not resumes(name.rpartition("/")[2])
    own = kept and not beside
    told = (
        kept and name.endswith(ENDINGS),
        is_index(name),
        own and bool(format_of(name)),
        not beside and unread(name),
        temporary(name),
    )
    return _Name(name, own, *told, any(told))


class _Folder(NamedTuple):
    """A folder and what was read in it."""

    listing: Listing
    names: _Names
    indexes: Mapping[str, Index]
    records: Records


def _arranged(sets: Sequence[WeightSet], whole: bool) -> tuple[WeightSet | None, list[WeightSet]]:
    """The set that makes the folder a version, and those that are versions by themselves.

    Quantised files stand for themselves, but for a single one in a folder that tells of it. The same weights in a
    second format are a twin: the preferred format is read.
    """
    quantised = [one for one in sets if one.format == "gguf" and one.files]
    plain = [one for one in sets if one.format != "gguf"]
    if not plain:
        return (quantised[0], []) if whole and len(quantised) == 1 else (None, quantised)
    if whole:
        return plain[0], quantised
    alike = [one for one in plain if one.format == plain[0].format]
    only = len(alike) == 1 and plain[0].format != "safetensors"
    main = plain[0] if only or len(plain[0].files) != 1 or plain[0].stem in _STANDARD else None
    loose = [one for one in alike if one is not main and len(one.files) == 1 and not one.missing]
    return main, loose + quantised


class _Told(NamedTuple):
    """What the records of a version tell of it as a whole."""

    adapter: bool = False
    step: int | None = None
    family: str = ""
    base: Lineage | None = None


_SILENT = _Told()


def _told(own: Sequence[Record]) -> _Told:
    evidence = [record.evidence for record in own]
    declared = [lineage for one in evidence for lineage in one.lineage]
    adapters = (one for one in declared if one.relation is Relation.ADAPTER)
    return _Told(
        adapter=any(record.reader.startswith("adapter_config") for record in own),
        step=next((one.step for one in evidence if one.step is not None), None),
        family=next((family for one in evidence if (family := one.facts.get("family"))), ""),
        base=next(adapters, declared[0] if declared else None),
    )


def _format(listing: Listing, unread_files: Sequence[str]) -> str:
    """The format of the largest of the files that are not read yet; empty without any."""
    largest = listing.largest(unread_files)
    return "" if largest is None else unread_format(largest)


def _not_downloaded(listing: Listing, main: WeightSet | None) -> list[Problem]:
    """Files of a snapshot whose content is not in the cache, but for shards, which are told with their set."""
    told = () if main is None else main.missing
    return [Problem(display.path(listing.path / name), NOT_DOWNLOADED) for name in listing.broken if name not in told]


def _downloading(listing: Listing) -> bool:
    """Whether the Hub's client has not finished the repository that a snapshot belongs to."""
    snapshot = snapshot_of(listing.path)
    if any(map(temporary, listing.files)) or listing.broken:
        return True
    if snapshot is None:
        return False
    return any(snapshot.folder.parents[1].glob("blobs/*.incomplete"))


def _files(listing: Listing, names: tuple[str, ...], roles: tuple[Role, ...]) -> Files:
    return Files(names, *listing.sizes_and_times(names), roles)


@lru_cache(maxsize=64)
def _roles(names: tuple[str, ...], weights: frozenset[str]) -> tuple[Role, ...]:
    return tuple(role(name, weights) for name in names)
