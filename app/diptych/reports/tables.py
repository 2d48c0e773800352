"""The differing rows of a sheet as a table; what is the same is a count."""

from __future__ import annotations

from collections.abc import Callable

from diptych import display
from diptych.domain.sheet import Cell, Column, Row, Sheet, Spans, Status
from diptych.reports.markup import LONG, number, source, text

MOST_ROWS = 500
"""A report is read by people; beyond this the rest of a section is a count."""

WordDiff = Callable[[str, str], Spans]


def table(sheet: Sheet, diff: WordDiff | None) -> str:
    """Key, A, B and change of every row that differs, and the sheet's own columns."""
    rows = [row for row in sheet.rows if row.differs]
    if not rows:
        return ""
    shown = rows[:MOST_ROWS]
    columns = [column for column in sheet.columns if any(_told(row, column.key) for row in shown)]
    heads = "".join(f'<th class="{"n" if each.numeric else ""}">{text(each.title)}</th>' for each in columns)
    parts = [
        "<table><thead><tr><th>name</th>",
        '<th><span class="of-a">● A</span></th><th><span class="of-b">■ B</span></th>',
        f"<th>change, B against A</th>{heads}</tr></thead><tbody>",
    ]
    group = ""
    for row in shown:
        if row.group != group:
            group = row.group
            parts.append(f'<tr class="group"><th colspan="{4 + len(columns)}">{text(group)}</th></tr>')
        parts.append(_row(row, columns, diff))
    parts.append("</tbody></table>")
    if len(rows) > len(shown):
        parts.append(f'<p class="note">{len(rows) - len(shown):,} more differ</p>')
    return "".join(parts)


def _present(value: object) -> bool:
    return value is not None and value != ""


def _told(row: Row, key: str) -> bool:
    """Whether a value says more than the words of the change do."""
    value = row.values.get(key)
    return _present(value) and not (isinstance(value, str) and value in row.change)


def _row(row: Row, columns: list[Column], diff: WordDiff | None) -> str:
    marks = '<span class="tag">derived</span>' if row.derived else ""
    note = f'<span class="note">{text(row.note)}</span>' if row.note else ""
    sign = f'<span class="sign" title="{text(str(row.status))}">{row.status.symbol}</span>'
    inner = _folded(row, diff)
    values = f'<td class="val" colspan="2">{inner}</td>' if inner else _values(row)
    extra = "".join(_extra(row, column) for column in columns)
    return (
        f'<tr><td class="key">{sign}{text(row.label or row.key)}{marks}{note}</td>{values}'
        f"<td>{bar(row)}{text(row.change or _only(row))}</td>{extra}</tr>{_tree(row, 4 + len(columns))}"
    )


def _only(row: Row) -> str:
    return {Status.LEFT_ONLY: "only in A", Status.RIGHT_ONLY: "only in B"}.get(row.status, "")


def _values(row: Row) -> str:
    return _value(row.left, "a") + _value(row.right, "b")


def _value(cell: Cell | None, side: str) -> str:
    if cell is None:
        return '<td class="val gone">—</td>'
    return f'<td class="val {side}"{source(cell)}>{text(cell.text)}</td>'


def _folded(row: Row, diff: WordDiff | None) -> str:
    """Long values, word by word, behind a line that says what they are; empty for short ones."""
    cells = row.left, row.right
    if all(cell is None or len(cell.text) <= LONG for cell in cells):
        return ""
    left, right = (_plain(cell) for cell in cells)
    head = display.elide((right or left).replace("\n", " "), LONG // 2)
    return f"<details><summary>{text(head)}</summary>{side_by_side(left, right, diff)}</details>"


def _plain(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return cell.value if isinstance(cell.value, str) else cell.text


def side_by_side(left: str, right: str, diff: WordDiff | None, above: str = "") -> str:
    """Two texts in two panes, changed words marked where there is something to mark them with."""
    marked = [text(left, True), text(right, True)]
    if diff is not None and left and right:
        spans = diff(left, right)
        marked = [
            "".join(f"<mark>{text(span.text, True)}</mark>" if span.changed else text(span.text, True) for span in side)
            for side in (spans.left, spans.right)
        ]
    panes = "".join(
        f'<div class="text {side}"><span class="mark">{sign}</span><pre>{body}</pre></div>'
        for side, sign, body in (("a", "● A", marked[0]), ("b", "■ B", marked[1]))
    )
    return f'<div class="pair">{above}{panes}</div>'


def _extra(row: Row, column: Column) -> str:
    value = row.values.get(column.key)
    shown = ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        shown = number(value, column.format)
    elif _present(value):
        shown = str(value)
    return f'<td class="{"n" if column.numeric else ""}">{text(shown)}</td>'


def _tree(row: Row, width: int) -> str:
    differing = [inner for inner in row.tree if inner.status is not Status.SAME][:MOST_ROWS]
    return "".join(
        f'<tr><td class="key"><span class="sign"></span><span class="quiet">{text(inner.label or inner.key)}</span>'
        f'</td>{_values(inner)}<td colspan="{width - 3}">{text(inner.change or _only(inner))}</td></tr>'
        for inner in differing
    )


def bar(row: Row) -> str:
    """The size of the change: from the middle for what goes up and down, with its interval where there is one."""
    if row.magnitude is None:
        return ""
    width = 56
    middle, reach = width / 2, width / 2 - 1
    start, end = sorted((middle, middle + max(-1.0, min(1.0, row.magnitude)) * reach))
    whisker = ""
    low, high, axis = (row.values.get(name) for name in ("ci_low", "ci_high", "axis"))
    if isinstance(low, float) and isinstance(high, float) and isinstance(axis, float) and axis > 0:
        ends = [middle + max(-1.0, min(1.0, end / axis)) * reach for end in (low, high)]
        whisker = f'<path d="M{ends[0]:.1f} 6H{ends[1]:.1f}" stroke="currentColor" stroke-width="1.5"/>'
    return (
        f'<svg class="bar" width="{width}" height="12" aria-hidden="true">'
        f'<path d="M{middle} 0V12" stroke="var(--line)"/>'
        f'<rect x="{start:.1f}" y="3" width="{end - start:.1f}" height="6" fill="var(--quiet)" opacity=".55"/>'
        f"{whisker}</svg>"
    )
