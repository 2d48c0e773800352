"""Terms of a query as conditions in SQL. Values are always bound, never written into the statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from diptych.catalog import query
from diptych.catalog.query import Term
from diptych.catalog.texts import stored
from diptych.domain.rules import ALIASES

Value: TypeAlias = "str | int | float"

EXACT = {"family": "v.family", "format": "v.format", "dtype": "v.dtype", "kind": "v.kind"}
"""Columns with few different words."""
PARTLY = {"name": "v.name", "model": "v.model", "base": "v.base_name", "path": "v.path", "note": "v.note", "id": "v.id"}
"""Columns of which `:` finds a part."""
NUMBERS: Mapping[str, tuple[str, Callable[[str], float | None]]] = {
    "step": ("v.step", query.number),
    "params": ("v.parameters", query.number),
    "parameters": ("v.parameters", query.number),
    "size": ("v.bytes", query.size),
    "bytes": ("v.bytes", query.size),
    "stars": ("v.stars", query.number),
}
_OPERATORS = {":": "=", "=": "=", "!=": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}


class Unclear(Exception):
    """A term that cannot be understood; the message says why."""


class Condition(NamedTuple):
    """A condition twice: as a test of the row `v`, and as the list of the versions that pass it."""

    test: str
    members: str
    values: tuple[Value, ...]
    """What either form binds, in order."""


class Known(NamedTuple):
    """The names that comparisons may use, each with its number in the catalog."""

    metrics: Mapping[str, int]
    hyperparameters: Mapping[str, int]

    def find(self, name: str) -> tuple[str, tuple[int, ...]] | None:
        """The table and the keys that `name` means: exactly, by a part, or by a unique beginning."""
        tables = (("metric", self.metrics), ("param", self.hyperparameters))
        spellings = {name, ALIASES.get(name, name), ALIASES.get(f"train.{name}", name)}
        for table, names in tables:
            if exact := [names[one] for one in spellings if one in names]:
                return table, tuple(exact)
        for table, names in tables:
            parts = _metric_parts if table == "metric" else _param_parts
            if some := tuple(key for one, key in list(names.items()) if spellings & parts(one)):
                return table, some
        begun = [(table, key) for table, names in tables for one, key in list(names.items()) if one.startswith(name)]
        return (begun[0][0], (begun[0][1],)) if len(begun) == 1 else None


def condition(term: Term, known: Known) -> Condition:
    """The condition that a term means. `Unclear` if it means none."""
    name = term.field.casefold()
    if not term.field:
        return words([term])
    if name == "tag":
        return _tag(term)
    if name == "state":
        return _state(term)
    if name == "created":
        return _created(term)
    if name in EXACT:
        return _text(EXACT[name], term, partly=False)
    if name in PARTLY:
        return _text(PARTLY[name], term, partly=True)
    if name in NUMBERS:
        column, read = NUMBERS[name]
        return _column((column, _OPERATORS[term.operator], "?"), _number(term, read))
    found = known.find(term.field)
    if found is None:
        raise Unclear(f"no metric or hyperparameter called “{term.field}”")
    return _named(term, *found)


def words(terms: Sequence[Term]) -> Condition:
    """All of some words and phrases; the last letters of a word that is not quoted may be missing."""
    asked = " AND ".join('"' + _plain(term.value) + ('"' if term.quoted else '"*') for term in terms)
    members = "SELECT rowid FROM words WHERE words MATCH ?"
    # asking the full-text index about one row costs as much as asking it about all
    return Condition(f"v.key IN ({members})", members, (asked,))


def _tag(term: Term) -> Condition:
    if term.operator not in ":=":
        raise Unclear("tags are asked for with “tag:”")
    choices = [f"tag {'LIKE' if '*' in one else '='} ?{_escape(one)}" for one in term.choices]
    either = " OR ".join(choices)
    return Condition(
        " ".join(("EXISTS (SELECT 1 FROM tag WHERE version = v.key AND (", either, "))")),
        " ".join(("SELECT version FROM tag WHERE", either)),
        tuple(_pattern(one) if "*" in one else stored(one) for one in term.choices),
    )


def _state(term: Term) -> Condition:
    said = [one.replace("-", " ").replace("_", " ") + "*" for one in term.choices]
    return _any("v.state", said, term.operator)


def _created(term: Term) -> Condition:
    span = query.moment(term.value)
    if span is None:
        raise Unclear(f"“{term.value}” is not a date such as 2026-11-20")
    start, end = span
    if term.operator in (":", "="):
        return _column(("v.created >= ? AND v.created <", "?"), start, end)
    if term.operator == "!=":
        return _column(("(v.created < ? OR v.created >=", "?)"), start, end)
    return _column(("v.created", _OPERATORS[term.operator], "?"), end if term.operator in (">", "<=") else start)


def _text(column: str, term: Term, *, partly: bool) -> Condition:
    choices: Sequence[str] = term.choices
    if partly and term.operator == ":":
        choices = [one if "*" in one else f"*{one}*" for one in choices]
    return _any(column, choices, term.operator)


def _any(column: str, choices: Sequence[str], operator: str) -> Condition:
    if operator not in (":", "=", "!="):
        raise Unclear("text can be compared with “:”, “=” and “!=” only")
    tests = [f"{column} {'LIKE' if '*' in one else '='} ?{_escape(one)}" for one in choices]
    either = " OR ".join(tests)
    opening = "NOT (" if operator == "!=" else "("
    return _column((opening, either, ")"), *(_pattern(one) if "*" in one else stored(one) for one in choices))


def _column(parts: Sequence[str], *values: Value) -> Condition:
    test = " ".join(parts)
    return Condition(test, " ".join(("SELECT v.key FROM version AS v WHERE", test)), values)


def _named(term: Term, table: str, keys: Sequence[int]) -> Condition:
    """A metric or hyperparameter; where the name fits several, one of them is enough."""
    test, values = _compared(term, table)
    either = " OR ".join([f"(s.key = ? AND {test})"] * len(keys))
    bound = tuple(value for key in keys for value in (key, *values))
    return Condition(
        " ".join(("EXISTS (SELECT 1 FROM", table, "AS s WHERE s.version = v.key AND (", either, "))")),
        " ".join(("SELECT s.version FROM", table, "AS s WHERE", either)),
        bound,
    )


def _compared(term: Term, table: str) -> tuple[str, tuple[Value, ...]]:
    if term.value == "*" and term.operator in (":", "="):
        return "s.value IS NOT NULL", ()
    number = None if term.quoted else query.number(term.value)
    operator = _OPERATORS[term.operator]
    if number is not None:
        # text stands after every number, so the bound keeps it out without losing the index
        return (f"s.value {operator} ?" + (" AND s.value < ''" if ">" in operator else ""), (_whole(number),))
    if table == "metric" or operator not in ("=", "<>"):
        raise Unclear(f"“{term.value}” is not a number")
    if operator == "<>":
        return "s.value <> ?", (stored(term.value),)
    pattern = term.value if "*" in term.value or term.operator == "=" else f"*{term.value}*"
    return "s.value LIKE ? ESCAPE '\\'", (_pattern(pattern),)


def _number(term: Term, read: Callable[[str], float | None]) -> Value:
    value = read(term.value)
    if value is None:
        raise Unclear(f"“{term.value}” is not a number")
    return _whole(value)


def _whole(value: float) -> Value:
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _escape(choice: str) -> str:
    return " ESCAPE '\\'" if "*" in choice else ""


def _pattern(text: str) -> str:
    kept = stored(text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return kept.replace("*", "%")


def _plain(text: str) -> str:
    """Text for a phrase of the full-text search: without quotes, NUL and what UTF-8 cannot say."""
    return text.replace('"', " ").replace("\0", " ").encode("utf-8", "replace").decode()


def _metric_parts(key: str) -> set[str]:
    task, _, name = key.rpartition("/")
    return {task, name, name.partition(",")[0], task.rpartition("/")[2]} - {""}


def _param_parts(key: str) -> set[str]:
    return {key.rpartition(".")[2], key.partition(".")[2]} - {""}
