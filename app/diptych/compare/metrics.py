"""Results of evaluations: both values, their difference, and whether it says anything.

The interval of a difference is the unpaired one, Δ ± 1.96·√(sA² + sB²) for standard errors sA and sB. Answers to the
same questions are correlated, so it is wider than a paired test would make it: it calls fewer differences clear.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from diptych import display
from diptych.compare.conditions import mismatch
from diptych.domain import directions
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Metric, Plain
from diptych.domain.rules import Rules
from diptych.domain.sheet import Cell, Clause, Column, Row, Sheet, Status
from diptych.job import Job, Tick

_NORMAL_95 = 1.96

_FEWEST = 5
"""Items below which no normal interval holds: two of two against none of two proves nothing."""

_COLUMNS = (
    Column("n", "n", format="count"),
    Column("stderr_left", "stderr A", format="g3"),
    Column("stderr_right", "stderr B", format="g3"),
    Column("interval", "95 % interval of Δ", numeric=False),
    Column("verdict", "verdict", numeric=False),
)


class Metrics:
    """Numbers that evaluations gave, paired by task, metric and filter."""

    key = "metrics"
    title = "Metrics"
    heavy = False

    def compare(self, left: Dossier, right: Dossier, rules: Rules) -> Job[Sheet]:
        """A row for each metric of either side; no verdict without a direction and an uncertainty."""
        yield Tick("Comparing metrics")
        ours, theirs = _newest(left.metrics), _newest(right.metrics)
        keys = sorted(ours.keys() | theirs.keys(), key=_order)
        rows = _on_common_axes([_row(key, ours.get(key), theirs.get(key), rules) for key in keys])
        notes = []
        if any(row.values.get("interval") for row in rows):
            notes.append("Intervals are unpaired estimates at 95 %: wider than a test on the same questions would give")
        return Sheet(self.key, self.title, self.key, tuple(rows), _COLUMNS, clauses=_clauses(rows), notes=tuple(notes))


def _newest(metrics: Iterable[Metric]) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for metric in metrics:
        known = found.get(metric.key)
        if known is None or _step(metric) >= _step(known):
            found[metric.key] = metric
    return found


def _step(metric: Metric) -> int:
    return -1 if metric.step is None else metric.step


def _order(key: str) -> tuple[bool, str]:
    return "/" not in key, key


@dataclass(frozen=True, slots=True)
class Difference:
    """B − A with its 95 % interval, and the word for it."""

    delta: float
    low: float | None
    high: float | None
    verdict: str
    """`better`, `worse`, `can't tell`, `no uncertainty known`, or empty where no direction is known."""


def difference(left: Metric, right: Metric) -> Difference:
    """How `right` stands against `left`, as far as their errors allow."""
    delta = right.value - left.value
    direction = _direction(left, right)
    error_left, error_right = stderr(left), stderr(right)
    if error_left is None or error_right is None or error_left == error_right == 0:
        return Difference(delta, None, None, "" if direction is None else "no uncertainty known")
    reach = _NORMAL_95 * math.hypot(error_left, error_right)
    verdict = ""
    if direction is not None:
        verdict = "can't tell" if abs(delta) <= reach else "better" if (delta > 0) == direction else "worse"
    return Difference(delta, delta - reach, delta + reach, verdict)


def stderr(metric: Metric) -> float | None:
    """The standard error of a value; None where it is unknown or rests on too few items.

    A proportion of exactly nought or one has no spread in the sample, which harnesses report as an error of nought.
    It then gets the error of Agresti and Coull, which adds two successes and two failures.
    """
    error, n = metric.stderr, metric.n
    if error is None or not math.isfinite(error) or error < 0 or (n is not None and n < _FEWEST):
        return None
    if error == 0 and n is not None and metric.value in (0, 1):
        share = (n * metric.value + 2) / (n + 4)
        return math.sqrt(share * (1 - share) / (n + 4))
    return error


def _direction(left: Metric, right: Metric) -> bool | None:
    """Whether higher is better, where a record says so and none contradicts it; else by the name."""
    said = {metric.higher_is_better for metric in (left, right)} - {None}
    if not said:
        return directions.known(left.name)
    return said.pop() if len(said) == 1 else None


def _row(key: str, left: Metric | None, right: Metric | None, rules: Rules) -> Row:
    metric = left or right
    assert metric is not None
    group = display.visible(metric.task) or "Run"
    label = display.visible(key.removeprefix(f"{metric.task}/") if metric.task else key)
    if left is None or right is None:
        return Row(
            key, Status.LEFT_ONLY if left else Status.RIGHT_ONLY, _cell(left), _cell(right), label, group,
            ignored=rules.ignores(key), values=_extra(left, right),
        )  # fmt: skip
    base = Row(key, Status.SAME, _cell(left), _cell(right), label, group, values=_extra(left, right))
    clash = mismatch(left.conditions, right.conditions)
    empty = [side for side, each in (("A", left), ("B", right)) if each.n == 0]
    if clash or empty:
        note = f"not comparable: {clash}" if clash else f"no item was scored for {' and '.join(empty)}"
        return replace(base, status=Status.NOT_COMPARABLE, note=note)
    if _equal(left.value, right.value, rules.tolerance):
        return base
    return replace(_changed(base, left, right), status=Status.DIFFERS, ignored=rules.ignores(key))


def _equal(left: float, right: float, tolerance: float) -> bool:
    if left == right or (math.isnan(left) and math.isnan(right)):
        return True
    delta = abs(left - right)
    return tolerance > 0 and math.isfinite(delta) and delta <= tolerance * max(abs(left), abs(right))


def _changed(row: Row, left: Metric, right: Metric) -> Row:
    found = difference(left, right)
    if not math.isfinite(found.delta):
        return replace(row, note="no difference: not finite")
    change = f"{display.signed(found.delta)} {found.verdict}".strip()
    notes = []
    if found.verdict in ("better", "worse", "can't tell"):
        notes.append("unpaired estimate")
    if _direction(left, right) is None:
        notes.append("not known whether higher is better")
    extra = dict(row.values)
    extra |= {"delta": found.delta, "ci_low": found.low, "ci_high": found.high, "verdict": found.verdict}
    if found.low is not None and found.high is not None:
        extra["interval"] = f"{display.signed(found.low)} … {display.signed(found.high)}"
    texts = display.number(left.value), display.number(right.value)
    if texts[0] == texts[1]:
        texts = repr(left.value), repr(right.value)
    cells = _cell(left, texts[0]), _cell(right, texts[1])
    return replace(row, left=cells[0], right=cells[1], change=change, note="; ".join(notes), values=extra)


def _cell(metric: Metric | None, text: str = "") -> Cell | None:
    return None if metric is None else Cell(text or display.number(metric.value), metric.value, metric.source)


def _extra(left: Metric | None, right: Metric | None) -> dict[str, Plain]:
    counts = [metric.n for metric in (left, right) if metric is not None]
    n: Plain = counts[0] if len(set(counts)) == 1 else " and ".join(str(count or "?") for count in counts)
    either = left or right
    assert either is not None
    direction = _direction(left or either, right or either)
    words = "" if direction is None else "higher is better" if direction else "lower is better"
    values: dict[str, Plain] = {"n": n, "direction": words, "verdict": ""}
    for side, metric in (("left", left), ("right", right)):
        values[f"stderr_{side}"] = metric.stderr if metric else None
        values[f"n_{side}"] = metric.n if metric else None
        values[f"step_{side}"] = metric.step if metric else None
    return values | {"delta": None, "ci_low": None, "ci_high": None, "interval": ""}


def _on_common_axes(rows: list[Row]) -> list[Row]:
    """Bars whose lengths compare: metrics of one name share the axis, which reaches the farthest end of an interval."""
    reach: dict[str, float] = {}
    for row in rows:
        ends = [abs(end) for name in ("delta", "ci_low", "ci_high") if isinstance(end := row.values.get(name), float)]
        family = row.label.partition(",")[0]
        reach[family] = max([reach.get(family, 0.0), *ends])
    return [_scaled(row, reach[row.label.partition(",")[0]]) for row in rows]


def _scaled(row: Row, axis: float) -> Row:
    delta = row.values.get("delta")
    if not isinstance(delta, float) or axis == 0:
        return row
    return replace(row, magnitude=delta / axis, values={**row.values, "axis": axis})


def _clauses(rows: list[Row]) -> tuple[Clause, ...]:
    found = []
    for word in ("worse", "better"):
        clear = [row for row in rows if row.values.get("verdict") == word and not row.ignored]
        clear.sort(key=lambda row: -abs(row.magnitude or 0))
        found += [Clause(_sentence(row, word), "metrics", row.key, 2) for row in clear[:3]]
        if len(clear) > 3:
            found.append(Clause(f"{len(clear) - 3} more metrics are {word}", "metrics", clear[3].key, 1))
    unclear = [row for row in rows if row.values.get("verdict") == "can't tell"]
    if unclear:
        text = f"{display.plural(len(unclear), 'metric')} within the noise: can't tell"
        found.append(Clause(text, "metrics", unclear[0].key, 1))
    apart = [row for row in rows if row.status is Status.NOT_COMPARABLE]
    if apart:
        text = (
            f"{display.plural(len(apart), 'metric')} not comparable: {apart[0].note.removeprefix('not comparable: ')}"
        )
        found.append(Clause(text, "metrics", apart[0].key, 1))
    return tuple(found)


def _sentence(row: Row, word: str) -> str:
    name = f"{row.group} {row.label}" if row.group != "Run" else row.label
    interval: Mapping[str, Plain] = row.values
    delta = row.values.get("delta")
    assert isinstance(delta, float)
    return f"{name} {display.signed(delta)}, {word} (95 % interval {interval['interval']})"
