"""The names that saved weights refer to in good faith, and the dtypes they stand for; no other is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from diptych.pickles import allowed as arguments

STORAGES: Mapping[str, str] = {
    "FloatStorage": "F32", "DoubleStorage": "F64", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL", "ComplexFloatStorage": "C64", "ComplexDoubleStorage": "C128", "QInt8Storage": "I8",
    "QUInt8Storage": "U8", "QInt32Storage": "I32", "QUInt4x2Storage": "U8", "QUInt2x4Storage": "U8",
    "UntypedStorage": "U8", "_UntypedStorage": "U8",
}  # fmt: skip
"""Classes of storages, by the dtype of their elements."""

DTYPES: Mapping[str, str] = {
    "torch.float32": "F32", "torch.float64": "F64", "torch.float16": "F16", "torch.bfloat16": "BF16",
    "torch.int64": "I64", "torch.int32": "I32", "torch.int16": "I16", "torch.int8": "I8", "torch.uint8": "U8",
    "torch.uint16": "U16", "torch.uint32": "U32", "torch.uint64": "U64", "torch.bool": "BOOL",
    "torch.complex64": "C64", "torch.complex128": "C128", "torch.float8_e4m3fn": "F8_E4M3",
    "torch.float8_e5m2": "F8_E5M2", "torch.float8_e4m3fnuz": "F8_E4M3FNUZ", "torch.float8_e5m2fnuz": "F8_E5M2FNUZ",
    "torch.float8_e8m0fnu": "F8_E8M0",
}  # fmt: skip
WIDTHS: Mapping[str, int] = {
    "F32": 4, "F64": 8, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "U16": 2, "U32": 4,
    "U64": 8, "BOOL": 1, "C64": 8, "C128": 16, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
    "F8_E8M0": 1,
}  # fmt: skip
"""Bytes of one element."""

NUMPY: Mapping[str, str] = {
    "f2": "F16", "f4": "F32", "f8": "F64", "i1": "I8", "i2": "I16", "i4": "I32", "i8": "I64", "u1": "U8",
    "u2": "U16", "u4": "U32", "u8": "U64", "b1": "BOOL", "c8": "C64", "c16": "C128",
}  # fmt: skip
"""Codes of NumPy's plain types."""

STRIDES = ", strides "
"""What stands between a dtype and the strides of a view whose elements do not follow one another."""


def strided(dtype: str, strides: Iterable[int]) -> str:
    """The dtype of a view with strides, counted in elements."""
    return f"{dtype}{STRIDES}{' '.join(map(str, strides))}"


_REBUILDING = frozenset(
    {
        "torch._tensor._rebuild_from_type_v2",
        "torch.nn.parameter.Parameter",
        "torch.nn.parameter.Buffer",
        "torch.Tensor",
        "torch.serialization._get_layout",
        "torch.sparse_coo",
        "torch.sparse_csr",
        "torch.per_tensor_affine",
        "torch.per_channel_affine",
        "collections.Counter",
        *(
            f"torch._utils._rebuild_{what}"
            for what in (
                "tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state", "sparse_tensor", "qtensor",
                "meta_tensor_no_storage", "nested_tensor", "device_tensor_from_numpy",
                "device_tensor_from_cpu_tensor", "wrapper_subclass",
            )
        ),
    }
)  # fmt: skip
_ARRAYS = re.compile(
    r"numpy\.(_?core\.multiarray\.(_reconstruct|scalar)|_?core\.numeric\._frombuffer|ndarray|dtype|dtypes\.\w+DType)"
)
_HOLDERS = re.compile(
    r"(argparse\.Namespace"
    r"|(pytorch_lightning|lightning_fabric|lightning\.fabric|lightning\.pytorch)\.utilities\.(data|parsing)"
    r"\.AttributeDict)"
)
"""What settings are kept in."""
_SCRIPTED = re.compile(r"__torch__(\.\w+)+|torch\.jit\._pickle\.(build_(int|double|bool|tensor)list|restore_type_tag)")


def allowed(name: str) -> bool:
    """Whether `module.name` is one that weights, or the settings beside them, need."""
    module, _, last = name.rpartition(".")
    if module in ("torch", "torch.cuda", "torch.storage") and last in STORAGES:
        return True
    if name in _REBUILDING or name in DTYPES or name == "pickle.persistent_id":
        return True
    return bool(_ARRAYS.fullmatch(name) or _HOLDERS.fullmatch(name)) or arguments.allowed(name)


def foreign(names: Iterable[str], script: bool = False) -> tuple[str, ...]:
    """The names that no weights need: loading the file with plain torch would run them.

    In the archive of a `script`, modules are of classes whose code lies beside them, and lists are tagged with types.
    """
    return tuple(name for name in names if not (allowed(name) or (script and _SCRIPTED.fullmatch(name))))
