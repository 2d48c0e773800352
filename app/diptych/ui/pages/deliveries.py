"""What was brought elsewhere: pushes that were broken off, and receipts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from diptych import display
from diptych.job import Job, Tick
from diptych.ui.context import Context
from diptych.ui.icons import icon
from diptych.ui.pages.pushing import Pushes, opening
from diptych.ui.runner import Running
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import Elided, hairline, label

if TYPE_CHECKING:
    from diptych.catalog.shipments import Kept, Shipments, Underway

_MOST_SHOWN = 50


class Deliveries(QWidget):
    """Unfinished pushes with Resume and Give up, then receipts to show, verify, copy and open."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._pushes = Pushes(context, self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, Space.XL, 0, 0)
        self._column.setSpacing(Space.S)
        self._body: QWidget | None = None
        self._reading: Running | None = None
        context.delivered.connect(self.read)

    def read(self) -> None:
        """Read what the catalog knows, in a worker, and show it."""
        if self._reading is not None:
            self._reading.cancel()
        job = _known(self._context.workbench.shipments)
        self._reading = self._context.runner.start("Read deliveries", job, self._show, quiet=True)

    def _show(self, found: tuple[Sequence[Underway], Sequence[Kept]]) -> None:
        self._reading = None
        begun, kept = found
        running = {job.title for job in self._context.runner.active}
        underway = [one for one in begun if f"Push {one.version_name} to {one.remote}" not in running]
        if self._body is not None:
            self._body.deleteLater()
        self._body = QWidget()
        column = QVBoxLayout(self._body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        if underway:
            self._section(column, "Not finished", [self._underway(one) for one in underway])
        if kept:
            self._section(column, "Deliveries", [self._receipt(one) for one in kept])
        self._column.addWidget(self._body)
        self.setVisible(bool(underway or kept))

    def _section(self, column: QVBoxLayout, title: str, rows: list[list[QWidget]]) -> None:
        column.addWidget(label(title, "section"))
        column.addWidget(hairline())
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.L)
        grid.setVerticalSpacing(Space.XS)
        grid.setColumnStretch(0, 2)
        grid.setColumnStretch(1, 3)
        for number, widgets in enumerate(rows):
            for place, widget in enumerate(widgets):
                grid.addWidget(widget, number, place)
        column.addLayout(grid)
        column.addSpacing(Space.L)

    def _underway(self, one: Underway) -> list[QWidget]:
        return [
            Elided(one.version_name),
            Elided(f"{one.remote} · {one.address}"),
            label(display.ago(one.started), "muted"),
            _buttons(
                ("play", "Resume", lambda: self._resume(one)),
                ("remove", "Give up, and have the remote forget what arrived", lambda: self._give_up(one)),
                texts=("Resume", "Give up"),
            ),
        ]  # fmt: skip

    def _receipt(self, one: Kept) -> list[QWidget]:
        when = label(display.ago(one.receipt.finished), "muted")
        when.setToolTip(f"{display.exact_time(one.receipt.finished)} · receipt {one.id}")
        acts: list[tuple[str, str, Callable[[], object]]] = [
            ("info", "Show the receipt", lambda: self._pushes.show(one)),
            ("refresh", "Verify that it is still as delivered", lambda: self._pushes.verify(one)),
            ("copy", "Copy what names it there", lambda: _copy(one)),
        ]
        if one.receipt.url:
            acts.append(("web", opening(one), lambda: self._pushes.open(one)))
        return [Elided(one.version_name), Elided(one.receipt.target), when, _buttons(*acts)]

    def _resume(self, one: Underway) -> None:
        self._pushes.resume(one)
        self.read()

    def _give_up(self, one: Underway) -> None:
        title = f"Give up the push of {one.version_name} to {one.remote}"
        self._context.runner.start(title, self._context.workbench.give_up_push(one), lambda _none: self.read())


def _buttons(*acts: tuple[str, str, Callable[[], object]], texts: Sequence[str] = ()) -> QWidget:
    """A row of buttons: symbol, what it does, and what is done; with `texts`, these stand beside the symbols."""
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(0)
    for place, (symbol, text, do) in enumerate(acts):
        button = QToolButton()
        if texts:
            button.setText(texts[place])
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIcon(icon(symbol))
        button.setToolTip(text)
        button.setAccessibleName(text)
        button.clicked.connect(do)
        line.addWidget(button)
    line.addStretch(1)
    return row


def _known(shipments: Shipments) -> Job[tuple[Sequence[Underway], Sequence[Kept]]]:
    yield Tick("Reading deliveries")
    return shipments.underway(), shipments.receipts(limit=_MOST_SHOWN)


def _copy(one: Kept) -> None:
    QGuiApplication.clipboard().setText(f"{one.receipt.address} {one.receipt.reference}")
