"""Two versions side by side: the facets as jobs, their answers kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych import display
from diptych.compare import FACETS, Facet, relation, verdict
from diptych.compare.spectra import spectrum_of, told
from diptych.compare.structure import Pairing, pairings
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Sheet
from diptych.domain.tensor import TensorInfo
from diptych.errors import NotFound
from diptych.job import Job, Tick, finish, retold
from diptych.tensors.histogram import Histogram, histograms
from diptych.tensors.spectrum import Spectrum
from diptych.tensors.viewed import Viewed
from diptych.workbench.turning import turned

__all__ = ["Comparison", "FacetInfo", "TensorDetail", "TensorSpectrum", "tensor_detail", "tensor_spectrum", "turned"]

_FACETS: Mapping[str, Facet] = {facet.key: facet for facet in FACETS}


@dataclass(frozen=True, slots=True)
class FacetInfo:
    """A facet as a list of contents shows it."""

    key: str
    title: str
    heavy: bool
    """It reads files: run it after the others."""


@dataclass(frozen=True, slots=True)
class TensorDetail:
    """What the drawer shows of one tensor beyond its row."""

    key: str
    histograms: tuple[Histogram | None, ...]
    """Of A, of B, and of B − A; None where there is nothing to count."""


@dataclass
class Comparison:
    """A comparison of two versions. Answers are computed once, in either direction."""

    left: Dossier
    right: Dossier
    rules: Rules = field(default_factory=Rules)
    _known: dict[str, Sheet] = field(default_factory=dict, repr=False)
    _back: Comparison | None = field(default=None, repr=False)
    """The comparison that this one is the other side of."""
    _pairs: dict[str, Pairing] = field(default_factory=dict, repr=False)

    @property
    def relation(self) -> str:
        """How B relates to A, in words."""
        return relation(self.left.version, self.right.version, (*self.left.inferred, *self.right.inferred))

    @property
    def facets(self) -> tuple[FacetInfo, ...]:
        """What can be asked, in the order of reading."""
        return tuple(FacetInfo(facet.key, facet.title, facet.heavy) for facet in FACETS)

    def sheet(self, key: str) -> Job[Sheet]:
        """The answer of one facet. `NotFound` for a facet that does not exist."""
        facet = _FACETS.get(key)
        if facet is None:
            raise NotFound(f"{key}: no such facet", f"There are {', '.join(_FACETS)}.")
        if key == "summary":
            yield Tick("Weighing what was found")
            return verdict(self.left, self.right, self.sheets())
        known = self.sheets().get(key)
        if known is None:
            rules = self.rules
            known = yield from facet.compare(self.left, self.right, rules)
            if rules is self.rules or facet.heavy:
                self._known[key] = known
        return known

    def sheets(self) -> Mapping[str, Sheet]:
        """The answers so far, those known from the other side turned."""
        if self._back is not None:
            for key, sheet in dict(self._back._known).items():
                if key not in self._known:
                    self._known[key] = self._other_side(key, sheet)
        return {facet.key: self._known[facet.key] for facet in FACETS if facet.key in self._known}

    def pair(self, key: str) -> Pairing:
        """The tensors behind a row of the weights; `NotFound` where there are none. The first call pairs all."""
        if not self._pairs:
            found: dict[str, Pairing] = {}
            for pair in pairings(self.left, self.right):
                for name in _names(pair):
                    found.setdefault(name, pair)
            self._pairs = found
        if key not in self._pairs:
            raise NotFound(f"{display.visible(key)}: no such tensor")
        return self._pairs[key]

    def swapped(self) -> Comparison:
        """The same comparison with A and B exchanged."""
        return self._back or Comparison(self.right, self.left, self.rules, _back=self)

    def judge(self, rules: Rules) -> None:
        """Compare by other rules from now on; what reads files does not depend on them, and is kept."""
        self.rules = rules
        self._known = {key: sheet for key, sheet in self._known.items() if _FACETS[key].heavy}
        if self._back is not None:
            self._back.judge(rules)

    def _other_side(self, key: str, sheet: Sheet) -> Sheet:
        """Facets that read no files are asked again, in words of their own; the others are turned."""
        facet = _FACETS[key]
        return turned(sheet) if facet.heavy else finish(facet.compare(self.left, self.right, self.rules))


@dataclass(frozen=True, slots=True)
class TensorSpectrum:
    """The singular values of a tensor's change, and what they tell in one sentence."""

    key: str
    spectrum: Spectrum
    told: str


def tensor_spectrum(comparison: Comparison, key: str) -> Job[TensorSpectrum]:
    """Decompose the change of one row of the weights. `NotFound` or `Refused` where that cannot be."""
    found = yield from spectrum_of(comparison.left, comparison.right, key)
    return TensorSpectrum(key, found, told(found))


def tensor_detail(comparison: Comparison, key: str) -> Job[TensorDetail]:
    """The histograms of one row of the weights. `NotFound` where neither side holds that tensor.

    That of the change is counted first: from then on ticks have what is known so far.
    """

    def known(tick: Tick) -> Tick:
        change = tick.partial
        return tick._replace(partial=TensorDetail(key, (None, None, change)) if isinstance(change, Histogram) else None)

    sides = (comparison.left, comparison.right)
    yield Tick("Counting values")
    pair = comparison.pair(key)
    if pair.measurable and sides[0].weights and sides[1].weights and pair.left and pair.right:
        views = [[view] if view else [] for view in pair.views]
        with sides[0].weights() as a, sides[1].weights() as b:
            found = yield from retold(histograms(Viewed(a, views[0]), Viewed(b, views[1]), *pair.read), known)
        return TensorDetail(key, (found.left, found.right, found.change))
    alone: list[Histogram | None] = []
    for side, tensor, name in zip(sides, (pair.left, pair.right), pair.stored, strict=True):
        alone.append((yield from _alone(side, tensor, name)))
    return TensorDetail(key, (*alone, None))


def _names(pair: Pairing) -> set[str]:
    """What the row of a pair may be called, in either direction of the comparison."""
    return {pair.name, *(tensor.name for tensor in (pair.left, pair.right) if tensor)}


def _alone(side: Dossier, tensor: TensorInfo | None, name: str) -> Job[Histogram | None]:
    """The histogram of a tensor that has no counterpart of its shape."""
    if tensor is None or side.weights is None:
        return None
    with side.weights() as source:
        found = yield from histograms(source, source, name, name)
    return found.left
