"""Tab goes through a page as one reads it, whatever was made last."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QLayout, QScrollArea, QWidget


def go_on(page: QWidget, forward: bool) -> bool:
    """Give the focus to what comes next in the layouts of `page`, or before; behind its ends, to what is outside it.

    Qt's own order is that in which widgets were made. False where nothing on the page has the focus.
    """
    focus = QApplication.focusWidget()
    if not page.isVisible():  # Qt asks of a page that goes, too
        return False
    order = [widget for widget in _within(page) if _takes_focus(widget)]
    if focus not in order:
        return False
    place = order.index(focus) + (1 if forward else -1)
    if 0 <= place < len(order):
        target = order[place]
    else:
        target = next(_outside(page, focus, forward), order[0 if forward else -1])
    target.setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
    return True


def _within(widget: QWidget) -> Iterator[QWidget]:
    yield widget
    layout = widget.layout()
    if isinstance(widget, QScrollArea):
        inner = widget.widget()
        if inner is not None:
            yield from _within(inner)
    elif layout is not None and not isinstance(widget, QAbstractScrollArea):
        yield from _laid_out(layout)


def _laid_out(layout: QLayout) -> Iterator[QWidget]:
    for place in range(layout.count()):
        item = layout.itemAt(place)
        widget, inner = (item.widget(), item.layout()) if item is not None else (None, None)
        if widget is not None:
            yield from _within(widget)
        elif inner is not None:
            yield from _laid_out(inner)


def _outside(page: QWidget, focus: QWidget, forward: bool) -> Iterator[QWidget]:
    def step(widget: QWidget) -> QWidget | None:
        return widget.nextInFocusChain() if forward else widget.previousInFocusChain()

    beside = step(focus)
    while beside is not None and beside is not focus:
        if not page.isAncestorOf(beside) and _takes_focus(beside):
            yield beside
        beside = step(beside)


def _takes_focus(widget: QWidget) -> bool:
    tab = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    return bool(tab) and widget.isVisible() and widget.isEnabled()
