"""Every format there is, in the order in which files are held against them."""

from __future__ import annotations

from diptych.formats.format import Format
from diptych.formats.gguf import Gguf
from diptych.formats.numpy_file import Numpy
from diptych.formats.safetensors import Safetensors
from diptych.formats.torch_legacy import TorchLegacy
from diptych.formats.torch_zip import TorchZip

FORMATS: tuple[Format, ...] = (Safetensors(), Gguf(), Numpy(), TorchZip(), TorchLegacy())
