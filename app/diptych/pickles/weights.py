"""The tensors in what the pickle machine built, by name, with the places of their bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import NamedTuple, TypeAlias

from diptych.pickles.inert import Name, NotPickle, Pairs, Placed, Stand, Value
from diptych.pickles.names import DTYPES, NUMPY, STORAGES, WIDTHS, strided

MOST_TENSORS = 500_000
_MOST_NODES = 2_000_000
_MOST_DEPTH = 40
_MOST_DIMENSIONS = 64
_MOST = 2**63 - 1
_MOST_REPEATED = 2**30
"""Bytes that a view may show of a storage that has fewer."""
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params")
"""Keys under which trainers put the weights proper, the more telling first; tensors are named without them."""
_NOT_WEIGHTS = (
    "optim", "lr_sched", "sched", "scaler", "rng", "random", "amp", "callbacks", "loops", "grad_scaler", "_metadata",
    "native_amp",
)  # fmt: skip
"""Beginnings of keys at the top whose tensors only continue a training."""

Places: TypeAlias = "Callable[[str], tuple[int, int] | None]"
"""Begin and end of a storage in the file, by its key; None where it is not in it."""


class Listed(NamedTuple):
    """One tensor. Where it lies turned in its storage (`F32, strides 1 4`) or cannot be read, its dtype says so."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def listed(value: Value, places: Places, whole: bool = False) -> list[Listed]:
    """Every tensor in `value`, the states of optimizers left out, unless the `whole` is wanted. Raises `NotPickle`."""
    walk = _Walk(places)
    found: dict[str, Listed] = {}
    for name, tensor in walk.tensors(*((value, {}) if whole else _unwrapped(value, walk))):
        if name in found:
            raise NotPickle(f"has the tensor {name[:60]} twice")
        if len(found) >= MOST_TENSORS:
            raise NotPickle(f"has more than {MOST_TENSORS:,} tensors")
        found[name] = Listed(name, tensor.dtype, tensor.shape, tensor.begin, tensor.end)
    return list(found.values())


def pairs_of(value: Value) -> list[tuple[Value, Value]] | None:
    """The items of a dict of any sort; None for what is none."""
    if isinstance(value, Pairs):
        return value.items
    if not isinstance(value, Stand):
        return None
    if value.name.startswith("__torch__.") and isinstance(value.state, Pairs):
        return value.state.items  # the attributes of a scripted module
    if value.name.endswith((".OrderedDict", ".defaultdict", ".dict", ".AttributeDict", ".Counter")):
        built = value.args[0] if isinstance(value.args, tuple) and value.args else None
        if isinstance(built, list):  # OrderedDict([[key, value], …]), as Python 2 wrote it
            twos = [each for each in built if isinstance(each, list | tuple) and len(each) == 2]
            return [(each[0], each[1]) for each in twos] + value.pairs
        return value.pairs
    return None


def _unwrapped(value: Value, walk: _Walk) -> tuple[Value, Mapping[str, Value]]:
    """The weights proper, and what other branches of the same file hold, by the prefix of their names."""
    others: dict[str, Value] = {}
    for _ in range(4):
        branches = {
            key: each
            for key, each in pairs_of(value) or ()
            if isinstance(key, str) and not key.lower().startswith(_NOT_WEIGHTS) and pairs_of(each)
        }
        inner = next((key for key in _WRAPPERS if key in branches and walk.holds(branches[key])), None)
        if inner is None:
            break
        others |= {key: each for key, each in branches.items() if key != inner}
        value = branches[inner]
    items = pairs_of(value)
    if items is not None and not others:
        value = Pairs([(key, each) for key, each in items if not _continues(key, each)])
    return value, others


def _continues(key: Value, value: Value) -> bool:
    """Whether a branch only continues a training."""
    return isinstance(key, str) and key.lower().startswith(_NOT_WEIGHTS) and isinstance(value, Pairs | list | tuple)


class _Walk:
    """One walk over inert values, bounded in depth and number, since shared values may unfold without end."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._nodes = 0

    def tensors(self, value: Value, others: Mapping[str, Value]) -> Iterator[tuple[str, _Tensor]]:
        """Name and tensor of everything below the weights proper, then below the other branches."""
        tensor = self.tensor(value)
        if tensor is not None:
            yield "data", tensor
            return
        yield from self._below("", value, frozenset())
        for key, each in others.items():
            yield from self._below(key, each, frozenset())

    def holds(self, value: Value) -> bool:
        """Whether there is any tensor below."""
        return next(self._below("", value, frozenset()), None) is not None

    def _below(self, prefix: str, value: Value, above: frozenset[int]) -> Iterator[tuple[str, _Tensor]]:
        self._count(above)
        if isinstance(value, Stand) and value.name.startswith("torch.jit._pickle.") and isinstance(value.args, tuple):
            value = value.args[0] if value.args else None
        items: list[tuple[Value, Value]] | None = pairs_of(value)
        if items is None and isinstance(value, list | tuple):
            items = list(enumerate(value))
        if not items or id(value) in above:
            return
        within = above | {id(value)}
        for key, each in items:
            if not isinstance(key, str | int):
                continue
            name = f"{prefix}.{key}" if prefix else str(key)
            tensor = self.tensor(each)
            if tensor is not None:
                self._count(within)
                yield _checked(name), tensor
            elif isinstance(each, Pairs | Stand | list | tuple):
                yield from self._below(name, each, within)

    def _count(self, above: frozenset[int]) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES or len(above) > _MOST_DEPTH:
            raise NotPickle("holds more values, or deeper ones, than weights have")

    def tensor(self, value: Value) -> _Tensor | None:
        """The tensor that a call would have made; None for anything else."""
        if not isinstance(value, Stand):
            return None
        return self._rebuilt(str(value.callee), value.args, value)

    def _rebuilt(self, callee: str, args: Value, stand: Stand) -> _Tensor | None:
        if not isinstance(args, tuple):
            return None
        if callee == "torch._tensor._rebuild_from_type_v2" and len(args) >= 3:
            return self._rebuilt(str(args[0]), args[2], stand)
        if callee.startswith("torch._utils._rebuild_"):
            return self._of_torch(callee.removeprefix("torch._utils._rebuild_"), args)
        if callee.startswith("torch.nn.parameter."):
            return self.tensor(args[0]) if args else None
        if callee.startswith("numpy."):
            return _array(callee.rpartition(".")[2], args, stand)
        return None

    def _of_torch(self, how: str, args: tuple[Value, ...]) -> _Tensor | None:
        if how.startswith("parameter") and args:
            return self.tensor(args[0])
        if how == "device_tensor_from_cpu_tensor" and args:
            return self.tensor(args[0])
        if how == "meta_tensor_no_storage" and len(args) >= 2:
            return _Tensor(f"{DTYPES.get(str(args[0]), 'unknown')}, without values", _shape(args[1]), 0, 0)
        if how in ("tensor", "tensor_v2", "tensor_v3", "qtensor") and len(args) >= 4:
            return self._strided(how, args)
        if how == "sparse_tensor":
            return self._sparse(args)
        return _Tensor("nested" if how == "nested_tensor" else "of a special kind", (), 0, 0)

    def _sparse(self, args: tuple[Value, ...]) -> _Tensor:
        """Layout and parts: indices, values and size of a list of coordinates; two indices first where compressed."""
        parts = args[1] if len(args) > 1 else None
        if not isinstance(parts, tuple):
            return _Tensor("sparse", (), 0, 0)
        tensors = [tensor for each in parts if (tensor := self.tensor(each)) is not None]
        sizes = (each for each in parts if self.tensor(each) is None and not isinstance(each, bool | int | None))
        size = next(sizes, None)
        dtype = f"{tensors[-1].dtype}, sparse" if tensors else "sparse"
        return _Tensor(dtype, () if size is None else _shape(size), 0, 0)

    def _strided(self, how: str, args: tuple[Value, ...]) -> _Tensor:
        """Storage, offset, shape and strides, both in elements; the third way names the dtype apart."""
        key, dtype, length = _storage(args[0])
        if how == "tensor_v3":
            dtype = DTYPES.get(str(args[6]) if len(args) > 6 else "", "unknown")
        offset, shape, strides = args[1], _shape(args[2]), _sizes(args[3])
        if type(offset) is not int or not 0 <= offset <= _MOST or len(strides) != len(shape):
            raise NotPickle("has a tensor whose place makes no sense")
        width = WIDTHS.get(dtype)
        if width is None:
            return _Tensor(f"{dtype}, not read", shape, 0, 0)
        place = self._places(key)
        if place is None:
            return _Tensor(f"{dtype}, without values", shape, 0, 0)
        contiguous = _contiguous(shape, strides)
        span = sum((size - 1) * step for size, step in zip(shape, strides, strict=True)) + 1 if 0 not in shape else 0
        begin = place[0] + offset * width
        end = begin + span * width
        stored = length if how == "tensor_v3" else length * width
        if end > place[1] or stored > place[1] - place[0]:
            raise NotPickle("has a tensor that reaches out of its storage")
        if how == "qtensor":
            dtype = f"{dtype}, quantised"
        if not contiguous and prod(shape) * width > max(place[1] - place[0], _MOST_REPEATED):
            return _Tensor(f"{dtype}, repeated without end", shape, begin, end)
        return _Tensor(dtype if contiguous else strided(dtype, strides), shape, begin, end)


def _storage(value: Value) -> tuple[str, str, int]:
    """Key, dtype and elements of the storage that a persistent id stands for."""
    if isinstance(value, Stand) and str(value.callee) == "pickle.persistent_id" and isinstance(value.args, tuple):
        args = value.args
        if len(args) >= 5 and args[0] == "storage" and isinstance(args[1], Name) and type(args[4]) is int:
            dtype = STORAGES.get(args[1].name)
            view = args[5] if len(args) > 5 else None
            if dtype is not None and view is None and 0 <= args[4] <= _MOST:
                return str(args[2]) if isinstance(args[2], str | int) else "", dtype, args[4]
    raise NotPickle("has a tensor without a storage that is known")


def _shape(value: Value) -> tuple[int, ...]:
    if isinstance(value, Stand) and value.name == "torch.Size" and isinstance(value.args, tuple) and value.args:
        value = value.args[0]
    sizes = _sizes(value)
    if prod(sizes) > _MOST:
        raise NotPickle("has a tensor with a shape that no file can hold")
    return sizes


def _sizes(value: Value) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or len(value) > _MOST_DIMENSIONS:
        raise NotPickle("has a tensor whose shape is none")
    sizes = tuple(size for size in value if type(size) is int and 0 <= size <= _MOST)
    if len(sizes) != len(value):
        raise NotPickle("has a tensor with a shape that no file can hold")
    return sizes


def _contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    if 0 in shape:
        return True
    expected = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size > 1 and stride != expected:
            return False
        expected *= size
    return True


def columns_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array that is written as Fortran does, the first dimension running fastest."""
    return tuple(prod(shape[:at]) for at in range(len(shape)))


def _array(how: str, args: tuple[Value, ...], stand: Stand) -> _Tensor | None:
    """An array of NumPy: the bytes lie in the pickle itself."""
    if how == "_reconstruct":
        state = stand.state
        if not isinstance(state, tuple) or len(state) < 5:
            return None
        shape, dtype, fortran, raw = _shape(state[1]), state[2], state[3], state[4]
    elif how == "_frombuffer" and len(args) >= 4:
        raw, dtype, shape, fortran = args[0], args[1], _shape(args[2]), args[3] == "F"
        if isinstance(raw, Stand):
            raw = raw.args[0] if isinstance(raw.args, tuple) and raw.args else None
    else:
        return None
    code = _code(dtype)
    if code is None:
        return _Tensor("of a type that is not read", shape, 0, 0)
    if not isinstance(raw, Placed):
        return _Tensor(f"{code}, packed", shape, 0, 0)
    if len(raw) != prod(shape) * WIDTHS[code]:
        raise NotPickle("has an array whose bytes do not fill its shape")
    mixed = fortran and sum(size > 1 for size in shape) > 1
    return _Tensor(strided(code, columns_first(shape)) if mixed else code, shape, raw.begin, raw.begin + len(raw))


def _code(dtype: Value) -> str | None:
    """`numpy.dtype("f4", False, True)` with its state `(3, "<", …)`, in the spelling of safetensors."""
    if not isinstance(dtype, Stand) or not isinstance(dtype.args, tuple) or not dtype.args:
        return None
    order = dtype.state[1] if isinstance(dtype.state, tuple) and len(dtype.state) > 1 else "<"
    code = dtype.args[0]
    return NUMPY.get(code) if isinstance(code, str) and order in ("<", "|", "=") else None


def _checked(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise NotPickle("has a tensor whose name is no text") from None
    return name
