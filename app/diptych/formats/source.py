"""Tensors of weight files whose headers say where each one lies, read through memory maps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np
from safetensors import SafetensorError, safe_open

from diptych import display
from diptych.domain.decoding import decode, packing, readable
from diptych.domain.tensor import DTYPE_BITS, Header, TensorInfo
from diptych.errors import Damaged, NotFound, Refused
from diptych.formats.lying import in_order, lying
from diptych.formats.mapped import Map
from diptych.formats.unfolding import Unfolded, gathered
from diptych.opening import open_regular, unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

Examine: TypeAlias = Callable[[Path, Header], None]


class FileSource:
    """The tensors of one or more files, each with its header. Files are opened at the first use of a tensor in them.

    A context manager; leaving it unmaps the files, so arrays taken from `raw` must not be used afterwards. Leaving it
    raises `Damaged` where a file was cut while its bytes were looked at.
    """

    def __init__(
        self, files: Sequence[tuple[Path, Header]], follow: bool = False, examine: Examine | None = None
    ) -> None:
        """`examine` looks at each file before its data is trusted."""
        self._files = {header.file: _File(path, header, follow, examine) for path, header in files}
        self._tensors: dict[str, TensorInfo] = {}
        self._unfolded = Unfolded()
        self._metadata: dict[str, str] = {}
        for path, header in files:
            self._metadata.update(header.metadata)
            for tensor in header.tensors():
                if tensor.name in self._tensors:
                    name = display.elide(display.visible(tensor.name), 60)
                    raise Damaged(f"{display.path(path)}: the tensor ‘{name}’ is in another shard too")
                self._tensors[tensor.name] = tensor

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the files say about themselves; where two disagree, the last one."""
        return self._metadata

    def tensors(self) -> Sequence[TensorInfo]:
        """Every tensor, in the order of the files, as `raw` and `read` hand it out."""
        return tuple(in_order(tensor) for tensor in self._tensors.values())

    def raw(self, name: str) -> NDArray[np.uint8]:
        """The tensor's bytes, mapped and not copied where they lie in order; flat.

        Raises `NotFound`, `Damaged` (the file changed, is short) or `Refused` (no room to put them in order).
        """
        tensor = self._stored(name)
        if lying(tensor.dtype).plain:
            return self._files[tensor.file].bytes(tensor.begin, tensor.end)
        for _ in self.unfolding(name):
            pass
        unfolded = self._unfolded.get(name)
        assert unfolded is not None
        return unfolded

    def unfolding(self, name: str) -> Iterator[None]:
        """Put a tensor that lies turned or packed in order, piece by piece, after which `raw` has it at hand."""
        tensor = self._stored(name)
        if not lying(tensor.dtype).plain and self._unfolded.get(name) is None:
            yield from self._unfolded.fill(name, in_order(tensor).bytes, self._parts(tensor))

    def _parts(self, tensor: TensorInfo) -> Iterator[bytes | NDArray[np.uint8]]:
        """The bytes of a tensor that lies turned, in order."""
        told = lying(tensor.dtype)
        assert told.strides is not None
        stored = self._files[tensor.file].bytes(tensor.begin, tensor.end)
        return gathered(stored, DTYPE_BITS[told.dtype] // 8, tensor.shape, told.strides)

    def _stored(self, name: str) -> TensorInfo:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise NotFound(f"no tensor is named {display.visible(name)}")
        return tensor

    def read(self, name: str, elements: int = 1 << 20) -> Iterator[NDArray[np.generic]]:
        """The values in flat chunks: floating types as float32 (F64 as float64), the others as their own type."""
        raw = self.raw(name)
        dtype = lying(self._tensors[name].dtype).dtype
        if not readable(dtype):
            raise Refused(f"{display.visible(name)}: its values are of {dtype}, which is not read")
        count, width = packing(dtype)
        # whole bytes only: four elements of F6 share three bytes, two of F4 share one
        step = max(elements // count, 1)
        for group in range(0, len(raw) // width, step):
            yield decode(raw[group * width : (group + step) * width], dtype)
            self.check(name)

    def check(self, name: str) -> None:
        """Raise `Damaged` where the file of a tensor, of which something was read, has become shorter since."""
        self._files[self._tensors[name].file].check()

    def release(self, name: str, upto: int | None = None) -> None:
        """Give the memory behind a tensor that was read (`upto` so many bytes of it) back to the system.

        It stays readable. Raises `Damaged` where the file became shorter: what was read of it is worth nothing.
        """
        tensor = self._tensors[name]
        end = tensor.end if upto is None or not lying(tensor.dtype).plain else tensor.begin + upto
        self._files[tensor.file].release(tensor.begin, end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._unfolded.close()
        cut = [file for file in self._files.values() if file.cut]
        try:
            if cut and not any(exception):
                cut[0].check()
        finally:
            for file in self._files.values():
                file.close()


class SafetensorsSource(FileSource):
    """The tensors of safetensors files."""

    def __init__(self, files: Sequence[tuple[Path, Header]], follow: bool = False) -> None:
        super().__init__(files, follow, _ask_library)


def _ask_library(path: Path, header: Header) -> None:
    """A second opinion before data is trusted: the format's own library must accept the file and name the same.

    It does not read the data for us, since it hands neither BF16 nor F8 over to NumPy.
    """
    name = display.path(path)
    try:
        with safe_open(str(path), framework="numpy") as opened:
            theirs = set(opened.keys())
    except SafetensorError as error:
        reason = display.elide(display.visible(str(error)), 120)
        raise Damaged(f"{name}: the safetensors library refuses it: {reason}") from None
    except OSError as error:
        raise unreadable(path, error) from None
    if theirs != {entry[0] for entry in header.layout.entries}:
        raise Damaged(f"{name}: the safetensors library finds other tensors in it than its header names")


class _File:
    """One file, mapped when first read."""

    def __init__(self, path: Path, header: Header, follow: bool, examine: Examine | None) -> None:
        self._path = path
        self._follow = follow
        self._header = header
        self._examine = examine
        self._size = header.start + max((entry[4] for entry in header.layout.entries), default=0)
        self._file: FileIO | None = None
        self._map: Map | None = None

    def bytes(self, begin: int, end: int) -> NDArray[np.uint8]:
        if self._map is None:
            self._map = self._open()
        self.check()
        return self._map.bytes[begin:end]

    def _open(self) -> Map:
        self._file = open_regular(self._path, self._follow)
        self.check()
        if self._examine is not None:
            self._examine(self._path, self._header)
        try:
            return Map(self._file.fileno(), self._size)
        except OSError as error:
            raise unreadable(self._path, error) from None

    def check(self) -> None:
        """Raise `Damaged` where the file is shorter than it was, or has been since its bytes were first looked at."""
        if self._file is None:
            return
        size = os.fstat(self._file.fileno()).st_size
        if size < self._size or (self._map is not None and self._map.cut):
            how = f"became shorter while it was read: {size:,} of {self._size:,} bytes"
            if size >= self._size:
                how = "was cut and written again while it was read"
            raise Damaged(f"{display.path(self._path)}: {how}")

    def release(self, begin: int, end: int) -> None:
        if self._map is not None:
            self.check()
            self._map.release(begin, end)

    @property
    def cut(self) -> bool:
        """Whether bytes were handed out that the file no longer had."""
        return self._map is not None and self._map.cut

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._file is not None:
            self._file.close()
            self._file = None
