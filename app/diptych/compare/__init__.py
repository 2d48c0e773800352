"""Two versions side by side: facets, each a pure question that answers with a sheet."""

from __future__ import annotations

from diptych.compare.config import Config
from diptych.compare.curves import Curves
from diptych.compare.facet import Facet
from diptych.compare.files import Files
from diptych.compare.hyperparameters import Hyperparameters
from diptych.compare.metrics import Metrics
from diptych.compare.outputs import Outputs
from diptych.compare.relation import relation
from diptych.compare.summary import Summary, verdict
from diptych.compare.tokenizer import Tokenizers
from diptych.compare.weights import Weights
from diptych.compare.words import word_diff

_OTHERS: tuple[Facet, ...] = (
    Hyperparameters(),
    Metrics(),
    Curves(),
    Outputs(),
    Weights(),
    Tokenizers(),
    Config(),
    Files(),
)

FACETS: tuple[Facet, ...] = (Summary(_OTHERS), *_OTHERS)
"""Every facet, in the order in which a report shows them."""

__all__ = ["FACETS", "Facet", "relation", "verdict", "word_diff"]
