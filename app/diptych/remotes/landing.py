"""Where fetched files land: beside their folder at first, and in it by one rename when every byte was checked.

Names come from a server, and so none of them reaches the file system before it is known to be harmless. Until the end
files lie in `.NAME.part` beside the folder under their digests, so that a fetch that was broken off goes on with the
files that are missing, and whatever a server calls them, nothing is written outside.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from diptych import display
from diptych.display import visible
from diptych.domain.shipping import Delivered
from diptych.errors import Conflict, Damaged, DiptychError, NoSpace, NotFound, Offline, Refused
from diptych.remotes.beneath import FOLDER, clone, exchange, open_folder, sync_folder
from diptych.remotes.names import Names, safe_name

__all__ = ["Arrival", "Landing", "safe_name", "unwritable"]

_DIGEST = re.compile("[0-9a-f]{64}")
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_GONE = frozenset(
    {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN}
    | {errno.ENETUNREACH, errno.ECONNRESET, errno.ECONNABORTED, errno.ENODEV, errno.ENXIO, errno.EREMOTEIO}
)


def unwritable(place: Path, error: OSError) -> DiptychError:
    """What the system's refusal to write at `place` means to the user, in one line."""
    name, reason = display.path(place), os.strerror(error.errno or 0)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoSpace(f"{name}: no room is left ({reason})", "Make room there, then go on.")
    if error.errno in _GONE:
        return Offline(f"{name}: the disk or share does not answer ({reason})", "Connect it again, then go on.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFound(f"{name}: is not there", "Check the path, and that the disk or share is connected.")
    return Refused(f"{name}: cannot be written ({reason})", "Choose another place, or ask for the right to write.")


class Arrival:
    """One file as it arrives: called with each piece, in order. It takes no more than the file's declared size."""

    def __init__(self, descriptor: int, file: Delivered, place: Path) -> None:
        self.received = 0
        """Bytes so far: where to go on after a lost connection."""
        self._descriptor = descriptor
        self._file = file
        self._place = place
        self._sha256 = hashlib.sha256()

    def __call__(self, piece: bytes) -> None:
        """Write a piece. Raises `Damaged` for more bytes than were announced, `NoSpace` for a full disk."""
        if self.received + len(piece) > self._file.bytes:
            raise Damaged(f"{visible(self._file.name)}: is longer than announced ({display.size(self._file.bytes)})")
        self._sha256.update(piece)
        left = memoryview(piece)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            raise unwritable(self._place, error) from None
        self.received += len(piece)

    def restart(self) -> None:
        """Begin anew, for a server that cannot go on in the middle."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.received = 0
        self._sha256 = hashlib.sha256()

    def settle(self) -> None:
        """Make it durable. Raises `Damaged` unless it is the file that was announced, to the last byte."""
        name = visible(self._file.name)
        if self.received != self._file.bytes:
            raise Damaged(f"{name}: {self.received:,} of {self._file.bytes:,} bytes came", "Try again.")
        if self._file.sha256 and self._sha256.hexdigest() != self._file.sha256:
            raise Damaged(f"{name}: what came has another digest than announced", "Try again, or verify the remote.")
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise unwritable(self._place, error) from None


class Landing:
    """A folder on its way. Used as a context, so that it lets go of what it holds however the fetch ends."""

    def __init__(self, folder: Path, replace: bool = False) -> None:
        """Begin, or go on with what was fetched before.

        `folder` must not exist unless `replace` is set. Raises `Conflict` where it does, or where another process
        fetches into it; `Refused` or `NoSpace` where nothing can be written.
        """
        self.folder = folder
        self._replace = replace
        self._staging = folder.with_name(f".{folder.name}.part")
        self._aside = folder.with_name(f".{folder.name}.old")
        self._landed: dict[str, str] = {}
        """The key of each name that has landed."""
        self._names = Names()
        if not replace and os.path.lexists(folder):
            raise Conflict(f"{display.path(folder)}: is there already", "Choose a folder that does not exist yet.")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                self._staging.mkdir(mode=0o700)
            self._descriptor = os.open(self._staging, FOLDER)
        except OSError as error:
            raise unwritable(self._staging, error) from None
        try:
            self._claim()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def has(self, file: Delivered) -> bool:
        """Whether the file was fetched and checked already. Raises `Refused` for a name that may not land."""
        self._admit(file)
        if not file.sha256:
            return False
        try:
            found = os.stat(file.sha256, dir_fd=self._descriptor, follow_symlinks=False)
        except OSError:
            return False
        if not stat.S_ISREG(found.st_mode) or found.st_size != file.bytes:
            return False
        self._landed[file.name] = file.sha256
        return True

    @contextmanager
    def receive(self, file: Delivered) -> Iterator[Arrival]:
        """Take in one file: what it yields is called with the pieces.

        At the end of the context the file is kept if it is what was announced, else `Damaged` is raised; nothing of it
        is kept when anything is raised. `NoSpace` at once where it cannot fit.
        """
        self._admit(file)
        self._check_room(file)
        key = file.sha256 or f"name-{hashlib.sha256(file.name.encode()).hexdigest()}"
        part = f"{key}.part"
        try:
            self._remove(part)
            descriptor = os.open(part, _NEW_FILE, 0o666, dir_fd=self._descriptor)
        except OSError as error:
            raise unwritable(self._staging, error) from None
        try:
            arrival = Arrival(descriptor, file, self.folder)
            yield arrival
            arrival.settle()
            os.rename(part, key, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except BaseException:
            self._remove(part)
            raise
        finally:
            os.close(descriptor)
        self._landed[file.name] = key

    def adopt(self, file: Delivered, source: int) -> bool:
        """Take over an open file of this file system whose bytes were checked, without a copy.

        It shares its blocks with the new one where the file system can do that, else they are one file with two names.
        False where neither can be.
        """
        self._admit(file)
        part = f"{file.sha256}.part"
        with suppress(OSError):
            self._remove(part)
            descriptor = os.open(part, _NEW_FILE, 0o666, dir_fd=self._descriptor)
            try:
                cloned = clone(source, descriptor)
            finally:
                os.close(descriptor)
            if not cloned:
                self._remove(part)
                os.link(f"/proc/self/fd/{source}", part, dst_dir_fd=self._descriptor, follow_symlinks=True)
            os.rename(part, file.sha256, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
            return self.has(file)
        return False

    def finish(self) -> None:
        """Let the folder appear with every file that has landed, durably and at once."""
        try:
            tree = self._staging / "tree"
            tree.mkdir()
            self._arrange(tree)
            if self._replace and self.folder.exists():
                self._swap(tree)
            else:
                tree.rename(self.folder)
            sync_folder(self.folder.parent)
            shutil.rmtree(self._aside, ignore_errors=True)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise Conflict(f"{display.path(self.folder)}: appeared meanwhile", "Choose another folder.") from None
            raise unwritable(self.folder, error) from None
        self.discard()

    def discard(self) -> None:
        """Forget everything that was fetched."""
        shutil.rmtree(self._staging, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Let go, keeping what was fetched for another time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _swap(self, tree: Path) -> None:
        """Let `tree` take the place of the folder: at once, or where that cannot be, with the old one aside."""
        if exchange(tree, self.folder):
            return
        shutil.rmtree(self._aside, ignore_errors=True)
        self.folder.rename(self._aside)
        try:
            tree.rename(self.folder)
        except OSError:
            self._aside.rename(self.folder)
            raise

    def _claim(self) -> None:
        if os.fstat(self._descriptor).st_uid != os.geteuid():
            raise Refused(
                f"{display.path(self._staging)}: belongs to somebody else", "Remove it, or choose another folder."
            )
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"{display.path(self.folder)}: another process is writing it", "Wait until that one ends."
            ) from None
        except OSError:
            pass  # a share without locks
        # what an earlier `finish` arranged was not checked since; what it put aside must not be lost
        shutil.rmtree(self._staging / "tree", ignore_errors=True)
        if self._replace and self._aside.is_dir() and not os.path.lexists(self.folder):
            self._aside.rename(self.folder)

    def _admit(self, file: Delivered) -> None:
        self._names.admit(file.name)
        if file.sha256 and not _DIGEST.fullmatch(file.sha256):
            raise Refused(f"{visible(file.name)}: its digest is not one of SHA-256")

    def _check_room(self, file: Delivered) -> None:
        try:
            found = os.fstatvfs(self._descriptor)
        except OSError as error:
            raise unwritable(self._staging, error) from None
        free = found.f_bavail * found.f_frsize
        if 0 < free < file.bytes:
            raise NoSpace(
                f"{display.path(self.folder)}: {display.size(file.bytes)} are needed for {visible(file.name)}, "
                f"{display.size(free)} are free",
                "Make room there, then go on.",
            )

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def _arrange(self, tree: Path) -> None:
        """Give what has landed its names beneath `tree`; what was fetched stays, should this not come to its end."""
        uses = Counter(self._landed.values())
        folders = {""}
        for name, key in self._landed.items():
            parent, _, leaf = name.rpartition("/")
            descriptor = open_folder(tree, parent, make=True)
            try:
                uses[key] -= 1
                if uses[key]:
                    self._copy(key, leaf, descriptor)
                else:
                    self._link(key, leaf, descriptor)
            finally:
                os.close(descriptor)
            parts = parent.split("/")
            folders.update("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        for folder in sorted(folders, reverse=True):
            sync_folder(tree / folder)

    def _link(self, key: str, leaf: str, folder: int) -> None:
        try:
            os.link(key, leaf, src_dir_fd=self._descriptor, dst_dir_fd=folder, follow_symlinks=False)
        except OSError:  # a file system without links
            os.rename(key, leaf, src_dir_fd=self._descriptor, dst_dir_fd=folder)

    def _copy(self, key: str, leaf: str, folder: int) -> None:
        """The same content under one more name: a copy, since a link would change with its twin."""
        source = os.open(key, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._descriptor)
        with os.fdopen(source, "rb") as old, os.fdopen(os.open(leaf, _NEW_FILE, 0o666, dir_fd=folder), "wb") as new:
            shutil.copyfileobj(old, new, 1 << 20)
            new.flush()
            os.fsync(new.fileno())
