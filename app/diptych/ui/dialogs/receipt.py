"""Shows the receipt of a delivery: where it is, the remote's own names for it, every file with its digest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from diptych import display
from diptych.domain.receipts import receipt_as_plain
from diptych.domain.shipping import Standing, Verified
from diptych.errors import DiptychError
from diptych.job import Tick
from diptych.ui.context import Context
from diptych.ui.pages.pushing import opening
from diptych.ui.runner import Running
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import Elided, label
from diptych.ui.widgets.tallrows import TallRows

if TYPE_CHECKING:
    from diptych.catalog.shipments import Kept

_HEADS = ("File", "Size", "SHA-256", "Now")


class ReceiptDialog(QDialog):
    """The receipt as it was kept. Verify asks the remote again and puts beside each file how it stands."""

    opened = Signal()
    """Show the delivery where it is."""

    def __init__(
        self, context: Context, kept: Kept, verified: Verified | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._kept = kept
        self._running: Running | None = None
        theme = context.theme
        self.setWindowTitle(f"Receipt of {display.elide(display.visible(kept.version_name), 60)}")
        self.setMinimumSize(theme.px(760), theme.px(520))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.S)
        facts = QFormLayout()
        facts.setHorizontalSpacing(Space.L)
        facts.setVerticalSpacing(Space.XS)
        for name, value in _facts(kept):
            shown = label(value, selectable=True, wrap=True)
            shown.setAccessibleName(f"{name}: {display.visible(value)}")
            facts.addRow(label(name, "muted"), shown)
        layout.addLayout(facts)
        self.files = QTreeWidget()
        self.files.setAccessibleName("Files")
        self.files.setHeaderLabels(list(_HEADS))
        self.files.setRootIsDecorated(False)
        self.files.setUniformRowHeights(True)
        self.files.setItemDelegate(TallRows(theme, self.files))
        self.files.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        head = self.files.header()
        head.setStretchLastSection(False)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 90), (2, 180), (3, 150)):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            self.files.setColumnWidth(column, theme.px(width))
        layout.addWidget(self.files, 1)
        self.said = Elided()
        layout.addWidget(self.said)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self._verify = buttons.addButton("Verify", QDialogButtonBox.ButtonRole.ActionRole)
        self._verify.clicked.connect(self._ask)
        copy = buttons.addButton("Copy", QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(self._copy)
        if opening(kept):
            buttons.addButton(opening(kept), QDialogButtonBox.ButtonRole.ActionRole).clicked.connect(self.opened)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self._show(verified)

    def done(self, result: int) -> None:
        """Close; an answer that is still waited for is not needed any more."""
        if self._running is not None:
            self._running.cancel()
            self._running = None
        super().done(result)

    def _ask(self) -> None:
        job = self._context.workbench.verify(self._kept.receipt, self._kept.remote)
        self._verify.setEnabled(False)
        self._running = self._context.runner.start(
            "Verify a delivery", job, self._verified, self._failed, self._ticked, quiet=True
        )

    def _ticked(self, tick: Tick) -> None:
        self.said.set_text(tick.text)

    def _verified(self, verified: Verified) -> None:
        self._running = None
        self._verify.setEnabled(True)
        self._show(verified)

    def _failed(self, error: Exception) -> None:
        self._running = None
        self._verify.setEnabled(True)
        if isinstance(error, DiptychError):
            self.said.set_text(". ".join(part for part in (error.message, error.hint) if part))
        else:
            self._context.fail(error)
            self.reject()

    def _show(self, verified: Verified | None) -> None:
        """Show every file, and how it stands where that is known."""
        receipt = self._kept.receipt
        standings = {name: (standing, found) for name, standing, found in verified.files} if verified else {}
        rows = [(file.name, display.size(file.bytes), file.sha256) for file in receipt.files]
        delivered = {file.name for file in receipt.files}
        rows += [(name, "", "") for name in standings if name not in delivered]
        self.files.clear()
        for name, size, sha256 in sorted(rows, key=lambda row: (_is_same(standings, row[0]), row[0])):
            standing, found = standings.get(name, ("", ""))
            item = QTreeWidgetItem([display.visible(name), size, sha256, str(standing)])
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setFont(2, self._context.theme.code())
            for column, text in ((0, item.text(0)), (2, sha256), (3, display.visible(found))):
                item.setToolTip(column, text.replace("<", "\u2039").replace(">", "\u203a"))
            self.files.addTopLevelItem(item)
        self.said.set_text(f"{verified}, looked at just now" if verified else "")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(json.dumps(receipt_as_plain(self._kept.receipt), indent=1))


def _is_same(standings: dict[str, tuple[Standing, str]], name: str) -> bool:
    """Whether a file is as it was delivered, or was not looked at; those that are not come first."""
    return name not in standings or standings[name][0] is Standing.SAME


def _facts(kept: Kept) -> Iterator[tuple[str, str]]:
    receipt = kept.receipt
    yield "Where", f"{receipt.target} · {kept.remote}"
    yield "Named", receipt.reference
    for name, value in receipt.ids.items():
        if value and value != receipt.reference:
            yield name.replace("_", " ").capitalize(), value
    yield "When", f"{display.exact_time(receipt.finished)} · {display.duration(receipt.seconds)} · {kept}"
