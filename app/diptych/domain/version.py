"""Versions of models, and the files they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, overload


class Digest(NamedTuple):
    """A digest that says how it was made."""

    algorithm: str
    value: str
    """Lower-case hexadecimal."""

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


class Source(NamedTuple):
    """Where a value comes from: the file, the place in it, and the reader that found it."""

    file: str
    pointer: str = ""
    """A JSON pointer (`/log_history/3/loss`), a line (`line 12`), or a key; empty for the file as a whole."""
    reader: str = ""


class Role(StrEnum):
    """What a file is for within its version."""

    WEIGHTS = "weights"
    CONFIG = "config"
    TOKENIZER = "tokenizer"
    RECORD = "record"
    """What training or evaluation left behind: states, results, arguments."""
    RESUME = "resume"
    """What only continues a training: optimizer, scheduler, scaler, random state."""
    CARD = "card"
    CODE = "code"
    OTHER = "other"


class Artifact(NamedTuple):
    """One file of a version as the last scan saw it."""

    path: str
    """Relative to the version's folder, with forward slashes."""
    bytes: int
    modified_ns: int
    role: Role
    digest: Digest | None = None
    """None until the file was hashed."""


class Files(Sequence[Artifact]):
    """The files of a version in columns of one length, none of them hashed.

    A scan meets far more files than anybody looks at, so an artifact is made when one is asked for.
    """

    __slots__ = ("names", "roles", "sizes", "times")

    def __init__(
        self, names: tuple[str, ...], sizes: Sequence[int], times: Sequence[int], roles: tuple[Role, ...]
    ) -> None:
        self.names = names
        self.sizes = sizes
        """Bytes."""
        self.times = times
        """When each was modified, nanoseconds since 1970."""
        self.roles = roles

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> Artifact: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Artifact, ...]: ...

    def __getitem__(self, place: int | slice) -> Artifact | tuple[Artifact, ...]:
        if isinstance(place, slice):
            return tuple(self)[place]
        return Artifact(self.names[place], self.sizes[place], self.times[place], self.roles[place])

    def __iter__(self) -> Iterator[Artifact]:
        return map(Artifact, self.names, self.sizes, self.times, self.roles)


class Kind(StrEnum):
    """What sort of thing a version is."""

    MODEL = "model"
    CHECKPOINT = "checkpoint"
    ADAPTER = "adapter"
    RECORD = "record"
    """Known only from records: an evaluation of a model that is not here, a run whose weights were deleted."""


class State(StrEnum):
    """Whether a version can be relied on, from best to worst."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Still being written, or a shard is missing."""
    UNREAD = "weights not opened"
    """Its weights are here, hashed but not looked into: they would run code, or their format is only told."""
    NO_WEIGHTS = "no weights here"
    OFFLINE = "offline"
    """Its files were there at an earlier scan and are not now."""
    DAMAGED = "damaged"

    @classmethod
    def _missing_(cls, value: object) -> State | None:
        """The state that an earlier release called by another word, as its catalogs still do."""
        return cls.UNREAD if value == "format not read yet" else None


class Relation(StrEnum):
    """How a version relates to the one it was made from."""

    FINE_TUNE = "fine-tune of"
    ADAPTER = "adapter of"
    MERGE = "merged from"
    QUANTIZED = "quantised from"
    CONVERTED = "converted from"
    RESUMED = "resumed from"
    """A later checkpoint of the same training."""
    IDENTICAL = "same weights as"


class Lineage(NamedTuple):
    """A parent as some record declares it."""

    relation: Relation
    name: str
    """As written in the record: a Hub name, a folder, a path on another machine."""
    revision: str | None
    source: Source
    parent: str | None = None
    """The id of the version in the catalog that was recognised as this parent."""


class Problem(NamedTuple):
    """A file that could not be used as what it claims to be; one line for people."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class Version(NamedTuple):
    """One version of a model. Its content never changes; what people say about it (tags, stars, note) may."""

    key: int
    """The row in the catalog, stable while the id changes from provisional to final; 0 for a bare path."""
    id: str
    """The manifest digest in hexadecimal, or `~` and a provisional digest while the files are not hashed yet."""
    name: str
    """What people type: `sft/checkpoint-200`, `adapters/lora-json`, `org/model@revision`."""
    model: str
    """The run or repository that the version belongs to; versions of one model are grouped."""
    kind: Kind
    state: State
    path: Path | None
    step: int | None = None
    format: str = ""
    """`safetensors`, `pytorch`; of a format that is only told what its name says (`onnx`); empty without weights."""
    dtype: str = ""
    """The dtype that holds most elements, in the format's own spelling (`BF16`)."""
    family: str = ""
    """The architecture family (`llama`), from `model_type`."""
    parameters: int | None = None
    bytes: int = 0
    """Size of the weight files."""
    created: float | None = None
    """Seconds since 1970: when the newest weight file (or record) was written."""
    base: Lineage | None = None
    artifacts: tuple[Artifact, ...] = ()
    places: tuple[Path, ...] = ()
    """Every folder that holds the same content; the first is `path`."""
    problems: tuple[Problem, ...] = ()
    tags: frozenset[str] = frozenset()
    stars: int = 0
    note: str = ""
    metrics: Mapping[str, float] = {}
    """The newest value of each metric, by `Metric.key`."""
    hyperparameters: Mapping[str, object] = {}
    """By key; only what lists show and queries use, details are in the dossier."""

    @property
    def hashed(self) -> bool:
        """Whether the id captures the content of every file."""
        return bool(self.id) and not self.id.startswith("~")

    @property
    def short_id(self) -> str:
        """The first eight digits, as shown to people."""
        return self.id[:9] if self.id.startswith("~") else self.id[:8]
