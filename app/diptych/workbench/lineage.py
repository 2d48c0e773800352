"""Inferring lineage from fingerprints, and the whole pedigree: what is declared and what was inferred."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from diptych import display
from diptych.catalog import Catalog
from diptych.compare import fitting
from diptych.compare.descent import LEAST, TOLD, Weighed, descent, distance, rounding
from diptych.compare.kinship import ROUNDING, bits, kinship, related, renamed
from diptych.compare.signs import grown, signs, weighed
from diptych.domain.fingerprint import Fingerprint
from diptych.domain.lineage import Edge, Origin, Pedigree
from diptych.domain.version import Relation, Version
from diptych.job import Job, Tick

_KEPT = 48
"""Fingerprints held at a time: a large one takes some megabytes."""
_BY_GROWTH = 0.95
"""How sure it is that of two vocabularies the larger one is the later."""
_STRANGERS = 64
"""Versions of other forms among which the original of a quantised one is looked for."""


@dataclass(frozen=True, slots=True)
class LineageReport:
    """What inference came to."""

    versions: int
    """Versions with a fingerprint."""
    edges: tuple[Edge, ...]

    def __str__(self) -> str:
        return f"{display.plural(self.versions, 'version')} looked at · {display.plural(len(self.edges), 'edge')} found"


class _Prints:
    """Fingerprints as they are needed; the last few stay."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: OrderedDict[str, Fingerprint | None] = OrderedDict()

    def __call__(self, version_id: str) -> Fingerprint | None:
        if version_id not in self._kept:
            self._kept[version_id] = self._catalog.fingerprints.of(version_id)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(version_id)
        return self._kept[version_id]


def infer(catalog: Catalog) -> Job[LineageReport]:
    """Look for descent among all versions with a fingerprint, and keep what is found in place of what was before."""
    vectors = catalog.lineages.vectors()
    yield Tick("Look for descent", 0, len(vectors), "versions")
    known = {version.id: version for version in catalog.versions(catalog.lineages.keys())}
    families: dict[str, list[Weighed]] = defaultdict(list)
    for one in vectors:
        if one.version_id in known:
            families[one.form].append(Weighed(known[one.version_id], one.values, one.norm))
    prints = _Prints(catalog)
    edges: list[Edge] = []
    done = 0
    for family in families.values():
        for edge in descent(family, prints):
            done += 1
            if edge is not None:
                edges.append(edge)
            yield Tick("Look for descent", done, len(vectors), "versions")
    adapters = yield from _adapters(families, prints)
    edges = yield from _merges(edges, adapters, known, prints)
    edges += yield from _bases(families, adapters, edges, prints)
    edges += yield from _elsewhere(families, adapters, edges, prints)
    edges += yield from _grown(families, edges, prints)
    declared = {(one.child, one.parents, one.relation) for one in _declared(tuple(known.values()))}
    edges = [
        edge for edge in edges
        if edge.confidence >= TOLD and (edge.child, edge.parents, edge.relation) not in declared
    ]  # fmt: skip
    catalog.lineages.replace(edges)
    return LineageReport(len(vectors), tuple(edges))


def pedigree(catalog: Catalog, version: Version | None = None) -> Pedigree:
    """All versions with a fingerprint or kin, and their edges; or those that one descends from or gave rise to."""
    versions = {one.id: one for one in catalog.versions(catalog.lineages.keys())}
    edges = (*_declared(tuple(versions.values())), *catalog.lineages.inferred())
    fingerprints = len(catalog.fingerprints.known() & versions.keys())
    if version is None:
        return Pedigree(tuple(versions.values()), edges, fingerprints)
    kin = _reached(version.id, edges, up=True) | _reached(version.id, edges, up=False)
    versions.setdefault(version.id, version)
    return Pedigree(
        tuple(one for one in versions.values() if one.id in kin),
        tuple(one for one in edges if one.child in kin and kin.issuperset(one.parents)),
        fingerprints,
    )


def _declared(versions: Sequence[Version]) -> tuple[Edge, ...]:
    """What records declare, where the parent is in the catalog."""
    here = {one.id for one in versions}
    return tuple(
        Edge(one.id, (one.base.parent,), one.base.relation, 1.0,
             (f"{display.visible(one.base.name)} in {display.visible(one.base.source.file)}",), Origin.DECLARED)
        for one in versions
        if one.base is not None and one.base.parent is not None and one.base.parent in here
    )  # fmt: skip


def _reached(start: str, edges: Sequence[Edge], *, up: bool) -> set[str]:
    """The ids that lie before a version, or after it, itself included."""
    steps: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        for parent in edge.parents:
            if up:
                steps[edge.child].add(parent)
            else:
                steps[parent].add(edge.child)
    found, waiting = {start}, [start]
    while waiting:
        fresh = steps[waiting.pop()] - found
        found |= fresh
        waiting.extend(fresh)
    return found


Wanted = Mapping[str, tuple[int, int]]


def _adapters(families: Mapping[str, Sequence[Weighed]], prints: _Prints) -> Job[list[tuple[Version, Wanted]]]:
    """The versions that are adapters, with the modules that each changes."""
    found = []
    for family in families.values():
        first = prints(family[0].version.id)
        wanted = fitting.modules(first) if first is not None else {}
        if wanted:
            found += [(one.version, wanted) for one in family]
        yield Tick("Look for adapters")
    return found


def _merges(
    edges: Sequence[Edge], adapters: Sequence[tuple[Version, Wanted]], known: Mapping[str, Version], prints: _Prints
) -> Job[list[Edge]]:
    """The same edges, with those that an adapter explains as its merges."""
    found = []
    for edge in edges:
        yield Tick("Look for merged adapters")
        merge = None
        if adapters and edge.relation in (Relation.FINE_TUNE, Relation.CONVERTED):
            child, base = known[edge.child], known[edge.parents[0]]
            one, other = prints(base.id), prints(child.id)
            kin = kinship(one, other) if one is not None and other is not None else None
            merge = fitting.merged(child, base, kin, adapters) if kin is not None else None
        found.append(replace(merge, confidence=merge.confidence * max(edge.confidence, 0.9)) if merge else edge)
    return found


def _bases(
    families: Mapping[str, Sequence[Weighed]], adapters: Sequence[tuple[Version, Wanted]], edges: Sequence[Edge],
    prints: _Prints,
) -> Job[list[Edge]]:  # fmt: skip
    """The bases of adapters that declare none which is here: of each form, those that descend from no other."""
    found: list[Edge] = []
    children = {edge.child for edge in edges}
    for adapter, wanted in adapters:
        yield Tick("Look for bases of adapters")
        if adapter.base is not None and adapter.base.parent is not None:
            continue
        bases: list[Version] = []
        for family in families.values():
            first = prints(family[0].version.id)
            if first is not None and fitting.fits(wanted, first):
                bases += [one.version for one in family if one.version.id not in children]
        found += fitting.adapter_edges(adapter, wanted, bases)
    return found


def _elsewhere(
    families: Mapping[str, Sequence[Weighed]], adapters: Sequence[tuple[Version, Wanted]], edges: Sequence[Edge],
    prints: _Prints,
) -> Job[list[Edge]]:  # fmt: skip
    """Originals of quantised versions under other names of tensors, as in GGUF: known again by their sketches."""
    found: list[Edge] = []
    taken = {edge.child for edge in edges} | {version.id for version, _ in adapters}
    everybody = [(form, one.version) for form, family in families.items() for one in family]
    for form, child in everybody:
        band = ROUNDING.get(child.dtype)
        if band is None or child.id in taken:
            continue
        others = [
            one for there, one in everybody
            if there != form and bits(one.dtype) > bits(child.dtype) and one.parameters and child.parameters
            and 0.8 < one.parameters / child.parameters < 1.25
        ]  # fmt: skip
        best: tuple[float, Edge] | None = None
        for original in others[:_STRANGERS]:
            yield Tick(f"Look for the original of {child.name}")
            one, other = prints(original.id), prints(child.id)
            kin = kinship(one, renamed(one, other)) if one is not None and other is not None else None
            if kin is None:
                continue
            inside, rounded = kin.within(band)
            if rounded and (best is None or kin.distance < best[0]):
                best = kin.distance, rounding(original, child, kin, inside, band)
        if best is not None:
            found.append(best[1])
    return found


def _grown(families: Mapping[str, Sequence[Weighed]], edges: Sequence[Edge], prints: _Prints) -> Job[list[Edge]]:
    """Fine-tunes whose vocabulary grew: of another form, but of kin in every matrix that has kept its shape."""
    found: list[Edge] = []
    children = {edge.child for edge in edges}
    everybody = [(form, one.version) for form, family in families.items() for one in family]
    for form, child in everybody:
        if child.id in children:
            continue
        best: tuple[float, Edge] | None = None
        smaller = [one for there, one in everybody if there != form and grown(one, child) > 0]
        for parent in smaller[:_STRANGERS]:
            yield Tick(f"Look for what {child.name} grew from")
            one, other = prints(parent.id), prints(child.id)
            kin = kinship(one, other) if one is not None and other is not None else None
            if kin is None or (best is not None and best[0] <= kin.distance):
                continue
            beside = signs(parent, child)
            sure = _BY_GROWTH * weighed(related(kin), beside.odds)
            if sure >= LEAST:
                words = (distance(kin), f"by the {kin.matrices:,} matrices that kept their shape", *beside.words)
                best = kin.distance, Edge(child.id, (parent.id,), Relation.FINE_TUNE, sure, words)
        if best is not None:
            found.append(best[1])
    return found
