"""The language of the filter bar and of `diptych list`, as clauses that must all hold.

    sft "exact phrase"           words anywhere: in names, tags, notes, families, places, text of hyperparameters
    family:llama tag:ship,best   a column and what it says; a comma means "or"; `*` stands for anything
    name=sft/checkpoint-200      exactly, where `:` would find a part of it
    mmlu>0.6 lr<=1e-4 step>100   a metric, hyperparameter or column, compared with a number
    params>1B size<2GB created>2026-11
    -tag:old -draft              not
    family:llama OR tag:keep     either of the two beside it

Parsing never fails: what cannot be understood becomes a problem in words.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import NamedTuple

_LIMIT = 100
"""Terms in one query; nobody types more."""
_TERM = r"""
    (?P<minus>-)?
    (?:
        (?P<field>"[^"]+"|[^\s:<>=!"]+) (?P<operator><=|>=|!=|[:=<>]) (?P<value>(?:"[^"]*(?:"|$)|[^\s"])*)
        | "(?P<phrase>[^"]*)"?
        | (?P<word>[^\s"]+)
    )
    """
"""Patterns are compiled when the first query is asked: a list of everything asks none."""
_CHOICE = r'"([^"]*)"?|([^",]+)'
_NUMBER = r"([+-]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?inf)\s*([a-z%]*)"
_COUNTS = {"": 1.0, "%": 0.01, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_SIZES = {
    unit: float(base**power)
    for power, letter in enumerate(("", "k", "m", "g", "t", "p"))
    for unit, base in ((letter, 1000), (f"{letter}b", 1000), (f"{letter}ib", 1024))
}
_DAY = r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?"


class Term(NamedTuple):
    """One condition: a word or phrase where `field` is empty, else a comparison."""

    value: str
    field: str = ""
    operator: str = ""
    negative: bool = False
    quoted: bool = False
    choices: tuple[str, ...] = ()
    """The value taken apart at the commas that stand outside quotes."""

    def __str__(self) -> str:
        return f"{self.field}{self.operator}{self.value}"


class Query(NamedTuple):
    """Clauses that must all hold, each a choice of terms; and what could not be understood."""

    clauses: tuple[tuple[Term, ...], ...]
    problem: str = ""


def parse(text: str) -> Query:
    """The query that `text` writes down."""
    clauses: list[tuple[Term, ...]] = []
    either = False
    problem = ""
    for number, match in enumerate(re.finditer(_TERM, text, re.VERBOSE) if text else ()):
        if number == _LIMIT:
            return Query(tuple(clauses), f"only the first {_LIMIT} terms are looked at")
        if match["word"] == "OR" and not match["minus"]:
            either = True
            continue
        if match["word"] == "AND" and not match["minus"]:
            continue
        term = _term(match)
        if term.field and not term.value:
            problem = problem or f"“{term}” needs a value after it"
        elif not term.field and not any(map(str.isalnum, term.value)):
            continue  # a lone dash or quote, as while typing
        elif either and clauses:
            clauses[-1] = (*clauses[-1], term)
        else:
            clauses.append((term,))
        either = False
    return Query(tuple(clauses), problem)


def number(text: str) -> float | None:
    """A number as people write it, with `%`, `k`, `M`, `B` or `T`; None if it is none."""
    return _scaled(text, _COUNTS)


def size(text: str) -> float | None:
    """Bytes: `2GB`, `512 MiB`, `1000`."""
    return _scaled(text, _SIZES)


def moment(text: str) -> tuple[float, float] | None:
    """A year, month or day in UTC as its first second and the first after it."""
    match = re.fullmatch(_DAY, text)
    if match is None:
        return None
    year, month, day = (int(part) if part else 0 for part in match.groups())
    try:
        start = datetime(year, month or 1, day or 1, tzinfo=UTC)
        if day:
            return start.timestamp(), start.timestamp() + 86400
        end = datetime(year + (month in (0, 12)), month % 12 + 1 if month else 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return start.timestamp(), end.timestamp()


def _term(match: re.Match[str]) -> Term:
    negative = bool(match["minus"])
    if match["field"]:
        written = match["value"]
        value = written.replace('"', "")
        quoted = written.startswith('"') and written.find('"', 1) in (-1, len(written) - 1)
        choices = tuple(one[0] or one[1] for one in re.findall(_CHOICE, written))
        return Term(value, match["field"].strip('"'), match["operator"], negative, quoted, choices or (value,))
    if match["phrase"] is not None:
        return Term(match["phrase"], negative=negative, quoted=True)
    return Term(match["word"], negative=negative)


def _scaled(text: str, units: dict[str, float]) -> float | None:
    match = re.fullmatch(_NUMBER, text.strip(), re.IGNORECASE)
    if match is None or (unit := match[2].lower()) not in units:
        return None
    try:
        value = float(match[1].replace(",", "").replace("_", "")) * units[unit]
    except ValueError:
        return None
    return None if math.isnan(value) else value
