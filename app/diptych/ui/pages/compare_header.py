"""The head of a comparison: what A is, what B is, how they are related; choosing other versions for either side."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from diptych import display
from diptych.domain.version import Version
from diptych.job import Job, Tick
from diptych.ui.context import Alert, Context
from diptych.ui.icons import icon
from diptych.ui.models.partners import Partner, called, partners, quoted
from diptych.ui.runner import Running
from diptych.ui.tokens import RAIL_ICON, Space
from diptych.ui.widgets.label import Elided, hairline, label
from diptych.ui.widgets.picker import Choice, Picker
from diptych.ui.widgets.sideheader import SideHeader
from diptych.workbench import Workbench

LEFT, RIGHT = "left", "right"
_CHOICES = 60


class Head(QWidget):
    """Two panels and the hinge between them."""

    chosen = Signal(str, object)
    """Side and the `Version`, path or reference that it shall show."""
    swap_asked = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme = context.theme
        self._context = context
        self.setProperty("role", "raised")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._versions: dict[str, Version] = {}
        self._picking = LEFT
        self._search: Running | None = None
        self.left = SideHeader(theme, "A", "●", "a")
        self.right = SideHeader(theme, "B", "■", "b")
        self.left.clicked.connect(lambda: self.pick(LEFT))
        self.right.clicked.connect(lambda: self.pick(RIGHT))
        self.left.dropped.connect(lambda path: self._choose(LEFT, path))
        self.right.dropped.connect(lambda path: self._choose(RIGHT, path))
        self.swap = QToolButton()
        self.swap.setIcon(icon("swap"))
        self.swap.setIconSize(QSize(RAIL_ICON, RAIL_ICON))
        self.swap.setAccessibleName("Swap A and B")
        self.swap.setToolTip("Swap A and B  x")
        self.swap.clicked.connect(self.swap_asked)
        self.relation = Elided()
        self.picker = Picker(theme, "Name, part of an id, or a query", self)
        self.picker.typed.connect(self._search_for)
        self.picker.picked.connect(self._picked)
        panels = QHBoxLayout()
        panels.setSpacing(0)
        panels.addWidget(self.left, 1)
        panels.addWidget(hairline(vertical=True))
        panels.addWidget(self.swap)
        panels.addWidget(hairline(vertical=True))
        panels.addWidget(self.right, 1)
        below = QHBoxLayout()
        below.setContentsMargins(Space.L, 3, Space.L, 3)
        below.addWidget(self.relation, 1)
        below.addWidget(label("change = B − A", "muted"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(panels)
        column.addWidget(hairline())
        column.addLayout(below)
        column.addWidget(hairline())

    def show_pair(self, left: Version, right: Version, relation: str) -> None:
        """Name the two sides and how they are related."""
        self._versions = {LEFT: left, RIGHT: right}
        for panel, version in ((self.left, left), (self.right, right)):
            panel.show_version(version.name, facts(version), whole(version))
        self.relation.set_text(relation[:1].upper() + relation[1:] if relation else "No known relation")

    def reread(self) -> None:
        """Look again what the catalog says of the two versions: ids become final, folders go offline."""
        known = {version.key: version for version in self._versions.values() if version.key}
        job = current(self._context.workbench, list(known))
        self._context.runner.start("Versions", job, done=self._renewed, quiet=True)

    def _renewed(self, versions: list[Version]) -> None:
        fresh = {version.key: version for version in versions}
        left, right = (fresh.get(self._versions[side].key, self._versions[side]) for side in (LEFT, RIGHT))
        self.show_pair(left, right, self.relation.text())

    def pick(self, side: str) -> None:
        """Open the list of versions for one side."""
        self._picking = side
        self.picker.open_below(self.left if side == LEFT else self.right)

    def step(self, side: str, by: int) -> None:
        """Go to the next (1) or previous (-1) checkpoint of the run on one side."""
        version = self._versions.get(side)
        if version is None or not version.key:
            return
        job = neighbour(self._context.workbench, version, by)
        self._picking = side
        self._context.runner.start("Next checkpoint", job, done=self._stepped, quiet=True)

    def _stepped(self, version: Version | None) -> None:
        if version is not None:
            self._choose(self._picking, version)
            return
        letter = "A" if self._picking == LEFT else "B"
        self._context.alerted.emit(Alert(f"{letter} has no further checkpoint in that direction.", done=False))

    def _search_for(self, text: str) -> None:
        if self._search is not None:
            self._search.cancel()
        job = choices(self._context.workbench, text, self._versions.get(self._picking))
        self._search = self._context.runner.start("Versions", job, done=self._found, failed=self._not_found, quiet=True)

    def _found(self, found: list[Choice]) -> None:
        if self.picker.isVisible():
            self.picker.show_choices(found)

    def _not_found(self, error: Exception) -> None:
        self.picker.show_choices([])

    def _picked(self, value: object) -> None:
        self._choose(self._picking, value)

    def _choose(self, side: str, value: object) -> None:
        self.chosen.emit(side, value)


def facts(version: Version) -> str:
    """One line about a version, the most telling first."""
    step = f"step {version.step:,}" if version.step is not None else version.kind.value
    parts = [
        version.short_id,
        step,
        version.family,
        f"{display.count(version.parameters)} parameters" if version.parameters else "",
        version.dtype,
        display.size(version.bytes) if version.bytes else "",
        display.ago(version.created) if version.created else "",
    ]
    if version.state.value != "complete":
        parts.insert(0, version.state.value)
    return " · ".join(part for part in parts if part)


def whole(version: Version) -> str:
    """Everything the panel had to shorten."""
    lines = [version.name, version.id]
    if version.path is not None:
        lines.append(display.path(version.path))
    if version.created:
        lines.append(display.exact_time(version.created))
    return "\n".join(line for line in lines if line)


def choices(workbench: Workbench, text: str, beside: Version | None) -> Job[list[Choice]]:
    """Versions for a side: its neighbours and its base first, then what fits the text."""
    yield Tick("Looking for versions")
    found: list[Choice] = []
    if not text.strip() and beside is not None and beside.key:
        near: list[Partner] = yield from partners(workbench, beside)
        found = [Choice(partner.version.name, partner.reason, partner.version) for partner in near]
    path = Path(text.strip()).expanduser() if text.strip().startswith(("/", "~")) else None
    if workbench.is_elsewhere(text.strip()):
        return (yield from _elsewhere(workbench, text.strip()))
    if path is not None:
        return [Choice(display.path(path), "folder or file", path)] if path.exists() else []
    for version in called(workbench, text, _CHOICES):
        note = " · ".join(part for part in (version.short_id, display.ago(version.created or 0)) if part)
        found.append(Choice(version.name, note, version))
    return found


def _elsewhere(workbench: Workbench, text: str) -> Job[list[Choice]]:
    """What a remote shows, once its name or address ends with an @; else what was typed."""
    where, at, ref = text.rpartition("@")
    if not at or ref:
        return [Choice(text, "at a remote; only headers and small files are read", text)]
    found = yield from workbench.refs(where)
    return [Choice(f"{where}@{one.name}", one.kind, f"{where}@{one.name}") for one in found]


def current(workbench: Workbench, keys: list[int]) -> Job[list[Version]]:
    """The versions as the catalog has them now."""
    yield Tick("Reading versions")
    return workbench.versions(keys)


def neighbour(workbench: Workbench, version: Version, by: int) -> Job[Version | None]:
    """The next or the previous checkpoint of the same run; None beyond its ends."""
    yield Tick("Looking for the next checkpoint")
    run = workbench.page(f"model={quoted(version.model)}", "step", False, 2000)
    steps = [other for other in run if other.model == version.model and other.step is not None]
    keys = [other.key for other in steps]
    at = keys.index(version.key) + by if version.key in keys else -1
    return steps[at] if 0 <= at < len(steps) else None
