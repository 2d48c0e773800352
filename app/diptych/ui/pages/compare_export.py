"""A comparison as a file or on the clipboard."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtGui import QImage, QImageWriter
from PySide6.QtWidgets import QApplication

from diptych.compare.export import dumps
from diptych.compare.words import word_diff
from diptych.errors import Refused
from diptych.job import Job, Tick
from diptych.reports import comparison_html
from diptych.ui.pages import compare_text
from diptych.ui.pages.compare_view import ComparisonView
from diptych.workbench.comparing import Comparison


def html(view: ComparisonView) -> str:
    """One self-contained HTML file."""
    comparison = view.comparison
    return comparison_html(
        comparison.left, comparison.right, list(view.all_sheets().values()), comparison.rules, word_diff
    )


def json_text(view: ComparisonView) -> str:
    """The same JSON as the command line gives."""
    return dumps(view.all_sheets(), view.comparison.left, view.comparison.right)


def write_picture(picture: QImage, file: Path) -> Job[None]:
    """Write a picture as PNG. `Refused` where that is not possible."""
    yield Tick("Writing the picture")
    writer = QImageWriter(str(file), b"png")
    if not writer.write(picture):
        raise Refused(f"{file}: {writer.errorString()}", "Choose another place.")


def copy_markdown(view: ComparisonView) -> None:
    """Put the differences on the clipboard as Markdown."""
    comparison = view.comparison
    text = compare_text.report(
        comparison.left.version, comparison.right.version, comparison.relation, view.all_sheets()
    )
    QApplication.clipboard().setText(text)


def file_name(comparison: Comparison, ending: str) -> str:
    """A name for the file that says what was compared."""
    names = [
        re.sub(r"[^\w.-]+", "-", side.version.name).strip("-.")[:60] or "version"
        for side in (comparison.left, comparison.right)
    ]
    return f"{names[0]}-vs-{names[1]}.{ending}"
