"""Everything known about one version, from the catalog or from a bare path."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from diptych import display
from diptych.catalog import Catalog
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import DatasetRef, Evidence, HyperParameter, Sample, Series
from diptych.domain.found import Found, Record
from diptych.domain.tensor import Header, TensorInfo, TensorSource
from diptych.domain.tokenizer import Tokenizer
from diptych.domain.trust import rank
from diptych.domain.version import State, Version
from diptych.errors import NotFound
from diptych.formats import open_weights
from diptych.formats.lying import in_order
from diptych.records import has_tokenizer, read_samples, read_tokenizer
from diptych.workbench.naming import Names
from diptych.workbench.recognise import Recogniser
from diptych.workbench.roles import CHECKPOINT
from diptych.workbench.scan import own_files
from diptych.workbench.walk import Listing, is_there, look, settled

T = TypeVar("T")


def from_catalog(catalog: Catalog, version: Version) -> Dossier:
    """The dossier of a version that the catalog holds."""
    dossier = _dossier(version, catalog.records(version.key), catalog.headers(version.key))
    if version.base is not None and version.base.parent is not None:
        dossier = replace(dossier, base=partial(_base, catalog, version.base.parent))
    if version.hashed:
        known = partial(catalog.fingerprints.of, version.id)
        dossier = replace(dossier, fingerprint=known, inferred=catalog.lineages.inferred(version.id))
    return dossier


def _base(catalog: Catalog, parent: str) -> Dossier | None:
    """The dossier of a parent that the catalog recognised; None where it was taken off the list since."""
    try:
        return from_catalog(catalog, catalog.resolve(parent))
    except NotFound:
        return None


def from_path(catalog: Catalog, path: Path) -> Dossier:
    """The dossier of what lies at `path`, without touching the catalog. `NotFound` where no version does."""
    place = settled(path)
    if not is_there(place):
        raise NotFound(f"{display.path(path)}: no such file or folder")
    folder = place if place.is_dir() else place.parent
    listing = _finished(look(str(folder), own_files(catalog)))
    recognised = _finished(Recogniser(Names({})).recognise(listing))
    fitting = [found for found in recognised.versions if found.path == str(place)]
    fitting = fitting or [found for found in recognised.versions if found.path == str(folder) or place == folder]
    if len(fitting) != 1 and place != folder:
        # a later shard stands for its whole set, as the first one does
        shard = [found for found in recognised.versions if any(one.path == place.name for one in found.artifacts)]
        fitting = shard or fitting
    if len(fitting) > 1:
        names = display.listing(Path(found.path).name for found in fitting if found.path is not None)
        raise NotFound(f"{display.path(path)}: holds {len(fitting)} versions: {names}", "Name one of the files.")
    if not fitting:
        raise NotFound(f"{display.path(path)}: no model version here", _hint(listing))
    found = fitting[0]
    return _dossier(_version(found), found.records, found.headers)


def _finished(work: Generator[None, None, T]) -> T:
    """Work that yields only to show that it lives, done at once."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: T = stop.value
            return result


def _hint(listing: Listing) -> str:
    checkpoints = sorted(name for name in listing.folders if CHECKPOINT.fullmatch(name))
    if checkpoints:
        return f"This is a run; name one of its checkpoints: {display.visible(display.listing(checkpoints))}."
    return "Name a folder with weights, a configuration or records."


def _version(found: Found) -> Version:
    layouts = [header.layout for header in found.headers]
    evidence = _ranked(found.records)
    place = None if found.path is None else Path(found.path)
    return Version(
        key=0,
        id="",
        name=found.name,
        model=found.model,
        kind=found.kind,
        state=found.state,
        path=place,
        step=found.step,
        format=found.format,
        dtype=max(layouts, key=lambda layout: layout.parameters).dtype if layouts else "",
        family=found.family,
        parameters=sum(layout.parameters for layout in layouts) if layouts else None,
        bytes=found.bytes,
        created=found.created,
        base=found.base,
        artifacts=tuple(found.artifacts),
        places=() if place is None else (place,),
        problems=found.problems,
        metrics={metric.key: metric.value for one in evidence for metric in one.metrics},
        hyperparameters={
            setting.key: setting.value for setting in _first(given for one in evidence for given in one.hyperparameters)
        },
    )


def _dossier(version: Version, records: Sequence[Record], headers: Iterable[Header]) -> Dossier:
    evidence = _ranked(records)
    files = tuple(dict.fromkeys(path for one in evidence for path in one.sample_files))
    here = version.path if version.state is not State.OFFLINE else None
    names = [artifact.path for artifact in version.artifacts]
    tensors = tuple(in_order(tensor) for header in headers for tensor in header.tensors())
    weights: Callable[[], TensorSource] | None = partial(open_weights, here) if here and tensors else None
    tokenizer: Callable[[], Tokenizer] | None = (
        partial(read_tokenizer, here) if here and here.is_dir() and has_tokenizer(names) else None
    )
    return Dossier(
        version=version,
        hyperparameters=_first(setting for one in evidence for setting in one.hyperparameters),
        metrics=tuple(metric for one in evidence for metric in one.metrics),
        series=_longest(curve for one in evidence for curve in one.series),
        datasets=_datasets(data for one in evidence for data in one.datasets),
        tensors=_ordered(tensors),
        problems=tuple(dict.fromkeys((*version.problems, *(told for one in evidence for told in one.problems)))),
        has_samples=bool(files),
        samples=partial(_samples, files) if files else None,
        weights=weights,
        tokenizer=tokenizer,
    )


def _ranked(records: Iterable[Record]) -> list[Evidence]:
    """What the records say, first those to be believed first; lists go by the same order."""
    return [record.evidence for record in sorted(records, key=lambda record: (rank(record.reader), str(record.path)))]


def _first(settings: Iterable[HyperParameter]) -> tuple[HyperParameter, ...]:
    """One setting a key, from the record nearest to what was meant."""
    kept: dict[str, HyperParameter] = {}
    for setting in settings:
        kept.setdefault(setting.key, setting)
    return tuple(kept.values())


def _longest(curves: Iterable[Series]) -> tuple[Series, ...]:
    """One curve a name: a run's own record holds what its checkpoints' records hold, and more."""
    kept: dict[str, Series] = {}
    for curve in curves:
        if curve.name not in kept or len(curve.steps) > len(kept[curve.name].steps):
            kept[curve.name] = curve
    return tuple(kept.values())


def _datasets(named: Iterable[DatasetRef]) -> tuple[DatasetRef, ...]:
    kept: dict[tuple[str, str, str, str], DatasetRef] = {}
    for data in named:
        kept.setdefault((data.name, data.config, data.split, data.role), data)
    return tuple(kept.values())


def _ordered(tensors: Iterable[TensorInfo]) -> tuple[TensorInfo, ...]:
    return tuple(sorted(tensors, key=lambda tensor: (tensor.file, tensor.begin)))


def _samples(files: Sequence[Path]) -> Iterator[Sample]:
    """The samples of the files that are there; `NotFound` at the end where others are gone."""
    gone = [file for file in files if not os.path.lexists(file)]
    for file in files:
        if file not in gone:
            yield from read_samples(file)
    if gone:
        raise NotFound(f"{display.listing((display.path(file) for file in gone), 2)}: not there now", "Scan again.")
