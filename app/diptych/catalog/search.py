"""Finding and ordering versions.

Two plans answer every question. Where few versions can pass, they are listed first and then sorted. Otherwise the
index of the sort order is walked and each version tested, which ends as soon as the page is full.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from diptych.catalog import query as language
from diptych.catalog.conditions import Condition, Known, Unclear, Value, condition, words
from diptych.catalog.names import Names
from diptych.catalog.query import Query, Term

if TYPE_CHECKING:
    from sqlite3 import Connection

_FEW = 2000
"""Up to so many versions are listed and sorted in no time."""
_NEWEST = (1 << 63) - 1
"""No version has so large a key."""
_COLUMNS = {
    "created": "v.created",
    "name": "v.sort_name",
    "model": "v.model",
    "step": "v.step",
    "params": "v.parameters",
    "parameters": "v.parameters",
    "size": "v.bytes",
    "bytes": "v.bytes",
    "stars": "v.stars",
    "kind": "v.kind",
    "state": "v.state",
    "format": "v.format",
    "dtype": "v.dtype",
    "family": "v.family",
    "path": "v.path",
    "base": "v.base_name",
    "id": "v.id",
}
_TEXTS = frozenset({"model", "kind", "state", "format", "dtype", "family", "path", "base"})


_Clauses: TypeAlias = "list[list[tuple[bool, Condition]]]"
"""Of each clause the conditions, and whether each is denied."""


class _Filter(NamedTuple):
    """A whole query in SQL; `narrow` where few versions can pass it."""

    sql: str
    values: tuple[Value, ...]
    narrow: bool


class _Order(NamedTuple):
    """What to sort by: a column, or the value of a metric or hyperparameter."""

    expression: str
    table: str = ""
    key: int = 0
    text: bool = False

    @property
    def present(self) -> str:
        """That a version has a value."""
        return f"{self.expression} > ''" if self.text else f"{self.expression} IS NOT NULL"


class Search:
    """Questions to one state of the catalog."""

    def __init__(self, connection: Connection, metric: Names, param: Names) -> None:
        self._connection = connection
        self._metric = metric
        self._param = param

    def keys(self, text: str, sort: str, descending: bool, limit: int | None, offset: int) -> list[int]:
        """Keys in order; none for a query that cannot be understood. An unknown `sort` means by name."""
        asked = self._filter(text, whole=limit is None)
        if asked is None:
            return []
        order = self._order(sort) or _Order(_COLUMNS["name"])
        if asked.narrow:
            return self._sorted(asked, order, descending, limit, offset)
        found = self._walked(asked, order, descending, limit, offset)
        if limit is not None and len(found) >= limit:
            return found
        skipped = 0
        if offset and not found:
            skipped = self._count(asked, order)
        rest = None if limit is None else limit - len(found)
        return found + self._without(asked, order, rest, max(0, offset - skipped) if not found else 0)

    def count(self, text: str) -> int:
        """How many versions the query finds."""
        asked = self._filter(text, whole=True)
        return 0 if asked is None else self._count(asked)

    def explain(self, text: str, sort: str = "") -> str:
        """What cannot be understood; empty if everything can."""
        try:
            parsed = language.parse(text)
            known = self._known() if any(term.field for clause in parsed.clauses for term in clause) else None
            for clause in parsed.clauses:
                for term in clause:
                    condition(term, known or Known({}, {}))
        except Unclear as problem:
            return str(problem)
        if parsed.problem:
            return parsed.problem
        return "" if not sort or self._order(sort) else f"no column, metric or hyperparameter called “{sort}”"

    def _known(self) -> Known:
        return Known(self._metric.all(self._connection), self._param.all(self._connection))

    def _filter(self, text: str, *, whole: bool) -> _Filter | None:
        parsed = language.parse(text)
        if parsed.problem:
            return None
        try:
            said, clauses = self._clauses(parsed)
        except Unclear:
            return None
        parts: list[str] = []
        values: list[Value] = []
        if said is not None:
            if whole or self._size(said, _FEW) is not None:
                clauses.insert(0, [(False, said)])
            else:
                parts.append(self._remembered(said))
        (total,) = self._connection.execute("SELECT coalesce(max(key), 0) FROM version").fetchone()
        sizes = [[None if whole else self._size(one, max(_FEW, total // 7)) for _, one in clause] for clause in clauses]
        narrow = self._narrow(clauses, sizes, total)
        for clause, counts in zip(clauses, sizes, strict=True):
            tests = []
            for (negative, one), size in zip(clause, counts, strict=True):
                listed = whole or (size is not None and (narrow or size <= _FEW))
                test = f"v.key IN ({one.members})" if listed else one.test
                tests.append(f"NOT coalesce({test}, 0)" if negative else f"({test})")
                values += one.values
            parts.append(f"({' OR '.join(tests)})")
        return _Filter(" AND ".join(parts) or "1", tuple(values), narrow)

    @staticmethod
    def _narrow(clauses: _Clauses, sizes: Sequence[Sequence[int | None]], total: int) -> bool:
        """Whether few versions pass all clauses, if these have nothing to do with one another."""
        share = 1.0
        for clause, counts in zip(clauses, sizes, strict=True):
            known = [size for size in counts if size is not None]
            if len(known) == len(counts) and not any(negative for negative, _ in clause):
                share *= min(1.0, sum(known) / max(1, total))
        return share < 1 and share * total <= max(_FEW, total // 20)

    def _clauses(self, parsed: Query) -> tuple[Condition | None, _Clauses]:
        """The words that must all be there, as one condition; and the other clauses."""
        said: list[Term] = []
        clauses: _Clauses = []
        known: Known | None = None
        for clause in parsed.clauses:
            if len(clause) == 1 and not clause[0].field and not clause[0].negative:
                said.append(clause[0])
                continue
            known = known or self._known()
            clauses.append([(term.negative, condition(term, known)) for term in clause])
        return words(said) if said else None, clauses

    def _remembered(self, one: Condition) -> str:
        """A test against the members, kept in memory: SQLite would sort them into a table first, which takes longer."""
        self._connection.create_function("remembered", 1, _Remembered(self._connection, one))
        return "remembered(v.key)"

    def _size(self, one: Condition, most: int) -> int | None:
        """How many versions pass a condition; None for more than `most`."""
        sql = " ".join(("SELECT count(*) FROM (", one.members, "LIMIT ?)"))
        (count,) = self._connection.execute(sql, (*one.values, most + 1)).fetchone()
        return int(count) if count <= most else None

    def _order(self, sort: str) -> _Order | None:
        name = sort.casefold()
        if name in _COLUMNS:
            return _Order(_COLUMNS[name], text=name in _TEXTS)
        found = self._known().find(sort)
        if found is None:
            return None
        table, keys = found
        key = keys[0] if len(keys) == 1 else self._most_used(table, keys)
        return _Order("s.value", table, key)

    def _most_used(self, table: str, keys: Sequence[int]) -> int:
        sql = " ".join(("SELECT uses FROM", f"{table}_name", "WHERE key = ?"))
        uses = {key: self._connection.execute(sql, (key,)).fetchone()[0] for key in keys}
        return max(keys, key=lambda key: (uses[key], -key))

    def _walked(self, asked: _Filter, order: _Order, descending: bool, limit: int | None, offset: int) -> list[int]:
        """Those with a value, along the index."""
        source, bound = _source(order)
        parts = (
            "SELECT v.key FROM", source, "WHERE", order.present, "AND", asked.sql,
            "ORDER BY", order.expression, "DESC" if descending else "ASC", ", v.sort_name, v.key LIMIT ? OFFSET ?",
        )  # fmt: skip
        return self._run(parts, (*bound, *asked.values), limit, offset)

    def _without(self, asked: _Filter, order: _Order, limit: int | None, offset: int) -> list[int]:
        """Those without a value, by name."""
        if order.table:
            lacks = " ".join(
                ("NOT EXISTS (SELECT 1 FROM", order.table, "AS s WHERE s.version = v.key AND s.key = ?",
                 "AND s.value IS NOT NULL)")
            )  # fmt: skip
            bound: tuple[Value, ...] = (order.key,)
        else:
            lacks, bound = f"NOT coalesce({order.present}, 0)", ()
        parts = ("SELECT v.key FROM version AS v WHERE", lacks, "AND", asked.sql, "ORDER BY v.sort_name, v.key")
        return self._run((*parts, "LIMIT ? OFFSET ?"), (*bound, *asked.values), limit, offset)

    def _sorted(self, asked: _Filter, order: _Order, descending: bool, limit: int | None, offset: int) -> list[int]:
        """All of a few, sorted in memory."""
        join: tuple[str, ...] = ()
        bound: tuple[Value, ...] = ()
        if order.table:
            join = ("LEFT JOIN", order.table, "AS s ON s.version = v.key AND s.key = ?")
            bound = (order.key,)
        parts = (
            "SELECT v.key FROM version AS v", *join, "WHERE", asked.sql,
            f"ORDER BY coalesce({order.present}, 0) DESC, +{order.expression}", "DESC" if descending else "ASC",
            ", +v.sort_name, v.key LIMIT ? OFFSET ?",
        )  # fmt: skip
        return self._run(parts, (*bound, *asked.values), limit, offset)

    def _count(self, asked: _Filter, order: _Order | None = None) -> int:
        source, bound = _source(order) if order else ("version AS v", ())
        present = order.present if order else "1"
        sql = " ".join(("SELECT count(*) FROM", source, "WHERE", present, "AND", asked.sql))
        (count,) = self._connection.execute(sql, (*bound, *asked.values)).fetchone()
        return int(count)

    def _run(self, parts: Sequence[str], values: Sequence[Value], limit: int | None, offset: int) -> list[int]:
        bounds = (-1 if limit is None else max(0, limit), max(0, offset))
        return [key for (key,) in self._connection.execute(" ".join(parts), (*values, *bounds))]


class _Remembered:
    """Whether a version is among the members of a full-text condition; older ones are read when one is asked about.

    A page of the newest versions needs the newest members alone.
    """

    def __init__(self, connection: Connection, one: Condition) -> None:
        self._connection = connection
        self._sql = " ".join((one.members, "AND rowid < ? ORDER BY rowid DESC LIMIT ?"))
        self._values = one.values
        self._last = _NEWEST
        self._keys: set[int] = set()
        self._read(_FEW)

    def __call__(self, key: int) -> bool:
        if key < self._last:
            self._read(-1)
        return key in self._keys

    def _read(self, most: int) -> None:
        rows = self._connection.execute(self._sql, (*self._values, self._last, most)).fetchall()
        self._keys.update(key for (key,) in rows)
        if len(rows) != most:
            self._last = 0
        elif rows:
            self._last = rows[-1][0]


def _source(order: _Order) -> tuple[str, tuple[Value, ...]]:
    if not order.table:
        return "version AS v", ()
    return f"{order.table} AS s CROSS JOIN version AS v ON v.key = s.version AND s.key = ?", (order.key,)
