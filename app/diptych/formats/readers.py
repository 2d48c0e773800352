"""One reader for every format: headers of weight files by the format that their set has."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.domain.evidence import Plain
from diptych.domain.tensor import Header, TensorSource
from diptych.formats.gguf import GgufReader
from diptych.formats.safetensors import HeaderReader

if TYPE_CHECKING:
    from diptych.formats.torch_reader import TorchReader

VERSION = "weights/3"
"""Part of what a scan remembers of a folder: a format that was not read before makes it read the folder again."""


class WeightReader:
    """Keeps what one file teaches for the next: layouts that were met, and the process that lists pickles."""

    def __init__(self) -> None:
        self.headers = HeaderReader()
        self.settings: dict[str, Mapping[str, Plain]] = {}
        """What the file that was read last says beside its tensors, by its place."""
        self._gguf = GgufReader()
        self._torch: TorchReader | None = None

    def reading(self, format_key: str, place: str, name: str, follow: bool = False) -> Generator[None, None, Header]:
        """The header of the file at `place`, which the version knows as `name`; yields while others work on it.

        Raises as the readers of the formats do.
        """
        yield
        if format_key == "gguf":
            return self._gguf.read(Path(place), name, follow)
        if format_key == "numpy":
            from diptych.formats.numpy_file import NumpyReader

            return NumpyReader().read(Path(place), name, follow)
        if self._torch is None:
            from diptych.formats.torch_reader import TorchReader

            self._torch = TorchReader()
        contents = yield from self._torch.reading(Path(place), name, follow)
        self.settings = {place: contents.settings}
        return contents.header

    def read(self, format_key: str, place: Path, name: str, follow: bool = False) -> Header:
        """As `reading`, at once."""
        if format_key == "safetensors":
            return self.headers.read(place, name, follow)
        work = self.reading(format_key, str(place), name, follow)
        while True:
            try:
                next(work)
            except StopIteration as stop:
                header: Header = stop.value
                return header


def source_of(format_key: str, files: Sequence[tuple[Path, Header]]) -> TensorSource:
    """The tensors of files whose headers were read."""
    from diptych.formats.source import FileSource, SafetensorsSource

    if format_key == "safetensors":
        return SafetensorsSource(files)
    if format_key == "numpy":
        from diptych.formats.numpy_source import NumpySource

        return NumpySource(files)
    return FileSource(files)
