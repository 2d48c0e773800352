"""What was logged while the versions were trained, curve over curve."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from diptych import display
from diptych.domain import directions
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Plain, Series
from diptych.domain.rules import Rules
from diptych.domain.sheet import Cell, Chart, Clause, Column, Line, Row, Sheet, Status
from diptych.job import Job, Tick

_COLUMNS = (
    Column("points_left", "points A", format="count"),
    Column("points_right", "points B", format="count"),
    Column("best_left", "best A", format="g4"),
    Column("best_right", "best B", format="g4"),
)
_TOKENS = "num_input_tokens_seen"
_FIRST = ("loss", "eval_loss", "learning_rate", "grad_norm")


class Curves:
    """Series of both versions, paired by name and drawn over a common axis of steps."""

    key = "curves"
    title = "Curves"
    heavy = True

    def compare(self, left: Dossier, right: Dossier, rules: Rules) -> Job[Sheet]:
        """A row and a chart for each name; values are what was logged, never interpolated."""
        ours, theirs = _by_name(left.series), _by_name(right.series)
        said = _directions(left, right)
        tokens = _tokens(ours), _tokens(theirs)
        names = sorted(ours.keys() | theirs.keys(), key=_order)
        rows, charts = [], []
        for place, name in enumerate(names):
            yield Tick("Comparing curves", place, len(names), "curves")
            a, b = ours.get(name), theirs.get(name)
            rows.append(_row(name, a, b, said.get(name, directions.known(name)), rules.ignores(name)))
            charts.append(_chart(name, (a, b), tokens))
        yield Tick("Comparing curves", len(names), len(names), "curves")
        notes = [f"no curve of {side} is known" for side, mine in (("A", ours), ("B", theirs)) if not mine and names]
        return Sheet(
            self.key, self.title, self.key, tuple(rows), _COLUMNS, tuple(charts), clauses=tuple(ends(rows)),
            notes=tuple(notes),
        )  # fmt: skip


def _by_name(series: Iterable[Series]) -> dict[str, Series]:
    """One series for each name: the one that reaches farthest, since later records repeat earlier ones."""
    found: dict[str, Series] = {}
    for each in series:
        known = found.get(each.name)
        if known is None or len(each.steps) > len(known.steps):
            found[each.name] = each
    return found


def _order(name: str) -> tuple[int, str]:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST), name


def _directions(left: Dossier, right: Dossier) -> dict[str, bool]:
    """Whether higher is better, for the names of curves of which a record says so."""
    said: dict[str, set[bool]] = {}
    for metric in (*left.metrics, *right.metrics):
        if metric.higher_is_better is not None:
            said.setdefault(metric.key, set()).add(metric.higher_is_better)
    return {name: words.pop() for name, words in said.items() if len(words) == 1}


def _row(name: str, left: Series | None, right: Series | None, higher: bool | None, ignored: bool) -> Row:
    values: dict[str, Plain] = {}
    for side, series in (("left", left), ("right", right)):
        values[f"points_{side}"] = len(series.steps) if series else None
        values[f"last_step_{side}"] = series.steps[-1] if series and series.steps else None
        values[f"best_{side}"] = _best(series, higher)
    status, note = _status(left, right)
    notes = [note, *(f"{side}: {each.note}" for side, each in (("A", left), ("B", right)) if each and each.note)]
    return Row(
        name, status, _cell(left), _cell(right), display.visible(name), change=_change(left, right),
        note="; ".join(display.visible(text) for text in notes if text), ignored=ignored and status is not Status.SAME,
        values=values,
    )  # fmt: skip


def _best(series: Series | None, higher: bool | None) -> float | None:
    finite = [value for value in series.values if math.isfinite(value)] if series else []
    if higher is None or not finite:
        return None
    return max(finite) if higher else min(finite)


def _cell(series: Series | None) -> Cell | None:
    if series is None:
        return None
    if not series.values:
        return Cell("no points", None, series.source)
    return Cell(display.number(series.values[-1]), series.values[-1], series.source)


def _change(left: Series | None, right: Series | None) -> str:
    if not (left and right and left.values and right.values):
        return ""
    delta = right.values[-1] - left.values[-1]
    return display.signed(delta) if math.isfinite(delta) and delta else ""


def _status(left: Series | None, right: Series | None) -> tuple[Status, str]:
    if right is None:
        return Status.LEFT_ONLY, ""
    if left is None:
        return Status.RIGHT_ONLY, ""
    common = min(len(left.steps), len(right.steps))
    apart = _first_difference(left, right, common)
    if apart is None and len(left.steps) == len(right.steps):
        return Status.SAME, ""
    if apart is None and common:
        longer, side = (left, "A") if len(left.steps) > common else (right, "B")
        start, end = display.number(left.steps[common - 1]), display.number(longer.steps[-1])
        return Status.DIFFERS, f"equal up to step {start}; {side} goes on to step {end}"
    if apart:
        return Status.DIFFERS, f"equal up to step {display.number(left.steps[apart - 1])}"
    return Status.DIFFERS, ""


def _first_difference(left: Series, right: Series, common: int) -> int | None:
    for place in range(common):
        if _apart(left.steps[place], right.steps[place]) or _apart(left.values[place], right.values[place]):
            return place
    return None


def _apart(left: float, right: float) -> bool:
    return left != right and not (math.isnan(left) and math.isnan(right))


def _tokens(series: Mapping[str, Series]) -> Mapping[float, float]:
    """How many tokens were seen by each step, where that was logged."""
    seen = series.get(_TOKENS)
    return dict(zip(seen.steps, seen.values, strict=True)) if seen else {}


def _axes(series: Series, tokens: Mapping[float, float]) -> Iterator[tuple[str, tuple[float, ...]]]:
    """The places of the points of a curve by epochs and by tokens, where they are known and never run backwards."""
    counts = tuple(tokens[step] for step in series.steps if step in tokens) if tokens else ()
    for key, places in (("epoch", series.epochs), ("tokens", counts)):
        if len(places) == len(series.steps) and all(map(operator.le, places, islice(places, 1, None))):
            yield key, places


def _chart(name: str, pair: tuple[Series | None, Series | None], tokens: Sequence[Mapping[float, float]]) -> Chart:
    lines = [
        Line(side, series.steps, series.values, label, dict(_axes(series, counts)))
        for side, label, series, counts in zip(("left", "right"), "AB", pair, tokens, strict=True)
        if series
    ]
    gaps = sum(not math.isfinite(value) for line in lines for value in line.y)
    note = f"{display.plural(gaps, 'value')} not finite, drawn as gaps" if gaps else ""
    return Chart(name, display.visible(name), "step", tuple(lines), note)


def ends(rows: Iterable[Row]) -> list[Clause]:
    """Where the losses end on either side."""
    found = []
    for row in rows:
        if row.key in ("loss", "eval_loss") and row.status is Status.DIFFERS and row.left and row.right:
            text = f"{row.label} ends at {row.left.text} in A and {row.right.text} in B"
            found.append(Clause(text, "curves", row.key, 1))
    return found
