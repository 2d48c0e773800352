"""A comparison as one HTML file: no script, nothing fetched, the same bytes for the same input."""

from __future__ import annotations

from collections.abc import Sequence

from diptych import __version__, display
from diptych.domain.dossier import Dossier
from diptych.domain.rules import Rules
from diptych.domain.sheet import Clause, Row, Sheet
from diptych.domain.version import Version
from diptych.reports.charts import charts
from diptych.reports.heat import heat
from diptych.reports.markup import SIDES, anchor, text
from diptych.reports.style import STYLE
from diptych.reports.tables import WordDiff, side_by_side, table

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_ANSWERS = 50
_PROMPT = 400


def comparison_html(
    left: Dossier,
    right: Dossier,
    sheets: Sequence[Sheet],
    rules: Rules | None = None,
    diff: WordDiff | None = None,
) -> str:
    """The finished sheets of a comparison as a page.

    `rules` are told in the footer, so that the comparison can be repeated; `diff` marks the changed words of outputs
    and long values, which are shown whole without it.
    """
    title = f"{text(left.version.name)} ⇄ {text(right.version.name)}"
    body = [sheet for sheet in sheets if sheet.key != "summary"]
    summary = next((sheet for sheet in sheets if sheet.key == "summary"), None)
    return "".join(
        (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta name="generator" content="Diptych {text(__version__)}">',
            f"<title>{title}</title><style>{STYLE}</style></head><body>",
            _header(left.version, right.version, summary),
            f"<main>{_verdict(summary)}{_contents(body)}",
            *(_section(sheet, diff) for sheet in body),
            f"</main>{_footer(left.version, right.version, rules or Rules())}</body></html>\n",
        )
    )


def _header(left: Version, right: Version, summary: Sheet | None) -> str:
    panels = "".join(
        f'<div class="side {side}"><div class="name"><span class="mark">{letter} {sign}</span>'
        f'{text(version.name)}</div><div class="facts">{_facts(version)}</div></div>'
        for (side, letter, sign), version in zip(SIDES, (left, right), strict=True)
    )
    relation = f'<p class="relation">{text("; ".join(summary.notes))}</p>' if summary and summary.notes else ""
    return f'<header><h1>Comparison of two versions</h1><div class="sides">{panels}</div>{relation}</header>'


def _facts(version: Version) -> str:
    facts = [
        f"<code>{text(version.short_id)}</code>",
        text(version.kind),
        f"step {version.step:,}" if version.step is not None else "",
        text(version.family),
        f"{display.count(version.parameters)} parameters" if version.parameters else "",
        text(version.dtype),
        display.size(version.bytes) if version.bytes else "",
        "" if version.state == "complete" else text(version.state),
    ]
    return " · ".join(fact for fact in facts if fact)


def _verdict(summary: Sheet | None) -> str:
    if summary is None or not summary.clauses:
        return ""
    return f'<ul class="verdict">{"".join(_clause(clause) for clause in summary.clauses)}</ul>'


def _clause(clause: Clause) -> str:
    return f'<li class="w{clause.weight}"><a href="#{anchor(clause.facet)}">{text(clause.text)}</a></li>'


def _contents(sheets: Sequence[Sheet]) -> str:
    links = "".join(
        f'<a href="#{anchor(sheet.key)}">{text(sheet.title)} <b>{sheet.differs:,}/{sheet.total:,}</b></a>'
        for sheet in sheets
    )
    return f"<nav>{links}</nav>"


def _section(sheet: Sheet, diff: WordDiff | None) -> str:
    notes = "".join(f'<p class="note">{text(note)}</p>' for note in sheet.notes)
    heading = f'<h2>{text(sheet.title)}</h2><span class="counts">{text(sheet.counts)}</span>'
    body = _answers(sheet, diff) if sheet.key == "outputs" else table(sheet, diff)
    picture = heat(sheet.grid) if sheet.grid is not None and sheet.grid.cells else ""
    return (
        f'<section id="{anchor(sheet.key)}"><div class="head">{heading}</div>{notes}{picture}'
        f"{charts(sheet.charts)}{body}</section>"
    )


def _answers(sheet: Sheet, diff: WordDiff | None) -> str:
    differing = [row for row in sheet.rows if row.differs]
    pairs = "".join(_answer(row, diff) for row in differing[:_ANSWERS])
    rest = len(differing) - _ANSWERS
    return pairs + (f'<p class="note">{rest:,} more differ</p>' if rest > 0 else "")


def _answer(row: Row, diff: WordDiff | None) -> str:
    asked, wanted, flip = (str(row.values.get(name) or "") for name in ("prompt", "target", "flip"))
    name = " ".join(part for part in (row.group, row.label or row.key) if part)
    facts = " · ".join(text(fact) for fact in (flip, row.note, str(row.status)) if fact)
    target = f'<div class="quiet">target: {text(display.elide(wanted, _PROMPT))}</div>' if wanted else ""
    above = (
        f'<div class="ask"><b>{text(name)}</b> <span class="quiet">{facts}</span>'
        f"<pre>{text(display.elide(asked, _PROMPT), True)}</pre>{target}</div>"
    )
    left, right = (str(cell.value) if cell else "" for cell in (row.left, row.right))
    return side_by_side(left, right, diff, above)


def _footer(left: Version, right: Version, rules: Rules) -> str:
    ids = " · ".join(f"{letter} <code>{text(version.id)}</code>" for letter, version in (("A", left), ("B", right)))
    ignored = ", ".join(text(pattern) for pattern in rules.ignored) or "nothing"
    tolerance = "numbers are compared exactly"
    if rules.tolerance:
        tolerance = f"numbers within a share of {display.number(rules.tolerance)} of each other count as equal"
    return (
        f"<footer><p>Diptych {text(__version__)} · {ids}</p>"
        f"<p>change is B against A · {tolerance} · intervals are 95 %, unpaired</p><p>ignored: {ignored}</p></footer>"
    )
