"""What a tokenizer is made of, as far as two can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.domain.evidence import Plain
from diptych.domain.version import Source


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """One tokenizer. Tokens are text as the file spells them, not bytes."""

    source: Source
    kind: str = ""
    """`BPE`, `Unigram`, `WordPiece` …"""
    vocabulary: Mapping[str, int] = field(default_factory=dict)
    """Token to id, added tokens included."""
    merges: tuple[str, ...] = ()
    """In order of priority, each as `left right`."""
    added: Mapping[str, int] = field(default_factory=dict)
    special: Mapping[str, str] = field(default_factory=dict)
    """Role (`eos_token`) to token."""
    settings: Mapping[str, Plain] = field(default_factory=dict)
    """Normaliser, pre-tokenizer, decoder, truncation and the entries of tokenizer_config.json, by dotted key."""
    chat_template: str = ""
    chat_template_source: Source | None = None
    """Where the template that takes effect was found; there are up to four places."""
