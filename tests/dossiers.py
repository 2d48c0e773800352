"""Dossiers for tests of comparing and reporting, made without files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.domain.decoding import decode, packing
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import HyperParameter, Metric, Plain, Sample
from diptych.domain.tensor import TensorInfo
from diptych.domain.version import Artifact, Digest, Kind, Role, Source, State, Version

HERE = Source("trainer_state.json", "/here", "test/1")


def version(name: str = "run/checkpoint-100", **fields: Any) -> Version:
    """A hashed checkpoint whose id follows from its name."""
    given = {
        "key": 0,
        "id": hashlib.sha256(name.encode("utf-8", "replace")).hexdigest(),
        "name": name,
        "model": name.partition("/")[0],
        "kind": Kind.CHECKPOINT,
        "state": State.COMPLETE,
        "path": Path("/models") / name.replace("\0", "0"),
    }
    return Version(**(given | fields))


def dossier(settings: Mapping[str, Plain] | None = None, name: str = "run/checkpoint-100", **fields: Any) -> Dossier:
    """A dossier with these settings; `fields` are those of `Dossier`."""
    given = {"version": version(name), "hyperparameters": parameters(settings or {})}
    return Dossier(**(given | fields))


def parameters(settings: Mapping[str, Plain], source: Source = HERE) -> tuple[HyperParameter, ...]:
    """Settings from one record."""
    return tuple(HyperParameter(key, value, source) for key, value in settings.items())


def metric(value: float, name: str = "acc", task: str = "arith", **fields: Any) -> Metric:
    """A result of one evaluation."""
    return Metric(task, name, value, HERE, **fields)


def sample(number: int, output: str, task: str = "arith", **fields: Any) -> Sample:
    """An answer to question `number`."""
    given = {"prompt": f"Question {number}", "target": str(number), "output": output, "source": HERE}
    return Sample(**({"task": task, "doc_id": str(number), "doc_hash": f"hash{number}"} | given | fields))


def answering(samples: Sequence[Sample]) -> Callable[[], Iterator[Sample]]:
    """What a dossier calls to read its samples."""
    return lambda: iter(samples)


def artifact(path: str, size: int = 10, digest: str = "", role: Role = Role.OTHER) -> Artifact:
    """A file of a version."""
    return Artifact(path, size, 0, role, Digest("sha256", digest) if digest else None)


class Bytes:
    """Weights in memory, in any dtype."""

    def __init__(
        self, tensors: Mapping[str, tuple[str, tuple[int, ...], bytes]], files: Mapping[str, str] | None = None
    ) -> None:
        self._tensors = tensors
        self._files = files or {}
        self.metadata: Mapping[str, str] = {}

    def tensors(self) -> Sequence[TensorInfo]:
        found, begin = [], 0
        for name, (dtype, shape, raw) in self._tensors.items():
            found.append(TensorInfo(name, dtype, shape, self._files.get(name, "model"), begin, begin + len(raw)))
            begin += len(raw)
        return found

    def raw(self, name: str) -> NDArray[np.uint8]:
        return np.frombuffer(self._tensors[name][2], np.uint8)

    def read(self, name: str, elements: int = 1 << 20) -> Iterator[NDArray[np.generic]]:
        count, width = packing(self._tensors[name][0])
        raw = self.raw(name)
        for begin in range(0, len(raw), elements // count * width):
            yield decode(raw[begin : begin + elements // count * width], self._tensors[name][0])

    def __enter__(self) -> Bytes:
        return self

    def __exit__(self, *exception: object) -> None:
        pass
