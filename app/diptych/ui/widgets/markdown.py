"""Markdown as people read it, and nothing more: no HTML, no pictures, no links that are followed."""

from __future__ import annotations

import re

from PySide6.QtCore import QUrl
from PySide6.QtGui import QImage, QTextDocument
from PySide6.QtWidgets import QTextBrowser

from diptych.display import visible

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEAD = re.compile(r"\A---\r?\n.*?^---[ \t]*$", re.DOTALL | re.MULTILINE)
_SAFE = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML
_LONGEST_LINE = 10_000
"""Qt lays out longer lines for minutes."""


class Markdown(QTextBrowser):
    """A read-only view of a text that may come from anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)

    def show_markdown(self, text: str) -> None:
        """Show `text`; its head of YAML and its comments are left out, as readers of cards do."""
        plain = _COMMENT.sub("", _HEAD.sub("", visible(text, keep_newlines=True)))
        lines = (line[:_LONGEST_LINE] for line in plain.splitlines())
        self.document().setMarkdown("\n".join(lines), _SAFE)

    def loadResource(self, kind: int, name: QUrl | str) -> QImage:
        """Nothing is loaded from anywhere; an empty picture keeps Qt from opening the file itself."""
        return QImage()
