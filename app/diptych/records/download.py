"""`.cache/huggingface/download/<file>.metadata`: which commit a file came from that the Hub's client downloaded."""

from __future__ import annotations

import re
from pathlib import Path

from diptych.domain.evidence import Evidence
from diptych.records.content import damaged, read_bytes
from diptych.records.hub import is_commit
from diptych.records.record import last_name

_BEGINS = re.compile(rb"[0-9a-f]{40}\r?\n\S{1,200}\r?\n\d+(\.\d+)?\s*\Z")
_MOST_BYTES = 4096


class Download:
    """Three lines: commit, entity tag (SHA-256 of a large file, git's SHA-1 of a small one), time."""

    key = "download/1"

    def sniff(self, name: str, head: bytes) -> bool:
        """By its ending together with its place or its three lines; other tools use the ending too."""
        if not last_name(name).endswith(".metadata"):
            return False
        return "/huggingface/download/" in f"/{name}" or bool(_BEGINS.match(head))

    def read(self, path: Path) -> Evidence:
        """The commit as the fact `revision`, the tag as `etag`."""
        lines = read_bytes(path, _MOST_BYTES).decode("ascii", "replace").split()
        if len(lines) != 3 or not is_commit(lines[0]):
            raise damaged(path, "is not the note of a download: commit, tag and time")
        return Evidence(facts={"revision": lines[0], "etag": lines[1]})
