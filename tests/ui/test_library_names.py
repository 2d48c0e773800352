"""Nothing that can take the focus is without a name for screen readers: pages and dialogs of the library."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from diptych.ui.context import Context
from diptych.ui.dialogs.columns import Choice, ColumnsDialog
from diptych.ui.dialogs.note import NoteDialog
from diptych.ui.dialogs.tags import TagsDialog
from diptych.ui.pages.library import LibraryPage
from diptych.ui.pages.version import VersionPage


def library(context: Context) -> QWidget:
    page = LibraryPage(context)
    page.resize(1280, 800)
    return page


def version(context: Context) -> QWidget:
    page = VersionPage(context)
    page.show_version(context.workbench.resolve("sft/checkpoint-200").key)
    page.resize(1280, 800)
    return page


def tags(context: Context) -> QDialog:
    return TagsDialog(context.theme, 2, {"ship": 1}, ["ship", "keep"])


def note(context: Context) -> QDialog:
    return NoteDialog(context.theme, "sft", "text")


def columns(context: Context) -> QDialog:
    return ColumnsDialog(context.theme, [Choice("step", "Step")], ["step"], ["step"])


@pytest.mark.parametrize("make", [library, version, tags, note, columns])
def test_every_widget_that_takes_the_focus_has_a_name(
    context: Context, qtbot: QtBot, make: Callable[[Context], QWidget]
) -> None:
    widget = make(context)
    qtbot.addWidget(widget)
    widget.show()
    unnamed = []
    for child in widget.findChildren(QWidget):
        takes = child.focusPolicy() & Qt.FocusPolicy.TabFocus and child.isVisibleTo(widget)
        if not takes or isinstance(child, (QScrollArea, QDialogButtonBox)) or child.focusProxy() is not None:
            continue
        face = QAccessible.queryAccessibleInterface(child)
        if face is None or not face.text(QAccessible.Text.Name).strip():
            unnamed.append(f"{type(child).__name__} {child.objectName()}")
    assert unnamed == []
