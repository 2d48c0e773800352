"""The columns of the library: what each says about a version and about a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from diptych import display
from diptych.domain.version import Kind, State, Version
from diptych.ui.models.summary import Summary, best
from diptych.ui.widgets.cells import EMPTY, Align, Cell

if TYPE_CHECKING:
    from diptych.ui.dialogs.columns import Choice

METRIC = "metric:"
PARAM = "param:"
METRICS_SHOWN = 4
METRIC_WIDTH = 104
_TIMINGS = ("runtime", "per_second", "flos", "epoch", "time", "steps")
"""Endings of metrics that say how fast something was, not how good."""

KIND_SYMBOLS = {Kind.MODEL: "cube", Kind.CHECKPOINT: "database", Kind.ADAPTER: "adapter", Kind.RECORD: "note"}
STATE_SYMBOLS = {
    State.COMPLETE: "check",
    State.PARTIAL: "partial",
    State.UNREAD: "file",
    State.NO_WEIGHTS: "file",
    State.OFFLINE: "offline",
    State.DAMAGED: "damaged",
}
STATE_WORDS = {State.UNREAD: "not opened", State.NO_WEIGHTS: "no weights"}
STATE_REASONS = {
    State.PARTIAL: "Still being written, or a part is missing.",
    State.UNREAD: "Hashed but not opened: its weights hold code, or no reader knows their format.",
    State.NO_WEIGHTS: "Known from records only: its weights are not on this machine.",
    State.OFFLINE: "Its files were here at an earlier scan and are not now.",
    State.DAMAGED: "A file breaks the rules of its format.",
}
RESCANNED = frozenset({State.PARTIAL, State.OFFLINE, State.DAMAGED})
"""States that another scan may find ended."""
_USUAL_FORMAT = "safetensors"
_UNITS = ((10**9, "B"), (10**6, "M"), (10**3, "K"))
ABSENT = Cell("–", Align.RIGHT, color="faint")


class Column(NamedTuple):
    """One column."""

    key: str
    title: str
    width: int
    """Device-independent pixels at the normal text size."""
    cell: Callable[[Version], Cell]
    group: Callable[[Summary], Cell] = lambda summary: EMPTY
    sort: str = ""
    """What the catalog sorts by; empty: this column does not sort."""
    align: Align = Align.LEFT
    tip: str = ""
    above: str = ""
    """What the title belongs to, said small above it: the task of a metric."""
    flat: bool = False
    """Sorting by it only makes sense across runs."""
    falls: bool = False
    """A first click on the header puts the highest first."""


def tone(version: Version) -> str:
    """The colour of a version's text: quiet where it cannot be relied on."""
    return "text" if version.state in (State.COMPLETE, State.PARTIAL) else "muted"


def metric_text(value: float) -> str:
    """A metric with at most four digits behind the point."""
    if value == 0 or not math.isfinite(value):
        return display.number(value)
    size = abs(value)
    if size < 0.001 or size >= 1e6:
        return f"{value:.2e}".replace("-", "−", 1) if value < 0 else f"{value:.2e}"
    digits = 4 if size < 1 else 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−", 1)


def short_number(value: float) -> str:
    """A number with three digits, for where there is no room for more: `1.23e5`."""
    if value == 0 or not math.isfinite(value):
        return display.number(value)
    mantissa, _, exponent = f"{abs(value):.2e}".partition("e")
    if -3 <= int(exponent) <= 2:
        return display.number(value, 3)
    plain = mantissa.rstrip("0").rstrip(".")
    return f"{'−' if value < 0 else ''}{plain}e{int(exponent)}"


def metric_cell(value: float, color: str = "text", bold: bool = False, curve: tuple[float, ...] = ()) -> Cell:
    """A metric at the decimal point; what is no number is said quietly."""
    if not math.isfinite(value):
        return Cell(metric_text(value), Align.RIGHT, "muted", curve=curve)
    return Cell(metric_text(value), Align.POINT, color, bold=bold, curve=curve, shorter=(short_number(value),))


def state_word(state: State) -> str:
    """A state in as few words as a cell has room for."""
    return STATE_WORDS.get(state, state.value)


def _state(version: Version) -> Cell:
    if version.state is State.COMPLETE:
        return Cell(version.kind.value, color="muted", symbol=KIND_SYMBOLS[version.kind])
    color = "danger" if version.state is State.DAMAGED else "muted"
    return Cell(state_word(version.state), color=color, symbol=STATE_SYMBOLS[version.state])


def _group_state(summary: Summary) -> Cell:
    if not summary.states:
        return EMPTY
    state = max(summary.states, key=lambda state: list(State).index(state))
    color = "danger" if state is State.DAMAGED else "muted"
    return Cell(f"{summary.states[state]} {state_word(state)}", color=color, symbol=STATE_SYMBOLS[state])


def _step(version: Version) -> Cell:
    return Cell(step_text(version.step), Align.RIGHT, tone(version)) if version.step is not None else ABSENT


def step_text(step: int) -> str:
    """A step as it fits a column: exact below ten million."""
    return f"{step:,}" if abs(step) < 10_000_000 else display.count(step)


def _group_step(summary: Summary) -> Cell:
    if summary.first_step is None or summary.last_step is None:
        return EMPTY
    span = step_text(summary.last_step)
    shorter: tuple[str, ...] = ()
    if summary.first_step != summary.last_step:
        span = f"{step_text(summary.first_step)}–{span}"
        shorter = (span_text(summary.first_step, summary.last_step),)
    return Cell(span, Align.RIGHT, "muted", shorter=shorter)


def span_text(first: int, last: int) -> str:
    """Two steps in one unit, as short as can be: `0.5–20 K`."""
    size, unit = next(((size, unit) for size, unit in _UNITS if abs(last) >= size), (1, ""))
    return f"{first / size:.3g}–{last / size:.3g} {unit}".strip()


def _format(format_: str, dtype: str) -> str:
    """The dtype; the format is named where it is not the usual one."""
    named = "" if dtype and format_ == _USUAL_FORMAT else format_
    return " · ".join(part for part in (display.visible(named), display.visible(dtype)) if part)


def _parameters(version: Version) -> Cell:
    if version.parameters is None:
        return ABSENT
    return Cell(display.count(version.parameters), Align.RIGHT, tone(version))


def _size(version: Version) -> Cell:
    return Cell(display.size(version.bytes), Align.RIGHT, tone(version)) if version.bytes else ABSENT


def _base(version: Version) -> Cell:
    return Cell(base_text(version.base.name), color="muted") if version.base else EMPTY


def base_text(name: str) -> str:
    """A declared parent, short: the last two parts of a path, a Hub name whole."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return display.visible("/".join(parts[-2:]) or name)


def _when(moment: float | None, color: str = "muted") -> Cell:
    return Cell(display.ago(moment), color=color) if moment is not None else EMPTY


def _common(name: str, align: Align = Align.LEFT) -> Callable[[Summary], Cell]:
    def cell(summary: Summary) -> Cell:
        text = summary.common.get(name, "")
        if name == "base":
            text = base_text(text) if text else ""
        if name == "parameters" and text:
            text = display.count(int(text))
        return Cell(display.visible(text), align, "muted")

    return cell


def _group_format(summary: Summary) -> Cell:
    return Cell(_format(summary.common.get("format", ""), summary.common.get("dtype", "")), color="muted")


def _group_size(summary: Summary) -> Cell:
    return Cell(display.size(summary.bytes), Align.RIGHT, "muted") if summary.bytes else EMPTY


FIXED: tuple[Column, ...] = (
    Column("step", "Step", 80, _step, _group_step, "step", Align.RIGHT, falls=True),
    Column("state", "State", 116, _state, _group_state, "state"),
    Column("base", "Base", 112, _base, _common("base"), "base"),
    Column("format", "Dtype", 72, lambda v: Cell(_format(v.format, v.dtype), color=tone(v)), _group_format, "format",
           tip="The dtype that holds most elements, and the format where it is not safetensors"),
    Column("parameters", "Params", 72, _parameters, _common("parameters", Align.RIGHT), "parameters", Align.RIGHT,
           tip="Number of parameters", falls=True),
    Column("size", "Size", 80, _size, _group_size, "bytes", Align.RIGHT, tip="Size of the weight files", falls=True),
    Column("tags", "Tags", 128, lambda v: Cell(" ".join(sorted(v.tags)), chips=tuple(map(display.visible,
           sorted(v.tags))))),
    Column("stars", "Stars", 88, lambda v: Cell(f"{v.stars} of 5 stars" if v.stars else "", stars=v.stars),
           sort="stars", falls=True),
    Column("created", "Created", 104, lambda v: _when(v.created), lambda s: _when(s.created), "created", falls=True),
    Column("id", "Id", 88, lambda v: Cell(v.short_id, color="muted", code=True), sort=""),
    Column("family", "Family", 88, lambda v: Cell(display.visible(v.family), color=tone(v)), sort="family"),
    Column("note", "Note", 160, lambda v: Cell(display.visible(v.note), color="muted")),
    Column("path", "Path", 240, lambda v: Cell(display.path(v.path) if v.path else "", color="muted"), sort="path"),
)  # fmt: skip
SHOWN = ("step", "parameters", "size", "format", "base", "created")
"""What is shown until the user chooses; the most common metrics stand behind the step."""
_GIVES_WAY = ("format", "base", "parameters")
"""Of those, what gives way first where there is no room; then metrics but one, the step and the time."""


def metric_column(name: str) -> Column:
    """The column of one metric."""

    def cell(version: Version) -> Cell:
        value = version.metrics.get(name)
        return metric_cell(value, tone(version)) if value is not None else ABSENT

    def group(summary: Summary) -> Cell:
        values = summary.metrics.get(name, ())
        top = best(name, values)
        curve = values if len(values) > 1 else ()
        return metric_cell(top, bold=True, curve=curve) if top is not None else Cell("", Align.POINT, curve=curve)

    task, _, title = display.visible(metric_title(name)).rpartition("/")
    return Column(METRIC + name, title, METRIC_WIDTH, cell, group, name, Align.POINT, display.visible(name), task,
                  flat=True, falls=True)  # fmt: skip


def metric_title(name: str) -> str:
    """A metric's key without the filter that says nothing."""
    return name.removesuffix(",none")


def param_column(name: str) -> Column:
    """The column of one hyperparameter."""

    def cell(version: Version) -> Cell:
        if name not in version.hyperparameters:
            return ABSENT
        value = version.hyperparameters[name]
        if isinstance(value, bool) or value is None:
            return Cell("null" if value is None else str(value).lower(), Align.RIGHT, tone(version))
        if isinstance(value, (int, float)):
            return Cell(display.number(value), Align.RIGHT, tone(version), shorter=(short_number(value),))
        return Cell(display.visible(str(value)), Align.RIGHT, tone(version))

    above, _, last = display.visible(name).rpartition(".")
    return Column(PARAM + name, last, 112, cell, sort=name, align=Align.RIGHT, tip=display.visible(name), above=above,
                  flat=True, falls=True)  # fmt: skip


def column(key: str) -> Column | None:
    """The column called `key`; None where there is none of that name."""
    if key.startswith(METRIC):
        return metric_column(key.removeprefix(METRIC))
    if key.startswith(PARAM):
        return param_column(key.removeprefix(PARAM))
    return next((fixed for fixed in FIXED if fixed.key == key), None)


def columns(keys: Iterable[str]) -> tuple[Column, ...]:
    """The columns called so, each once; unknown names are left out."""
    found = {key: made for key in keys if (made := column(key)) is not None}
    return tuple(found.values())


def usual(metrics: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    """The columns to begin with: the most common metrics, each task once before any comes twice."""
    good = [name for name, _ in metrics if not name.partition(",")[0].endswith(_TIMINGS)]
    firsts = {name.rpartition("/")[0]: name for name in reversed(good)}
    order = [name for name in good if name in firsts.values()] + [n for n in good if n not in firsts.values()]
    chosen = tuple(METRIC + name for name in order[:METRICS_SHOWN])
    return (*SHOWN[:1], *chosen, *SHOWN[1:])


def giving_way(keys: Sequence[str]) -> tuple[str, ...]:
    """Those of the usual columns that may be hidden for want of room, the first to go first. The size always stays."""
    metrics = [key for key in keys if key.startswith(METRIC)]
    order = (*_GIVES_WAY[:2], *metrics[:2:-1], *_GIVES_WAY[2:], *metrics[2:0:-1], "created", "step")
    return tuple(key for key in order if key in keys)


def choices(metrics: Sequence[tuple[str, int]], hyperparameters: Sequence[tuple[str, int]]) -> list[Choice]:
    """Every column there is, for choosing: facts first, then metrics and hyperparameters by how many have them."""
    from diptych.ui.dialogs.columns import Choice  # a window starts without its dialogs

    found = [Choice(fixed.key, fixed.title, fixed.tip) for fixed in FIXED]
    for beginning, noun, counted in ((METRIC, "metric", metrics), (PARAM, "hyperparameter", hyperparameters)):
        for name, count in counted:
            note = f"{noun} of {display.plural(count, 'version')}"
            found.append(Choice(beginning + name, display.visible(metric_title(name)), note))
    return found
