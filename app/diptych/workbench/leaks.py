"""Finding secrets in texts that are about to leave this machine."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from diptych.opening import open_regular

_LARGEST = 8 << 20
"""Longer files are data, not notes or settings."""
_WINDOW = 1 << 18
_OVERLAP = 512
"""Longer than any secret looked for; a private key is told by its first line."""
_KINDS = {
    "an access token of the Hugging Face Hub": rb"\bhf_[A-Za-z0-9]{30,}\b",
    "an access key of AWS": rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a token of GitHub": rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})\b",
    "a token of GitLab": rb"\bglpat-[A-Za-z0-9_-]{20,}\b",
    "a key of OpenAI or Anthropic": rb"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}\b",
    "a key of Google": rb"\bAIza[A-Za-z0-9_-]{35}\b",
    "a token of Slack": rb"\bxox[abprs]-[A-Za-z0-9-]{20,}\b",
    "a token of PyPI": rb"\bpypi-AgEI[A-Za-z0-9_-]{50,}\b",
    "a key of Weights & Biases": rb"(?i:\bwandb[_-]?api[_-]?key\W{1,4}[0-9a-f]{40}\b)",
    "a private key": rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a password in an address": rb"\b[a-z][a-z0-9+.-]{1,15}://[^\s/:@\"']{1,64}:[^\s/@\"'${<]{3,64}@[a-z0-9.-]+",
    "a password or key": (
        rb"(?i:[\"']?\b(?:api[_-]?key|secret[_-]?(?:access[_-]?)?key|password|auth[_-]?token)[\"']?\s{0,4}[:=]\s{0,4}"
        rb"[\"'](?!\$|<|\{|os\.|env)[A-Za-z0-9/+_.=-]{12,}[\"'])"
    ),
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _KINDS.items()}
"""One by one: joined they cannot be searched for by their fixed beginnings, and take ten times as long."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A place that looks like a secret. The secret itself is not kept."""

    line: int
    kind: str


def leaks(path: Path) -> Generator[None, None, tuple[Leak, ...]]:
    """The secrets in a text file, each kind by its first line; none in a file that is no text, or is long.

    Yields now and then, so that whoever drives it stays free. Raises `DiptychError` where the file cannot be read.
    """
    found: dict[str, Leak] = {}
    with open_regular(path) as file:
        lines = 1
        kept = b""
        for piece in _pieces(file.read(_LARGEST + 1)):
            text = kept + piece
            for kind, pattern in _PATTERNS.items():
                match = None if kind in found else pattern.search(text)
                if match is not None:
                    found[kind] = Leak(lines + text.count(b"\n", 0, match.start()), kind)
            lines += text.count(b"\n", 0, max(0, len(text) - _OVERLAP))
            kept = text[-_OVERLAP:]
            yield
    return tuple(found.values())


def _pieces(content: bytes) -> Iterator[bytes]:
    if len(content) > _LARGEST or b"\0" in content[:_WINDOW]:
        return
    for start in range(0, len(content), _WINDOW):
        yield content[start : start + _WINDOW]
