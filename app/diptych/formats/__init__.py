"""Weights on disk as a `TensorSource`. A new format is one file here and one line in `formats/table.py`."""

from diptych.formats.format import Format, Partial, Unopened
from diptych.formats.gguf import Gguf, GgufReader
from diptych.formats.readers import WeightReader
from diptych.formats.safetensors import HeaderReader
from diptych.formats.sets import Index, WeightSet, read_index, weight_sets
from diptych.formats.table import FORMATS
from diptych.formats.weights import open_weights

__all__ = [
    "FORMATS",
    "Format",
    "Gguf",
    "GgufReader",
    "HeaderReader",
    "Index",
    "Partial",
    "Unopened",
    "WeightReader",
    "WeightSet",
    "open_weights",
    "read_index",
    "weight_sets",
]
