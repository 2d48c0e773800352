"""Weights on disk as a `TensorSource`. A new format is one file here and one line in `FORMATS`."""

from diptych.formats.format import Format, Partial
from diptych.formats.gguf import Gguf, GgufReader
from diptych.formats.safetensors import HeaderReader, Safetensors
from diptych.formats.sets import Index, WeightSet, read_index, weight_sets
from diptych.formats.weights import open_weights

FORMATS: tuple[Format, ...] = (Safetensors(), Gguf())

__all__ = [
    "FORMATS",
    "Format",
    "GgufReader",
    "HeaderReader",
    "Index",
    "Partial",
    "WeightSet",
    "open_weights",
    "read_index",
    "weight_sets",
]
