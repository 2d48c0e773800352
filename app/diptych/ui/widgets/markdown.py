"""Markdown as people read it, and nothing more: no HTML, no pictures, no links that are followed."""

from __future__ import annotations

import re

from PySide6.QtCore import QUrl
from PySide6.QtGui import (
    QImage,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextTable,
)
from PySide6.QtWidgets import QTextBrowser

from diptych.display import visible
from diptych.ui.tokens import Space

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEAD = re.compile(r"\A---\r?\n.*?^---[ \t]*$", re.DOTALL | re.MULTILINE)
_SAFE = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML
_LONGEST_LINE = 10_000
"""Qt lays out longer lines for minutes."""
_HEADINGS = {1: 2, 2: 1}
"""Steps of Qt above the size of the text that come nearest to the scale of the window."""


class Markdown(QTextBrowser):
    """A read-only view of a text that may come from anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)

    def show_markdown(self, text: str) -> None:
        """Show `text`; its head of YAML and its comments are left out, as readers of cards do."""
        plain = _COMMENT.sub("", _HEAD.sub("", visible(text, keep_newlines=True)))
        lines = (line[:_LONGEST_LINE] for line in plain.splitlines())
        document = self.document()
        document.setMarkdown("\n".join(lines), _SAFE)
        document.setDocumentMargin(Space.L)
        block = document.begin()
        while block.isValid():
            self._space(block)
            block = block.next()
        for frame in document.rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                self._rule(frame)

    def _space(self, block: QTextBlock) -> None:
        """Give a paragraph room, and a heading its size in the scale of the window."""
        cursor = QTextCursor(block)
        if cursor.currentTable() is not None:
            return
        shape = block.blockFormat()
        level = shape.headingLevel()
        shape.setTopMargin(Space.M if level and block.blockNumber() else 0)
        shape.setBottomMargin(Space.XS if level or block.textList() is not None else Space.S)
        cursor.setBlockFormat(shape)
        if level:
            looks = QTextCharFormat()
            looks.setProperty(QTextFormat.Property.FontSizeAdjustment, _HEADINGS.get(level, 0))
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            cursor.mergeCharFormat(looks)

    def _rule(self, table: QTextTable) -> None:
        """Let a table stand without frames: its head is bold, and its columns have room."""
        shape = table.format()
        shape.setCellPadding(Space.XS)
        shape.setCellSpacing(0)
        shape.setBorder(0)
        shape.setTopMargin(Space.XS)
        shape.setBottomMargin(Space.S)
        table.setFormat(shape)

    def loadResource(self, kind: int, name: QUrl | str) -> QImage:
        """Nothing is loaded from anywhere; an empty picture keeps Qt from opening the file itself."""
        return QImage()
