"""The version of Qt's binding in use does not wear out None, True and False (6.12 does before Python 3.12)."""

from __future__ import annotations

import sys

from PySide6.QtCore import QAbstractListModel, QCoreApplication, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QApplication

CALLS = 2000
SLACK = 100
"""References that other code may take or drop meanwhile; the defect drops one a call."""


class Empty(QAbstractListModel):
    """A model whose cells say nothing."""

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 1

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        return None


def test_calls_into_qt_leave_the_singletons_alone(qapp: QApplication) -> None:
    model = Empty()
    index = model.index(0, 0)
    before = [sys.getrefcount(value) for value in (None, True, False)]
    for _ in range(CALLS):
        QCoreApplication.processEvents()
        index.data()
        model.blockSignals(model.blockSignals(True))
    after = [sys.getrefcount(value) for value in (None, True, False)]
    assert [abs(now - then) < SLACK for now, then in zip(after, before, strict=True)] == [True] * 3
