"""The widget inside a scroll area, made here rather than by Qt."""

from __future__ import annotations

from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QAbstractScrollArea, QWidget


def own_viewport(
    area: QAbstractScrollArea, role: QPalette.ColorRole = QPalette.ColorRole.Base, canvas: QWidget | None = None
) -> None:
    """Give `area` a viewport that Python has made; `canvas`, where it is to be more than a plain widget.

    Where Qt has made the widget itself, PySide compares it with every class of widget before it wraps it, which takes
    longer than the window may stand still.
    """
    canvas = canvas or QWidget()
    canvas.setObjectName("qt_scrollarea_viewport")  # as Qt calls its own
    canvas.setAutoFillBackground(True)
    canvas.setBackgroundRole(role)
    area.setViewport(canvas)
