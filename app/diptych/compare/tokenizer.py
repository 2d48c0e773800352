"""What turns text into numbers: kind, settings, special tokens, chat template, vocabulary and merges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from diptych import display
from diptych.compare import settings
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import HyperParameter
from diptych.domain.rules import Rules
from diptych.domain.sheet import Cell, Clause, Row, Sheet, Status
from diptych.domain.tokenizer import Tokenizer
from diptych.domain.version import Role, Source
from diptych.errors import DiptychError
from diptych.job import Job, Tick

_MOST = 1_000
"""Rows for tokens of one kind (added, removed, moved); the rest is a count."""

_MERGES = 200
_CHUNK = 20_000


class Tokenizers:
    """Whether both versions read and write text alike."""

    key = "tokenizer"
    title = "Tokenizer"
    heavy = True

    def compare(self, left: Dossier, right: Dossier, rules: Rules) -> Job[Sheet]:
        """A row for each part, and rows for the tokens that were added, removed or given another number."""
        yield Tick("Reading the tokenizer of A")
        ours, fault = _read(left, "A")
        yield Tick("Reading the tokenizer of B")
        theirs, other = _read(right, "B")
        if not (_has(left) or _has(right)):
            return Sheet(self.key, self.title, "tokenizer parts")
        if ours is None or theirs is None:
            notes = tuple(text for text in (fault, other) if text)
            return Sheet(self.key, self.title, "tokenizer parts", notes=notes)
        rows = list(_parts(ours, theirs, rules))
        tokens = yield from _vocabulary(ours, theirs)
        rows += tokens
        rows += _merges(ours, theirs)
        clauses = tuple(_clauses(rows))
        return Sheet(self.key, self.title, "tokenizer parts", tuple(rows), clauses=clauses)


def _has(dossier: Dossier) -> bool:
    """Whether a tokenizer belongs to a version, be it here or not."""
    named = any(artifact.role is Role.TOKENIZER for artifact in dossier.version.artifacts)
    return named or dossier.tokenizer is not None


def _read(dossier: Dossier, side: str) -> tuple[Tokenizer | None, str]:
    if dossier.tokenizer is None:
        return None, f"the tokenizer of {side} is not here now" if _has(dossier) else f"{side} has no tokenizer here"
    try:
        return dossier.tokenizer(), ""
    except DiptychError as error:
        return None, f"the tokenizer of {side} cannot be read: {display.visible(error.message)}"


def _size(vocabulary: Mapping[str, int]) -> str:
    return display.plural(len(vocabulary), "token")


def _parts(left: Tokenizer, right: Tokenizer, rules: Rules) -> Iterator[Row]:
    """Kind, chat template, special tokens and settings: rows like those of any setting."""
    found = [settings.by_key(_settings(side), rules) for side in (left, right)]
    order = {"kind": 0, "chat_template": 1, "special": 2}
    return settings.rows(found[0], found[1], rules, _group, lambda key: (order.get(key.partition(".")[0], 3), key))


def _settings(tokenizer: Tokenizer) -> Iterator[HyperParameter]:
    if tokenizer.kind:
        yield HyperParameter("kind", tokenizer.kind, tokenizer.source)
    if tokenizer.chat_template:
        place = tokenizer.chat_template_source or tokenizer.source
        yield HyperParameter("chat_template", tokenizer.chat_template, place)
    for name, token in tokenizer.special.items():
        yield HyperParameter(f"special.{name}", token, tokenizer.source)
    for name, value in tokenizer.settings.items():
        yield HyperParameter(f"settings.{name}", value, tokenizer.source)


def _group(key: str) -> str:
    first = key.partition(".")[0]
    return {"special": "Special tokens", "settings": "Settings"}.get(first, "Tokenizer")


def _vocabulary(left: Tokenizer, right: Tokenizer) -> Job[list[Row]]:
    """One row for the whole, then a row for each token that differs, as many as people read."""
    ours, theirs = left.vocabulary, right.vocabulary
    removed: list[tuple[str, int]] = []
    moved: list[tuple[str, int]] = []
    for count, (token, number) in enumerate(ours.items()):
        other = theirs.get(token)
        if other is None:
            removed.append((token, number))
        elif other != number:
            moved.append((token, number))
        if count % _CHUNK == 0:
            yield Tick("Comparing vocabularies", count, len(ours), "tokens")
    added = [(token, number) for token, number in theirs.items() if token not in ours]
    if not ours and not theirs:
        return []
    counts = [(len(added), "added"), (len(removed), "removed"), (len(moved), "moved")]
    changes = [f"{count:,} {word}" for count, word in counts if count]
    whole = Row(
        "vocabulary",
        Status.DIFFERS if changes else Status.SAME,
        Cell(_size(ours), len(ours), left.source),
        Cell(_size(theirs), len(theirs), right.source),
        group="Vocabulary",
        change=", ".join(changes),
        note=_left_out(len(added), len(removed), len(moved)),
        values={"added": len(added), "removed": len(removed), "moved": len(moved)},
    )
    rows = [whole]
    for tokens, heading in ((added, "Only in B"), (removed, "Only in A"), (moved, "Other numbers")):
        tokens.sort(key=lambda item: (item[1], item[0]))
        rows += [_token(token, ours, theirs, left, right, f"Vocabulary: {heading}") for token, _ in tokens[:_MOST]]
    return rows


def _left_out(*counts: int) -> str:
    rest = sum(max(0, count - _MOST) for count in counts)
    return f"{display.plural(rest, 'more token')} without a row of their own" if rest else ""


def _token(
    token: str, ours: Mapping[str, int], theirs: Mapping[str, int], left: Tokenizer, right: Tokenizer, group: str
) -> Row:
    a, b = ours.get(token), theirs.get(token)
    status = Status.RIGHT_ONLY if a is None else Status.LEFT_ONLY if b is None else Status.DIFFERS
    return Row(
        f"vocabulary.{token}",
        status,
        None if a is None else Cell(str(a), a, left.source),
        None if b is None else Cell(str(b), b, right.source),
        display.visible(token) or '""',
        group,
    )


def _merges(left: Tokenizer, right: Tokenizer) -> list[Row]:
    """One row for the whole, with the first merges that differ below it."""
    ours, theirs = left.merges, right.merges
    if not ours and not theirs:
        return []
    known_left, known_right = frozenset(ours), frozenset(theirs)
    gone = [merge for merge in ours if merge not in known_right]
    new = [merge for merge in theirs if merge not in known_left]
    parts = [f"{len(new):,} added" if new else "", f"{len(gone):,} removed" if gone else ""]
    if ours != theirs and not new and not gone:
        parts.append("other order")
    tree = [Row(f"merges.-{merge}", Status.LEFT_ONLY, _merge(merge, left), None) for merge in gone[:_MERGES]]
    tree += [Row(f"merges.+{merge}", Status.RIGHT_ONLY, None, _merge(merge, right)) for merge in new[:_MERGES]]
    return [
        Row(
            "merges",
            Status.SAME if ours == theirs else Status.DIFFERS,
            Cell(display.plural(len(ours), "merge"), len(ours), left.source),
            Cell(display.plural(len(theirs), "merge"), len(theirs), right.source),
            group="Merges",
            change=", ".join(part for part in parts if part),
            values={"added": len(new), "removed": len(gone)},
            tree=tuple(tree),
        )
    ]


def _merge(merge: str, tokenizer: Tokenizer) -> Cell:
    return Cell(display.visible(merge), merge, Source(tokenizer.source.file, "/model/merges"))


def _clauses(rows: list[Row]) -> Iterator[Clause]:
    differing = [row for row in rows if row.differs]
    if not differing:
        yield Clause("tokenizer identical", "tokenizer", weight=0)
        return
    by_key = {row.key: row for row in differing}
    if "chat_template" in by_key:
        yield Clause("chat template differs", "tokenizer", "chat_template", 2)
    for key in ("kind", "vocabulary", "merges"):
        if key in by_key:
            told = f": {by_key[key].change}" if by_key[key].change else ""
            yield Clause(f"{key} differs{told}", "tokenizer", key, 2 if key == "vocabulary" else 1)
    special = [row for row in differing if row.key.startswith("special.")]
    if special:
        names = display.listing(row.label for row in special)
        yield Clause(f"special tokens differ: {names}", "tokenizer", special[0].key, 1)
