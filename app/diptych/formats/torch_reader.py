"""Headers of the files of PyTorch, whichever way they are put together, from what the confined child lists."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from diptych import display
from diptych.domain.evidence import Plain
from diptych.domain.tensor import Header, TensorSource
from diptych.errors import Damaged
from diptych.formats.confined import Confined, Failed
from diptych.formats.format import Partial, Unopened
from diptych.formats.headers import Entry, header_of
from diptych.opening import open_regular, unreadable

_MOST_REASON = 150


@dataclass(frozen=True, slots=True)
class Contents:
    """One file: its tensors, and what it says beside them."""

    header: Header
    settings: Mapping[str, Plain]
    """Groups of hyperparameters (`hyper_parameters`, `model_args`) and counters (`epoch`), as they stand in it."""


class TorchReader:
    """Reads one file after the other with one child; a child that fails is replaced."""

    def __init__(self, confined: Confined | None = None) -> None:
        self._confined = confined or Confined()

    def read(self, path: Path, name: str, follow: bool = False) -> Contents:
        """The file at `path`, which the version knows as `name`.

        Raises `Unopened` where it holds code, `Damaged`, `Partial` where it was cut, `NotFound` or `Refused`.
        """
        work = self.reading(path, name, follow)
        while True:
            try:
                next(work)
            except StopIteration as stop:
                contents: Contents = stop.value
                return contents

    def reading(self, path: Path, name: str, follow: bool = False) -> Generator[None, None, Contents]:
        """As `read`; yields while the child works."""
        with open_regular(path, follow) as file:
            try:
                lines = yield from self._confined.ask(file)
            except Failed as failed:
                raise Damaged(f"{display.path(path)}: {failed}") from None
            except OSError as error:
                raise unreadable(path, error) from None
        last = lines[-1]
        if "fault" in last:
            line = f"{display.path(path)}: {display.elide(display.visible(str(last['reason'])), _MOST_REASON)}"
            if last["fault"] == "code":
                raise Unopened(line, "Convert it to safetensors where you trust it.")
            if last["fault"] == "cut":
                raise Partial(line, "Scan again when it is complete.")
            raise Damaged(line, "Fetch the file again.")
        entries: list[Entry] = []
        for batch in lines[:-1]:
            entries += map(_entry, cast("list[list[object]]", batch["tensors"]))
        container = str(last["container"])
        return Contents(header_of(name, entries, {"container": container}), cast("dict[str, Plain]", last["settings"]))


def open_torch(path: Path) -> TensorSource:
    """Open one file; links are followed, since the user named this one."""
    from diptych.formats.source import FileSource

    return FileSource([(path, TorchReader().read(path, path.name, follow=True).header)], follow=True)


def _entry(listed: list[object]) -> Entry:
    name, dtype, shape, begin, end = listed
    assert isinstance(name, str)
    assert isinstance(dtype, str)
    assert isinstance(shape, list)
    assert isinstance(begin, int)
    assert isinstance(end, int)
    return name, dtype, tuple(shape), begin, end
