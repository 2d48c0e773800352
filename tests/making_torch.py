"""Files as PyTorch writes them, put together without it: zip archives, the older row of pickles, bare pickles."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np

from making import Array

STORAGES = {
    "F32": "FloatStorage", "F64": "DoubleStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage",
    "I64": "LongStorage", "I32": "IntStorage", "I16": "ShortStorage", "I8": "CharStorage", "U8": "ByteStorage",
    "BOOL": "BoolStorage", "C64": "ComplexFloatStorage",
}  # fmt: skip
NEWER = {
    "U16": "uint16", "U32": "uint32", "U64": "uint64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "F8_E8M0": "float8_e8m0fnu",
}  # fmt: skip
"""Types without a storage class of their own."""
MAGIC = 0x1950A86A20F9469CFC6C


@dataclass(frozen=True, eq=False)
class Tensor:
    """A view of a storage."""

    storage: bytes
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None = None
    offset: int = 0
    """In elements, as the strides."""
    parameter: bool = False


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are."""

    opcodes: bytes


@dataclass(frozen=True, eq=False)
class Call:
    """A call of a global with values, tensors among them."""

    module: str
    name: str
    args: tuple[object, ...]


@dataclass(frozen=True, eq=False)
class Module:
    """A scripted module: its class, and its attributes."""

    package: str
    name: str
    attributes: Mapping[str, object]


def tensor(values: Array, dtype: str = "") -> Tensor:
    """The array as a tensor; `dtype` names another type for its bytes."""
    codes = {"f4": "F32", "f8": "F64", "f2": "F16", "i8": "I64", "i4": "I32", "u1": "U8", "b1": "BOOL"}
    return Tensor(np.ascontiguousarray(values).tobytes(), dtype or codes[values.dtype.str[1:]], values.shape)


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def called(module: str, name: str, *args: object) -> Raw:
    """A call of a global."""
    return Raw(named(module, name) + b"(" + b"".join(_Writer().opcodes(each) for each in args) + b"tR")


@dataclass
class _Writer:
    """Opcodes of a value, and the storages met in it."""

    storages: dict[int, tuple[str, Tensor]] = field(default_factory=dict)
    legacy: bool = False

    def opcodes(self, value: object) -> bytes:
        if isinstance(value, Raw):
            return value.opcodes
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, Call):
            return named(value.module, value.name) + self.opcodes(value.args) + b"R"
        if isinstance(value, Module):
            return named(value.package, value.name) + b")\x81" + self.opcodes(value.attributes) + b"b"
        if isinstance(value, np.ndarray):
            return self._tensor(tensor(value))
        if isinstance(value, Mapping):
            items = b"".join(self.opcodes(key) + self.opcodes(each) for key, each in value.items())
            return b"}(" + items + b"u"
        if isinstance(value, list):
            return b"](" + b"".join(map(self.opcodes, value)) + b"e"
        if isinstance(value, tuple):
            return b"(" + b"".join(map(self.opcodes, value)) + b"t"
        return _plain(value)

    def _tensor(self, one: Tensor) -> bytes:
        strides = one.strides if one.strides is not None else _strides(one.shape)
        view = self._storage(one) + self.opcodes(one.offset) + self.opcodes(one.shape) + self.opcodes(strides)
        hooks = b"\x89" + named("collections", "OrderedDict") + b")R"
        if one.dtype in NEWER:
            body = named("torch._utils", "_rebuild_tensor_v3") + b"(" + view + hooks + named("torch", NEWER[one.dtype])
        else:
            body = named("torch._utils", "_rebuild_tensor_v2") + b"(" + view + hooks
        body += b"tR"
        if one.parameter:
            return named("torch._utils", "_rebuild_parameter") + b"(" + body + hooks + b"tR"
        return body

    def _storage(self, one: Tensor) -> bytes:
        key, _ = self.storages.setdefault(id(one.storage), (str(len(self.storages)), one))
        kind = named("torch.storage", "UntypedStorage") if one.dtype in NEWER else named("torch", STORAGES[one.dtype])
        last = b"N" if self.legacy else b""
        count = self.opcodes(_elements(one))
        return b"(" + text("storage") + kind + text(key) + text("cpu") + count + last + b"tQ"


def _elements(one: Tensor) -> int:
    widths = {"F64": 8, "I64": 8, "C64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
    return len(one.storage) // (1 if one.dtype in NEWER else widths.get(one.dtype, 1))


def _strides(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(prod(shape[at + 1 :]) for at in range(len(shape)))


def _plain(value: object) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        size = value.bit_length() // 8 + 1
        long = b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)
        return b"J" + struct.pack("<i", value) if size <= 4 else long
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    assert isinstance(value, str)
    return text(value)


def torch_pickle(value: object) -> bytes:
    """One pickle."""
    return b"\x80\x02" + _Writer().opcodes(value) + b"."


def torch_zip(value: object, folder: str = "archive", more: Mapping[str, bytes] | None = None) -> bytes:
    """A file as `torch.save` writes it from 1.6 on; `more` are further entries."""
    writer = _Writer()
    pickled = value if isinstance(value, bytes) else b"\x80\x02" + writer.opcodes(value) + b"."
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{folder}/data.pkl", pickled)
        archive.writestr(f"{folder}/byteorder", b"little")
        for key, one in writer.storages.values():
            archive.writestr(f"{folder}/data/{key}", one.storage)
        archive.writestr(f"{folder}/version", b"3\n")
        for name, content in (more or {}).items():
            archive.writestr(name, content)
    return out.getvalue()


def torch_legacy(value: object) -> bytes:
    """A file as `torch.save` wrote it before 1.6."""
    writer = _Writer(legacy=True)
    pickled = b"\x80\x02" + writer.opcodes(value) + b"."
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [torch_pickle(MAGIC), torch_pickle(1001), torch_pickle(system), pickled]
    parts.append(torch_pickle([key for key, _ in writer.storages.values()]))
    parts += [struct.pack("<Q", _elements(one)) + one.storage for _, one in writer.storages.values()]
    return b"".join(parts)


def write_torch(path: Path, value: object) -> Path:
    """Write a zip archive with `value`, making folders as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(torch_zip(value, path.name.partition(".")[0]))
    return path
