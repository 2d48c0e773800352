"""The buttons of which one is on: words that are filled while they hold."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton


def switch(text: str, tip: str = "") -> QPushButton:
    """A button that stays down; which others it lets go of is a matter of its group."""
    button = QPushButton(text)
    button.setProperty("role", "flat")
    button.setCheckable(True)
    button.setToolTip(tip)
    return button
