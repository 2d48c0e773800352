"""Pieces of two tensors, worked on by a thread for each processor, with what they come to in their order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from diptych.domain.decoding import packing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from diptych.domain.tensor import TensorInfo, TensorSource

W = TypeVar("W")
F = TypeVar("F")

_SMALL = 2**20
"""Elements of a piece for NumPy."""
_LARGE, _MANY = 2**23, 2**22
"""Bytes and elements at most of a piece of one side for compiled arithmetic, done with them within milliseconds."""
_PAUSE = 0.1
"""Seconds without a finished piece after which the caller hears that the work goes on."""


def in_order(pieces: Iterator[W], work: Callable[[W], F]) -> Generator[tuple[W, F | None], None, None]:
    """Each piece with what `work` has made of it; with None every tenth of a second while that takes longer.

    A few pieces per thread are on the way. Closing the iterator ends the work within milliseconds.
    """
    threads = os.cpu_count() or 1
    on_the_way: deque[tuple[W, Future[F]]] = deque()
    pool = ThreadPoolExecutor(threads, "pieces")
    try:
        while True:
            while len(on_the_way) < 2 * threads and (piece := next(pieces, None)) is not None:
                on_the_way.append((piece, pool.submit(work, piece)))
            if not on_the_way:
                return
            piece, future = on_the_way[0]
            try:
                found = future.result(timeout=_PAUSE)
            except TimeoutError:
                yield piece, None
                continue
            on_the_way.popleft()
            yield piece, found
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def length(dtype: str, compiled: object | None) -> int:
    """Elements of a piece of a tensor: a few for NumPy, more for compiled arithmetic."""
    return _SMALL if compiled is None else min(_LARGE // packing(dtype)[1], _MANY)


def sliced(raw: NDArray[np.uint8], tensor: TensorInfo, start: int, stop: int) -> NDArray[np.uint8]:
    """The bytes of the elements from `start` to `stop` of a tensor, which begin and end with whole bytes."""
    count, width = packing(tensor.dtype)
    return raw[start // count * width : end_of(tensor, stop)]


def end_of(tensor: TensorInfo, stop: int) -> int:
    """The byte of a tensor before which its elements up to `stop` end."""
    count, width = packing(tensor.dtype)
    return -(-stop // count) * width


def check(source: TensorSource, name: str) -> None:
    """Raise `Damaged` where the file of a tensor has become shorter since its bytes were taken.

    Reading them would end the process; whoever works on a piece looks once more, since it may have waited.
    """
    checked = getattr(source, "check", None)
    if checked is not None:
        checked(name)


def release(source: TensorSource, name: str, upto: int | None = None) -> None:
    """Give back the memory behind a tensor that was read (`upto` so many bytes of it), where its source can."""
    given_back = getattr(source, "release", None)
    if given_back is not None:
        given_back(name, upto)
