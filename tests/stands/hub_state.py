"""What the double of the Hub keeps: contents by digest, repositories as commits, references."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

_LARGE = ("*.safetensors", "*.bin", "*.gguf", "*.pt")
_ATTRIBUTES = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LARGE).encode()
_MOST_REGULAR = 10_000_000


@dataclass(frozen=True)
class Entry:
    """A file of a commit."""

    size: int
    sha256: str
    oid: str
    """The git blob; of the pointer where the file is large."""
    large: bool


@dataclass
class Repository:
    """One model."""

    folder: Path
    """Where its contents are kept, each repository for itself."""
    private: bool
    first: str = ""
    commits: dict[str, dict[str, Entry]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)
    history: dict[str, str] = field(default_factory=dict)
    """The parent of each commit."""
    gated: bool = False
    """Whether its files are given to those alone who have agreed to something."""

    def object(self, sha256: str) -> Path:
        """Where a content is kept."""
        return self.folder / sha256

    def holds(self, sha256: str) -> bool:
        return self.object(sha256).exists()

    def resolve(self, revision: str) -> str | None:
        """The commit that a name stands for."""
        for names in (self.branches, self.tags, self.pulls):
            if revision in names:
                return names[revision]
        return revision if revision in self.commits else None


class State:
    """Everything behind the double. Answers of several threads change it under `lock`."""

    def __init__(self, folder: Path, accounts: Mapping[str, tuple[str, str]], chunk: int) -> None:
        self.accounts = accounts
        """Name and role of each token."""
        self.chunk = chunk
        """Larger files come in parts of this size."""
        self.keeps = True
        """Whether contents are written and digested. A benchmark, which measures clients, keeps only their sizes."""
        self.page = 1000
        self.rules: tuple[str, ...] = ()
        """Patterns of files that preupload calls ignored, beside those of a `.gitignore`."""
        self.repositories: dict[str, Repository] = {}
        self.uploads: dict[str, tuple[Path, int]] = {}
        """Place and size of what each upload in parts becomes."""
        self.leaks = 0
        """Requests to storage that showed a token."""
        self.lock = threading.Lock()
        self.folder = folder
        self._numbers = itertools.count(1)
        folder.mkdir(parents=True, exist_ok=True)

    def number(self) -> int:
        return next(self._numbers)

    def part(self, upload: str, number: int) -> Path:
        return self.folder / f"{upload}.{number}"

    def keep(self, path: Path, pieces: Iterable[bytes]) -> tuple[str, str]:
        """Write a file; its SHA-256 and MD5. Nothing is kept of one that breaks off."""
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        part = path.with_name(f"{path.name}.{self.number()}.part")
        size = 0
        try:
            with part.open("wb") as file:
                for piece in pieces:
                    if self.keeps:
                        sha256.update(piece)
                        md5.update(piece)
                        file.write(piece)
                    size += len(piece)
                file.truncate(size)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return sha256.hexdigest(), md5.hexdigest()

    def join(self, upload: str, target: Path, sha256: str, numbers: Iterable[int]) -> bool:
        """Let parts become a content; False where that is another one than was announced."""
        path = target.with_name(f"{sha256}.{upload}")
        if self.keeps:
            found, _ = self.keep(path, self._parts(upload, numbers))
            if found != sha256:
                path.unlink()
                return False
        else:
            path.touch()
            os.truncate(path, sum(self.part(upload, number).stat().st_size for number in numbers))
        path.replace(target)
        return True

    def _parts(self, upload: str, numbers: Iterable[int]) -> Iterator[bytes]:
        for number in numbers:
            with self.part(upload, number).open("rb") as file:
                while piece := file.read(1 << 20):
                    yield piece

    def create(self, name: str, private: bool) -> Repository:
        repository = Repository(self.folder / name.replace("/", "--"), private)
        repository.folder.mkdir()
        self.repositories[name] = repository
        entry = self.regular(repository, _ATTRIBUTES)
        repository.first = self.commit(repository, "main", {".gitattributes": entry}, "initial commit")
        return repository

    def commit(self, repository: Repository, name: str, files: Mapping[str, Entry], title: str, base: str = "") -> str:
        """Put a commit on a branch or pull request."""
        places = repository.pulls if name.startswith("refs/pr/") else repository.branches
        parent = base or places.get(name, "")
        commit = hashlib.sha1(f"{parent} {title} {self.number()}".encode(), usedforsecurity=False).hexdigest()
        repository.commits[commit] = dict(files)
        repository.titles[commit] = title
        repository.history[commit] = parent
        places[name] = commit
        return commit

    def regular(self, repository: Repository, content: bytes) -> Entry:
        """Keep a file that git itself holds."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.keep(repository.object(sha256), [content])
        return Entry(len(content), sha256, _blob(content), large=False)

    def large(self, repository: Repository, sha256: str) -> Entry:
        """A file in the large storage."""
        size = repository.object(sha256).stat().st_size
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
        return Entry(size, sha256, _blob(pointer), large=True)

    def ignores(self, repository: Repository, files: Mapping[str, Entry], name: str) -> bool:
        rules = [*self.rules]
        if ".gitignore" in files:
            rules += repository.object(files[".gitignore"].sha256).read_text().split()
        return any(fnmatch(name, rule) for rule in rules)


def is_large(name: str, size: int, sample: bytes) -> bool:
    """Whether a file belongs into the large storage."""
    return any(fnmatch(name, pattern) for pattern in _LARGE) or size > _MOST_REGULAR or b"\0" in sample


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
