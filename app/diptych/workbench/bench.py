"""Everything a user can do, as methods: each calls one thing below and returns a value or a job."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from diptych import places
from diptych.catalog import Catalog, Columns, Root, Undone
from diptych.domain.changes import Changes
from diptych.domain.version import Version
from diptych.errors import NotFound
from diptych.job import Job
from diptych.settings import Settings

if TYPE_CHECKING:
    from diptych.catalog.shipments import Kept, Shipments, Underway
    from diptych.credentials import KeyringView
    from diptych.credentials.logins import FoundLogin
    from diptych.domain.dossier import Dossier
    from diptych.domain.lineage import Edge, Pedigree, Verdict
    from diptych.domain.secret import Secret
    from diptych.domain.shipping import Access, Delivered, Receipt, Ref, Remote, Verified, Wishes
    from diptych.reports.card import Card
    from diptych.workbench.comparing import Comparison, TensorDetail, TensorSpectrum
    from diptych.workbench.doctor import Check
    from diptych.workbench.fingerprinting import FingerprintReport, Near
    from diptych.workbench.hash import HashReport
    from diptych.workbench.lineage import LineageReport
    from diptych.workbench.pushing import Targeted
    from diptych.workbench.remotes import NamedRemote, Remotes
    from diptych.workbench.scan import ScanReport
    from diptych.workbench.shipping import Choice
    from diptych.workbench.timelapse import RunLapse
    from diptych.workbench.usual import UsualPlace

Subject: TypeAlias = "Version | Path | str | Dossier"
"""What can be shown or compared: a version, a bare path, a reference (id, name, path), or what was read already."""


class Workbench:
    """The verbs. What needs much is imported when it is first used, so that a window or a list starts at once."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self.catalog = catalog
        self.settings = settings
        self._making = Lock()
        self._made: Remotes | None = None
        """One for all jobs, since it holds the logins of this session."""

    @classmethod
    def open(cls, catalog_file: Path | None = None) -> Workbench:
        """The workbench over a catalog, the user's own by default; a catalog that is not there is made."""
        return cls(Catalog(catalog_file or places.catalog_file()), Settings.load())

    # finding

    def scan(self, paths: Sequence[Path]) -> Job[ScanReport]:
        """Read folders into the catalog and remember them; see `workbench.scan`."""
        from diptych.workbench.scan import scan

        return scan(self.catalog, paths)

    def hash(self, keys: Collection[int] | None = None) -> Job[HashReport]:
        """Hash files, so that ids become final; see `workbench.hash`."""
        from diptych.workbench.hash import hash_files

        return hash_files(self.catalog, keys)

    def fingerprint(self, keys: Collection[int] | None = None) -> Job[FingerprintReport]:
        """Read weights once, so that they can be compared without files; see `workbench.fingerprinting`."""
        from diptych.workbench.fingerprinting import fingerprint

        return fingerprint(self.catalog, keys)

    def usual_places(self) -> Job[tuple[UsualPlace, ...]]:
        """Where models lie on this machine."""
        from diptych.workbench.usual import usual_places

        return usual_places()

    def sample_library(self) -> Path:
        """The folder of the sample library."""
        return places.resources() / "sample"

    def doctor(self) -> Job[tuple[Check, ...]]:
        """Whether everything is in order."""
        from diptych.workbench.doctor import doctor

        return doctor(self.catalog)

    # reading

    def keys(
        self, query: str = "", sort: str = "created", descending: bool = True, limit: int | None = None, offset: int = 0
    ) -> list[int]:
        """The keys of the versions that `query` asks for, in order."""
        return self.catalog.keys(query, sort, descending, limit, offset)

    def count(self, query: str = "") -> int:
        """How many versions `query` asks for."""
        return self.catalog.count(query)

    def explain(self, query: str, sort: str = "") -> str:
        """Why `query`, or sorting by `sort`, cannot be understood; empty if it can."""
        return self.catalog.explain(query, sort)

    def versions(self, keys: Sequence[int]) -> list[Version]:
        """The versions with these keys, in that order."""
        return self.catalog.versions(keys)

    def page(
        self, query: str = "", sort: str = "created", descending: bool = True, limit: int | None = 200, offset: int = 0
    ) -> list[Version]:
        """The versions that `query` asks for, in order."""
        return self.catalog.page(query, sort, descending, limit, offset)

    def resolve(self, ref: str) -> Version:
        """The version that people mean by `ref`."""
        from diptych.workbench.walk import settled

        return self.catalog.resolve(str(settled(Path(ref))) if ".." in Path(ref).parts else ref)

    def columns(self) -> Columns:
        """What lists can show and filters can name."""
        return self.catalog.columns()

    def roots(self) -> tuple[Root, ...]:
        """The library folders."""
        return self.catalog.roots()

    def dossier(self, subject: Subject) -> Dossier:
        """Everything known about a version, about what lies at a path, or about what a reference names."""
        from diptych.domain.dossier import Dossier
        from diptych.workbench.dossiers import from_catalog, from_path
        from diptych.workbench.walk import is_there, settled

        if isinstance(subject, Dossier):
            return subject
        if isinstance(subject, Version):
            return from_catalog(self.catalog, subject)
        try:
            return from_catalog(self.catalog, self.resolve(str(subject)))
        except NotFound:
            if isinstance(subject, Path) or is_there(settled(Path(subject))):
                return from_path(self.catalog, Path(subject))
            raise

    def is_elsewhere(self, text: str) -> bool:
        """Whether `text` names a version at a remote: `address@ref`, or the name of a remote and `@ref`."""
        from diptych.domain.address import is_elsewhere

        return is_elsewhere(text, self.settings.remotes)

    def dossier_elsewhere(self, text: str) -> Job[Dossier]:
        """What headers and small files tell of a version at a remote; its weights are not fetched."""
        from diptych.workbench.elsewhere import from_remote

        return from_remote(self.catalog, self.remote_for, text)

    def compare(self, left: Subject, right: Subject, *, exact: bool = True) -> Comparison:
        """Two versions side by side; nothing is computed until a sheet is asked for.

        Without `exact`, weights of which both sides have a fingerprint are estimated and not read.
        """
        from diptych.workbench.comparing import Comparison

        return Comparison(self.dossier(left), self.dossier(right), self.settings.rules._replace(exact=exact))

    def neighbours(self, version: Version, limit: int = 20) -> tuple[Near, ...]:
        """The versions whose weights lie nearest; `NotFound` where it has no fingerprint."""
        from diptych.workbench.fingerprinting import near

        return near(self.catalog, version, limit)

    def timelapse(self, model: str) -> Job[RunLapse]:
        """How the weights of a run moved from checkpoint to checkpoint, from fingerprints alone."""
        from diptych.workbench.timelapse import run_lapse

        return run_lapse(self.catalog, model)

    def run_of(self, ref: str) -> str:
        """The name of the run that `ref` names, or that it names a version of."""
        from diptych.workbench.timelapse import run_of

        return run_of(self.catalog, ref)

    def infer_lineage(self) -> Job[LineageReport]:
        """Look for descent among all versions with a fingerprint; see `workbench.lineage`."""
        from diptych.workbench.lineage import infer

        return infer(self.catalog)

    def pedigree(self, version: Version | None = None) -> Pedigree:
        """How all versions descend from one another, or the kin of one."""
        from diptych.workbench.lineage import pedigree

        return pedigree(self.catalog, version)

    def judge(self, edge: Edge, verdict: Verdict) -> Changes:
        """Confirm or reject an inferred edge of the pedigree."""
        return self.catalog.judge(edge, verdict)

    def tensor(self, comparison: Comparison, key: str) -> Job[TensorDetail]:
        """What the drawer shows of one tensor."""
        from diptych.workbench.comparing import tensor_detail

        return tensor_detail(comparison, key)

    def spectrum(self, comparison: Comparison, key: str) -> Job[TensorSpectrum]:
        """How many directions the change of one tensor has."""
        from diptych.workbench.comparing import tensor_spectrum

        return tensor_spectrum(comparison, key)

    # remotes

    @property
    def _remotes(self) -> Remotes:
        from diptych.workbench.remotes import Remotes

        with self._making:
            if self._made is None:
                self._made = Remotes(self.settings)
        return self._made

    def remotes(self) -> tuple[NamedRemote, ...]:
        """The registries that have a name, by name."""
        return self._remotes.all()

    def remote(self, name: str) -> NamedRemote:
        """The registry called `name`."""
        return self._remotes.named(name)

    def add_remote(self, name: str, address: str, **options: str) -> NamedRemote:
        """Remember a registry: options of its kind, and `user`, `ca_file`, `throttle` (bytes per second)."""
        return self._remotes.add(name, address, options)

    def change_remote(self, name: str, **options: str) -> NamedRemote:
        """Give a registry other options; those that are not named stay, empty ones are taken away."""
        return self._remotes.change(name, options)

    def rename_remote(self, old: str, new: str) -> Job[None]:
        """Give a registry another name; its login goes with it, and what was delivered there."""
        address = str(self._remotes.named(old).address)
        yield from self._remotes.rename(old, new)
        self.catalog.shipments.rename(old, new, address)

    def forget_remote(self, name: str, leave_login: bool = False) -> Job[None]:
        """Forget a registry and its login; the latter can be left in a keyring that does not answer."""
        return self._remotes.forget(name, leave_login)

    def login(self, name: str, secret: Secret) -> Job[None]:
        """Keep the login for a registry in the keyring; `NoKeyring` where there is none."""
        return self._remotes.login(name, secret)

    def keep_login(self, name: str, secret: Secret) -> None:
        """Keep the login for a registry in memory until the program ends."""
        self._remotes.keep(name, secret)

    def test_remote(self, name: str) -> Job[Access]:
        """Ask a registry who we are there and what we may do."""
        return self._remotes.test(name)

    def keyring(self) -> Job[KeyringView]:
        """Which keyring this machine has and how it stands."""
        from diptych.credentials import look

        return look()

    def found_logins(self) -> Job[tuple[FoundLogin, ...]]:
        """Logins that other programs keep; nothing is taken from them."""
        from diptych.credentials.logins import found_logins

        return found_logins()

    def import_login(self, name: str, login: FoundLogin) -> Job[None]:
        """Copy a login that another program keeps into the keyring, for a registry that it is meant for."""
        return self._remotes.take_over(name, login)

    def remote_for(self, text: str) -> Job[Remote]:
        """The registry that a name or an address stands for, opened with its login."""
        return self._remotes.open(text)

    # pushing

    def plan_push(
        self, version: Version, targets: Sequence[tuple[str, Wishes]], choice: Choice | None = None
    ) -> Job[tuple[Targeted, ...]]:
        """What a push to each of several remotes would do; the files are hashed once. Changes nothing."""
        from diptych.workbench import pushing
        from diptych.workbench.shipping import Choice

        return pushing.plan(self.catalog, self.remote_for, version, targets, choice or Choice())

    def push(self, targeted: Targeted) -> Job[Kept]:
        """Do what a plan says and keep the receipt."""
        from diptych.workbench import pushing

        return pushing.push(self.catalog, self.remote_for, targeted)

    def push_at_once(self, version: Version, remote: str, wishes: Wishes) -> Job[Kept | Targeted]:
        """Plan a push and do it, where that harms nothing; else the plan, to be looked at."""
        from diptych.workbench import pushing

        return pushing.at_once(self.catalog, self.remote_for, version, remote, wishes)

    def resume_push(self, underway: Underway) -> Job[Kept]:
        """Go on with a push that was broken off."""
        from diptych.workbench import pushing

        return pushing.resume(self.catalog, self.remote_for, underway)

    def give_up_push(self, underway: Underway) -> Job[None]:
        """Forget a push that was broken off, here and where it was going."""
        from diptych.workbench import pushing

        return pushing.give_up(self.catalog, self.remote_for, underway)

    def one_click(self, version: Version) -> tuple[str, Wishes] | None:
        """Where the newest push of the same model went, and how; None if there was none."""
        from diptych.workbench import pushing

        return pushing.one_click(self.catalog, self._remotes.known_as, version)

    def refs(self, remote: str) -> Job[tuple[Ref, ...]]:
        """The names under which a remote shows versions."""
        from diptych.workbench import pushing

        return pushing.refs(self.remote_for, remote)

    def pull(self, remote: str, ref: str, folder: Path) -> Job[tuple[Delivered, ...]]:
        """Fetch a version from a remote into a new folder."""
        from diptych.workbench import pushing

        return pushing.pull(self.remote_for, remote, ref, folder)

    def verify(self, receipt: Receipt, remote: str = "") -> Job[Verified]:
        """Look whether a delivery is still as its receipt says; `remote` is the name of where it went."""
        from diptych.workbench import pushing

        return pushing.verify(self.remote_for, receipt, self._remotes.known_as(remote, receipt.address))

    def card(self, version: Version) -> Job[Card]:
        """The model card of a version, generated around what people have written."""
        from diptych.workbench import cards

        return cards.generated(self.catalog, version, self.settings.rules)

    def keep_card(self, version: Version, text: str | None) -> None:
        """Keep an edited card, to be pushed in place of the file; None takes it back."""
        from diptych.workbench import cards

        cards.keep(self.catalog, version, text)

    @property
    def shipments(self) -> Shipments:
        """Pushes under way, receipts and model cards."""
        return self.catalog.shipments

    # annotating

    def tag(self, keys: Sequence[int], add: Collection[str] = (), remove: Collection[str] = ()) -> Changes:
        """Put tags on versions and take tags off."""
        return self.catalog.tag(keys, add, remove)

    def star(self, keys: Sequence[int], stars: int) -> Changes:
        """Give versions 0 to 5 stars."""
        return self.catalog.star(keys, stars)

    def note(self, key: int, text: str) -> Changes:
        """Write a note on a version, in place of the one before."""
        return self.catalog.note(key, text)

    def remove(self, keys: Sequence[int]) -> Changes:
        """Take versions off the list; their files are not touched."""
        return self.catalog.remove(keys)

    def remove_root(self, path: Path) -> Changes:
        """Forget a library folder and the versions that lie only in it; files are not touched."""
        return self.catalog.remove_root(path)

    def undo(self) -> Undone | None:
        """Take back the last annotation or removal of this session."""
        return self.catalog.undo()

    def redo(self) -> Undone | None:
        """Do again what was taken back last."""
        return self.catalog.redo()
