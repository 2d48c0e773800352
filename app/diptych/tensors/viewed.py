"""A source of weights that also shows views of its tensors, so that a part of a fused matrix reads as a tensor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from diptych.domain.decoding import decode, packing
from diptych.domain.tensor import TensorInfo, TensorSource
from diptych.domain.view import View

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Viewed:
    """The tensors of `source`, and its views by their names. Entering and leaving are the source's own business.

    Rows that lie together are shown where they lie. Of a view that is turned or reordered, the bytes of that one tensor
    are copied, and kept until the next one is asked for.
    """

    def __init__(self, source: TensorSource, views: Iterable[View]) -> None:
        self._source = source
        stored = {tensor.name: tensor for tensor in source.tensors()}
        self._views = {view.name: view for view in views if view.tensor in stored and view.fits(stored[view.tensor])}
        self._stored = stored
        self._seen = {name: view.seen(stored[view.tensor]) for name, view in self._views.items()}
        self._copied: tuple[str, NDArray[np.uint8] | None] = ("", None)

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the files say about themselves."""
        return self._source.metadata

    def tensors(self) -> Sequence[TensorInfo]:
        """The stored tensors, then the views that fit them."""
        return (*self._stored.values(), *self._seen.values())

    def raw(self, name: str) -> NDArray[np.uint8]:
        """The bytes of a tensor, or of what a view shows, flat."""
        view = self._views.get(name)
        if view is None:
            return self._source.raw(name)
        raw = self._source.raw(view.tensor)
        stored = self._stored[view.tensor]
        if not (view.transposed or view.heads or view.groups):
            begin = self._seen[name].begin - stored.begin
            return raw[begin : begin + self._seen[name].bytes]
        known, copied = self._copied
        if known != name or copied is None:
            copied = _arranged(raw, stored, view)
            self._copied = (name, copied)
        return copied

    def read(self, name: str, elements: int = 1 << 20) -> Iterator[NDArray[np.generic]]:
        """The values in flat chunks of about `elements`."""
        if name not in self._views:
            yield from self._source.read(name, elements)
            return
        raw, dtype = self.raw(name), self._seen[name].dtype
        count, width = packing(dtype)
        step = max(elements // count, 1) * width
        for begin in range(0, len(raw), step):
            yield decode(raw[begin : begin + step], dtype)

    def unfolding(self, name: str) -> Iterator[None]:
        """Have the source put a tensor, or that of a view, in order where it lies otherwise; yields between pieces."""
        unfolding = getattr(self._source, "unfolding", None)
        if unfolding is not None:
            yield from unfolding(self._views[name].tensor if name in self._views else name)

    def check(self, name: str) -> None:
        """Have the source look whether the file of a tensor or a view is still whole."""
        check = getattr(self._source, "check", None)
        if check is not None:
            check(self._views[name].tensor if name in self._views else name)

    def release(self, name: str, upto: int | None = None) -> None:
        """Give back the memory behind a tensor (`upto` so many bytes of it) or behind all of a view."""
        if name in self._views and upto is not None:
            return
        if self._copied[0] == name:
            self._copied = ("", None)
        release = getattr(self._source, "release", None)
        if release is not None:
            release(self._views[name].tensor if name in self._views else name, upto)

    def __enter__(self) -> Viewed:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


def _arranged(raw: NDArray[np.uint8], stored: TensorInfo, view: View) -> NDArray[np.uint8]:
    """The bytes of a view whose rows do not lie together: copied in their new order."""
    if view.transposed:
        width = stored.bytes // max(stored.elements, 1)
        square = raw.reshape(*stored.shape, width)
        rows = square[:, view.first : view.first + view.shape[0]].swapaxes(0, 1)
    elif view.groups:
        share = view.shape[0] // view.groups
        groups = raw.reshape(view.groups, stored.shape[0] // view.groups, -1)
        rows = groups[:, view.first : view.first + share].reshape(view.shape[0], -1)
    else:
        rows = raw.reshape(stored.shape[0], -1)[view.first : view.first + view.shape[0]]
    if view.heads:
        rows = rows.reshape(view.heads, -1, 2, *rows.shape[1:]).swapaxes(1, 2)
    return np.ascontiguousarray(rows).reshape(-1)
