"""A value shown whole: it wraps anywhere, can be selected, and what is copied is the value itself."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QResizeEvent, QTextOption
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextEdit

from diptych.display import visible


class Passage(QTextEdit):
    """Plain text as high as it needs to be; long paths and digests break where the panel ends."""

    def __init__(self, name: str, text: str, font: QFont | None = None, muted: bool = False) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setAccessibleName(name)
        self.setProperty("role", "muted-passage" if muted else "passage")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setContentsMargins(0, 0, 0, 0)
        self.document().setDocumentMargin(0)
        if font is not None:
            self.setFont(font)
        self.setPlainText(visible(text, keep_newlines=True))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(100, self.height())

    def _fit(self) -> None:
        height = round(self.document().size().height()) + 1
        if height != self.height():
            self.setFixedHeight(height)
