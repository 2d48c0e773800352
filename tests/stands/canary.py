"""A secret that is looked for wherever it must not be: in texts, logs, files, and what other programs see of ours."""

from __future__ import annotations

import base64
import logging
import os
import re
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

VALUE = "hf_Canary+0123/456=789xyz"
USER = "jane"


def forms() -> re.Pattern[bytes]:
    """The secret as it is, and as headers, addresses and dumps write it."""
    raw = VALUE.encode()
    found = {raw, quote(VALUE, safe="").encode(), raw.hex().encode(), VALUE.encode("utf-16-le")}
    for lead in range(3):
        # base64 of a text that holds it: three forms, without the letters that depend on the neighbours
        found.add(base64.b64encode(b"x" * lead + raw)[4 if lead else 0 : -4])
    return re.compile(b"|".join(re.escape(form) for form in found), re.IGNORECASE)


PATTERN = forms()


@dataclass
class Watch:
    """Everything that was seen while a scenario ran, by where it was seen."""

    seen: list[tuple[str, bytes]] = field(default_factory=list)

    def see(self, where: str, text: str | bytes) -> None:
        """Note a text that somebody could read."""
        self.seen.append((where, text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")))

    def see_error(self, error: BaseException) -> None:
        """Note an error as it is shown, logged and reported."""
        self.see("error", f"{error!s} {error!r} {error.args!r} {vars(error)!r} {getattr(error, 'hint', '')}")
        self.see("traceback", "".join(traceback.format_exception(error)))

    @property
    def hits(self) -> list[str]:
        """Where the secret was seen."""
        return [where for where, text in self.seen if PATTERN.search(text)]


@contextmanager
def watching(*folders: Path) -> Iterator[Watch]:
    """Watch logs at the loudest level, the processes that we start, and the files in `folders` at the end."""
    watch = Watch()
    handler = _Ear(watch)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    done = threading.Event()
    looker = threading.Thread(target=_look_at_children, args=(watch, done))
    looker.start()
    try:
        yield watch
    finally:
        done.set()
        looker.join()
        root.removeHandler(handler)
        root.setLevel(level)
    for folder in folders:
        for file in folder.rglob("*"):
            if file.is_file():
                watch.see(f"file {file.name}", file.read_bytes())


class _Ear(logging.Handler):
    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.DEBUG)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.see(f"log of {record.name}", self.format(record))


def _look_at_children(watch: Watch, done: threading.Event) -> None:
    """Note command lines and environments of all descendants, again and again: some live for a moment."""
    known: set[tuple[int, bytes]] = set()
    while not done.is_set():
        for process in descendants(os.getpid()):
            for name in ("cmdline", "environ"):
                try:
                    text = Path(f"/proc/{process}/{name}").read_bytes()
                except OSError:
                    continue
                if (process, text) not in known:
                    known.add((process, text))
                    watch.see(f"{name} of a child", text)
        done.wait(0.002)


def descendants(parent: int) -> Iterator[int]:
    """The processes below one, as they are now."""
    try:
        tasks = list(Path(f"/proc/{parent}/task").iterdir())
    except OSError:
        return
    for task in tasks:
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield int(child)
            yield from descendants(int(child))
