"""Bringing a version to a registry elsewhere: what is to go, what would happen, and what has happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from diptych import display
from diptych.domain.address import Address
from diptych.domain.evidence import DatasetRef
from diptych.domain.version import Role, Version
from diptych.job import Job

Content: TypeAlias = bytes


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file to be shipped, known by its content."""

    name: str
    """Relative to the version, with forward slashes; the name it gets at the remote."""
    bytes: int
    sha256: str
    """Lower-case hexadecimal."""
    role: Role
    path: Path | None = None
    """Where its bytes lie; None where they are `content`."""
    content: Content = b""
    """The bytes of a file that was made for this push, such as a model card."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file of the version that does not go, and why."""

    name: str
    bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class Caution:
    """Something to look at before a push. A push with cautions asks first."""

    key: str
    """`secret`, `licence`, `code`, `ignored`, `shards`, `card`, `size`, `visibility` …"""
    text: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is to go to one or more remotes; hashed once for all of them."""

    version: Version
    parcels: tuple[Parcel, ...]
    left_out: tuple[LeftOut, ...] = ()
    cautions: tuple[Caution, ...] = ()
    datasets: tuple[DatasetRef, ...] = ()
    """The data that its records name."""

    @property
    def bytes(self) -> int:
        """The size of everything that goes."""
        return sum(parcel.bytes for parcel in self.parcels)


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a push is to land. Every field has a default that does no harm."""

    reference: str = ""
    """The branch (Hub), tag (OCI, S3, folder) or alias (MLflow) to show the version; empty: the remote's usual one."""
    message: str = ""
    pull_request: bool = False
    """Hub only: open a pull request in place of moving the branch."""
    tag: str = ""
    """Hub only: a tag put on last, when everything was verified."""
    layout: str = ""
    """OCI only: `raw` (the default), `tar` or `kit`."""
    results: bool = True
    """Hub only: bring the results of evaluations along as `.eval_results`."""
    private: bool = True
    """For a repository that is made by this push."""


class Fate(StrEnum):
    """What a push does to one file of the remote."""

    NEW = "new"
    REPLACE = "replace"
    UNCHANGED = "unchanged"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """What happens to one file."""

    name: str
    bytes: int
    fate: Fate
    reason: str = ""
    """Why it is excluded, or what it replaces."""
    to_send: int = 0
    """Bytes that go over the wire: nought where the remote holds the content already under any name."""
    parcel: Parcel | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a push would do, before it does anything."""

    address: Address
    target: str
    """For people: "branch main of org/name on the Hugging Face Hub"."""
    account: str
    """Who the remote takes us for; empty where it has no accounts."""
    shipment: Shipment
    wishes: Wishes
    files: tuple[PlannedFile, ...]
    cautions: tuple[Caution, ...] = ()
    """Those of the shipment, and those of the remote."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What the remote wants to remember until the push: a parent commit, what must be made first."""
    done: bool = False
    """Whether the remote shows exactly this version already, so that a push would change nothing."""

    @property
    def to_send(self) -> int:
        """Bytes that would go over the wire."""
        return sum(file.to_send for file in self.files)

    def count(self, fate: Fate) -> int:
        """How many files have this fate."""
        return sum(file.fate is fate for file in self.files)

    @property
    def harmless(self) -> bool:
        """Whether one click may start it: nothing is replaced and nothing warned of."""
        return not self.cautions and not self.count(Fate.REPLACE)


class Phase(StrEnum):
    """The phases of a push, in order. Nothing is visible to others before `COMMIT`."""

    HASH = "Hash"
    UPLOAD = "Upload"
    COMMIT = "Commit"
    VERIFY = "Verify"


@dataclass(frozen=True, slots=True)
class Voyage:
    """How far a push has come, beside the bytes that its tick counts. The `partial` of a push's ticks."""

    phase: Phase
    file: str = ""
    files_done: int = 0
    files: int = 0


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file as the remote holds it."""

    name: str
    bytes: int
    sha256: str
    """Empty where only the remote's own listing is known and it tells none."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a push has done, as verified at the remote."""

    address: Address
    target: str
    version_id: str
    reference: str
    """What names this version at the remote: a commit, a manifest digest, `models:/name/3`."""
    url: str
    """For the browser; empty where there is none."""
    ids: Mapping[str, str]
    """The remote's own names: `commit`, `tag`, `run`, `manifest` …"""
    files: tuple[Delivered, ...]
    sent: int
    """Bytes of files that went over the wire."""
    seconds: float
    finished: float
    """Seconds since 1970."""


class Standing(StrEnum):
    """How one delivered file stands when it is looked at again."""

    SAME = "same"
    DIFFERS = "differs"
    MISSING = "missing"
    EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of a delivery."""

    files: tuple[tuple[str, Standing, str], ...]
    """Name, standing, and what was found, for people; sorted by name."""
    notes: tuple[str, ...] = ()
    """What else moved: "tag v1 points to another commit now"."""

    def __str__(self) -> str:
        same = sum(standing is Standing.SAME for _, standing, _ in self.files)
        return " · ".join([f"{same:,} of {display.plural(len(self.files), 'file')} as delivered", *self.notes])

    @property
    def drifted(self) -> bool:
        """Whether anything is not as it was delivered."""
        return bool(self.notes) or any(standing is not Standing.SAME for _, standing, _ in self.files)


@dataclass(frozen=True, slots=True)
class Ref:
    """A name under which a remote shows a version."""

    name: str
    kind: str
    """`branch`, `tag`, `version`, `alias`, `pull request`."""
    target: str = ""
    """The commit, digest or version that it points to."""
    created: float | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """What a remote says of us."""

    account: str
    can_write: bool | None
    """None where only trying would tell."""
    server: str
    """What the server says it is, with its version where it tells."""


class Journal(Protocol):
    """What survives the program for the sake of one unfinished push. Every `put` is durable when it returns."""

    def get(self, key: str) -> str | None:
        """What was noted under `key`."""

    def put(self, key: str, value: str | None) -> None:
        """Note `value`, or forget the key."""


class Remote(Protocol):
    """One address at one registry. Jobs close the connection they use when they are closed; `close` ends the rest."""

    address: Address

    def check(self) -> Job[Access]:
        """Ask who we are there and what we may do."""

    def plan(self, shipment: Shipment, wishes: Wishes) -> Job[Plan]:
        """What a push would do. Changes nothing."""

    def push(self, plan: Plan, journal: Journal) -> Job[Receipt]:
        """Do it, from where the journal says an earlier try came to. `Conflict` where the remote has moved on."""

    def refs(self) -> Job[tuple[Ref, ...]]:
        """The names under which versions can be asked for, newest first."""

    def files(self, ref: str) -> Job[tuple[Delivered, ...]]:
        """The files of one version."""

    def read(self, ref: str, name: str, start: int, length: int) -> Job[bytes]:
        """A range of one file, exactly `length` bytes, without fetching the rest."""

    def pull(self, ref: str, folder: Path) -> Job[tuple[Delivered, ...]]:
        """Fetch a version into `folder`, which must not exist: it appears when every byte was verified."""

    def verify(self, receipt: Receipt) -> Job[Verified]:
        """Look whether a delivery is still as the receipt says."""

    def close(self) -> None:
        """End every connection."""


@runtime_checkable
class Abandoning(Protocol):
    """A remote that keeps parts of unfinished pushes, and can be told to forget them."""

    def abandon(self, plan: Plan, journal: Journal) -> Job[None]:
        """Give up a push for good: let the server forget what of it arrived."""
