"""The names that saved training arguments refer to in good faith. A list of what is allowed, never of what is not."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PLAIN = frozenset(
    {
        "_codecs.encode",
        "collections.OrderedDict",
        "collections.defaultdict",
        "copyreg._reconstructor",
        "copy_reg._reconstructor",
        "datetime.date",
        "datetime.datetime",
        "datetime.timedelta",
        "pathlib.Path",
        "pathlib.PosixPath",
        "pathlib.PurePosixPath",
        "pathlib.PureWindowsPath",
        "pathlib.WindowsPath",
        "pathlib._local.Path",
        "pathlib._local.PosixPath",
        "pathlib._local.PurePosixPath",
        "pathlib._local.PureWindowsPath",
        "pathlib._local.WindowsPath",
        "torch.Size",
        "torch.device",
        "torch.dtype",
        *(
            f"{module}.{name}"
            for module in ("builtins", "__builtin__")
            for name in ("bytearray", "complex", "dict", "frozenset", "list", "object", "set", "slice", "tuple")
        ),
        *(
            f"torch.{name}"
            for name in (
                "bfloat16",
                "bool",
                "float16",
                "float32",
                "float64",
                "int8",
                "int16",
                "int32",
                "int64",
                "uint8",
            )
        ),
    }
)
_ARGUMENTS = re.compile(
    r"(transformers|trl|accelerate|peft|sentence_transformers|setfit|llamafactory|axolotl)(\.[a-z_][a-z0-9_]*)*"
    r"\.[A-Z]\w*(Arguments|Args|Config|Strategy|Type|Names|State|Plugin|Kwargs|Option|Mode|Backend|Samplers|Enum)"
)
"""Data classes and enumerations of the training libraries, known by where and how they are named."""


def allowed(name: str) -> bool:
    """Whether `module.name` is one of the names that arguments need."""
    return name in _PLAIN or bool(_ARGUMENTS.fullmatch(name))


def foreign(names: Iterable[str]) -> tuple[str, ...]:
    """The names that no arguments need: loading the file with plain torch would run them."""
    return tuple(name for name in names if not allowed(name))
