"""The first page of an empty catalog: where the models are, or a sample to look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from diptych import display
from diptych.ui.context import Context
from diptych.ui.icons import icon
from diptych.ui.pages.page import Page
from diptych.ui.tokens import RAIL_ICON, Space
from diptych.ui.widgets.emblem import Emblem
from diptych.ui.widgets.label import label
from diptych.workbench.usual import UsualPlace

WIDTH = 560


class WelcomePage(Page):
    """Shown in place of the library while the catalog is empty."""

    key = "welcome"
    title = "Library"
    symbol = "library"

    def __init__(self, context: Context, add_folder: Callable[[], None], scan: Callable[[list[Path]], None]) -> None:
        super().__init__(context)
        self._scan = scan
        self._boxes: list[tuple[QCheckBox, Path]] = []
        card = QFrame()
        card.setFixedWidth(context.theme.px(WIDTH))
        column = QVBoxLayout(card)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.M)
        column.addWidget(Emblem(context.theme))
        column.addSpacing(Space.M)
        column.addWidget(label("Which model is which?", "title"))
        column.addWidget(
            label(
                "Drop a folder here: checkpoints, adapters, Hub downloads, evaluation results. "
                "Diptych lists every version in it and shows two of them side by side.",
                wrap=True,
            )
        )
        column.addSpacing(Space.S)
        buttons = QHBoxLayout()
        buttons.setSpacing(Space.S)
        add = QPushButton("Add folder…")
        add.setProperty("role", "primary")
        add.setIcon(icon("folder-add", context.theme.color("on_primary")))
        add.clicked.connect(add_folder)
        self.sample = QPushButton("Open the sample library")
        self.sample.setIcon(icon("library"))
        self.sample.clicked.connect(self._open_sample)
        self._look = QPushButton("Look in the usual places")
        self._look.setIcon(icon("search"))
        self._look.clicked.connect(self._look_around)
        for button in (add, self.sample, self._look):
            button.setIconSize(QSize(RAIL_ICON, RAIL_ICON))
            buttons.addWidget(button)
        buttons.addStretch(1)
        column.addLayout(buttons)
        self._found = QVBoxLayout()
        self._found.setSpacing(Space.S)
        column.addLayout(self._found)
        column.addSpacing(Space.S)
        column.addWidget(
            label("Nothing is copied, changed or sent anywhere. Model files are read, never run.", "muted")
        )
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(card)
        middle.addStretch(1)
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        outer.addLayout(middle)
        outer.addStretch(3)
        self._add = add

    def inspects(self, width: int) -> bool:
        return False  # there are no rows to tell of

    def entered(self) -> None:
        self._add.setFocus()

    def _open_sample(self) -> None:
        self._scan([self.context.workbench.sample_library()])

    def _look_around(self) -> None:
        self._look.setEnabled(False)
        job = self.context.workbench.usual_places()
        self.context.runner.start("Look in the usual places", job, done=self._show_places, quiet=True)

    def _show_places(self, places: tuple[UsualPlace, ...]) -> None:
        self._look.setEnabled(True)
        while (item := self._found.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self._boxes = []
        if not places:
            self._found.addWidget(label("No models in the usual places. Add the folder where yours are.", "muted"))
            self._look.setFocus()  # it lost the focus while it looked
            return
        self._found.addWidget(label("Found, not yet added", "caption"))
        for place in places:
            models = display.plural(place.models, "model")
            box = QCheckBox(f"{place.title}   {display.path(place.path)}   {models}")
            box.setChecked(True)
            self._boxes.append((box, place.path))
            self._found.addWidget(box)
        add = QPushButton("Add these folders")
        add.clicked.connect(self._add_chosen)
        self._found.addWidget(add, 0, Qt.AlignmentFlag.AlignLeft)
        self._boxes[0][0].setFocus()

    def _add_chosen(self) -> None:
        self._scan([path for box, path in self._boxes if box.isChecked()])
