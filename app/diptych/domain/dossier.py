"""Everything known about one version, ready to be compared. Facets see dossiers, never the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from diptych.domain.evidence import DatasetRef, HyperParameter, Metric, Sample, Series
from diptych.domain.fingerprint import Fingerprint
from diptych.domain.lineage import Edge
from diptych.domain.tensor import TensorInfo, TensorSource
from diptych.domain.tokenizer import Tokenizer
from diptych.domain.version import Problem, Version


@dataclass(frozen=True, slots=True)
class Dossier:
    """A version with its evidence. The callables read files when called; they raise `DiptychError` where that fails."""

    version: Version
    hyperparameters: tuple[HyperParameter, ...] = ()
    metrics: tuple[Metric, ...] = ()
    series: tuple[Series, ...] = ()
    datasets: tuple[DatasetRef, ...] = ()
    tensors: tuple[TensorInfo, ...] = ()
    """From the headers; empty without weights."""
    problems: tuple[Problem, ...] = ()
    has_samples: bool = False
    samples: Callable[[], Iterator[Sample]] | None = None
    """None where no record holds samples."""
    weights: Callable[[], TensorSource] | None = None
    """None where the weights are not here or cannot be read."""
    tokenizer: Callable[[], Tokenizer] | None = None
    """None where the version has no tokenizer."""
    fingerprint: Callable[[], Fingerprint | None] | None = None
    """What an earlier read of the weights has found, whether they are here or not; None where there was none."""
    inferred: tuple[Edge, ...] = ()
    """What was inferred of the versions that it was made from, with the user's verdicts; the surest first."""
    base: Callable[[], Dossier | None] | None = None
    """The version that it was made from, where that is known and here; None where it was made from none."""
