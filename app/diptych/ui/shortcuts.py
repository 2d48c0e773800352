"""The sheet of keys for the page in front."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from diptych.ui.actions import Bound
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label


class ShortcutSheet(QDialog):
    """Lists every action that has a key, by where it works."""

    def __init__(self, groups: Sequence[tuple[str, Sequence[Bound]]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.resize(460, 560)
        body = QWidget()
        grid = QGridLayout(body)
        grid.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        grid.setHorizontalSpacing(Space.XL)
        grid.setVerticalSpacing(Space.XS)
        grid.setColumnStretch(0, 1)
        line = 0
        for title, actions in groups:
            keyed = [action for action in actions if action.shortcuts()]
            if not keyed:
                continue
            grid.addWidget(label(title, "section"), line, 0, 1, 2)
            line += 1
            for action in keyed:
                keys = "   ".join(sequence.toString() for sequence in action.shortcuts())
                grid.addWidget(label(action.text().rstrip("…")), line, 0)
                grid.addWidget(label(keys, "muted"), line, 1, Qt.AlignmentFlag.AlignRight)
                line += 1
            grid.setRowMinimumHeight(line, Space.L)
            line += 1
        grid.setRowStretch(line, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setAccessibleName("Keys")
        scroll.setWidget(body)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(scroll)
