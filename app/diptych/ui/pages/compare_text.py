"""Rows and comparisons as text for the clipboard, whole and untruncated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from diptych.domain.sheet import Row, Sheet, Status
from diptych.domain.version import Version
from diptych.ui.context import Inspection

_SHOWN_WHOLE = 300


def tabbed(row: Row) -> str:
    """A row as name, A, B and change between tabs; values as they are, line breaks included."""
    left = row.left.text if row.left is not None else ""
    right = row.right.text if row.right is not None else ""
    return "\t".join((row.label or row.key, left, right, row.change))


def markdown(rows: Iterable[Row]) -> str:
    """Rows as a table in Markdown."""
    lines = ["| | A | B | change |", "| --- | --- | --- | --- |"]
    for row in rows:
        left = _escaped(row.left.text) if row.left is not None else "—"
        right = _escaped(row.right.text) if row.right is not None else "—"
        change = row.change or ("" if row.status is Status.DIFFERS else row.status.value)
        lines.append(f"| {_escaped(row.label or row.key)} | {left} | {right} | {_escaped(change)} |")
    return "\n".join(lines)


def report(left: Version, right: Version, relation: str, sheets: Mapping[str, Sheet]) -> str:
    """A comparison as Markdown: the verdict, then the differences of every section."""
    parts = [
        f"# {_escaped(left.name)} ⇄ {_escaped(right.name)}",
        f"A: {_escaped(left.name)} ({left.short_id})  \nB: {_escaped(right.name)} ({right.short_id})  \n"
        f"{_escaped(relation)}. change = B − A",
    ]
    for sheet in sheets.values():
        clauses = "\n".join(f"- {_escaped(clause.text)}" for clause in sheet.clauses)
        if sheet.key == "summary":
            parts.append(clauses)
        elif sheet.rows:
            differing = [row for row in sheet.rows if row.differs]
            table = f"\n\n{markdown(differing)}" if differing else ""
            parts.append(f"## {sheet.title}\n\n{sheet.counts}{table}")
    return "\n\n".join(part for part in parts if part) + "\n"


def inspection(row: Row) -> Inspection:
    """A row for the inspector: both values whole, and where each comes from."""
    sides = [("A", row.left), ("B", row.right)]
    short = [(name, cell) for name, cell in sides if cell is None or len(cell.text) <= _SHOWN_WHOLE]
    facts = [("Name", row.key)] if row.label and row.label != row.key else []
    facts += [(name, cell.text if cell is not None else "has none") for name, cell in short]
    facts.append(("Status", "differs, ignored by a rule" if row.ignored else row.status.value))
    facts += [(name, text) for name, text in (("Change (B − A)", row.change), ("Note", row.note)) if text]
    texts = tuple((name, cell.text) for name, cell in sides if cell is not None and len(cell.text) > _SHOWN_WHOLE)
    sources = [
        f"{name}: {cell.source.file} {cell.source.pointer}".strip()
        for name, cell in sides
        if cell is not None and cell.source is not None
    ]
    return Inspection(row.label or row.key, tuple(facts), "\n".join(sources), texts)


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line, within a table."""
    line = " ".join(text.split())
    for sign in ("\\", "`", "|", "*", "_", "[", "]", "<", ">", "#"):
        line = line.replace(sign, f"\\{sign}")
    return line
