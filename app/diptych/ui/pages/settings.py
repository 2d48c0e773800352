"""Settings: how the window looks, where models are looked for, how strictly versions are compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from diptych import __version__, display
from diptych.domain.changes import Changes
from diptych.domain.rules import IGNORED
from diptych.ui.context import Alert, Context
from diptych.ui.icons import icon
from diptych.ui.pages.page import Page
from diptych.ui.pages.settings_remotes import RemotesSection
from diptych.ui.pages.verbs import Verbs
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import Elided, hairline, label
from diptych.ui.widgets.switch import switch

MEASURE = 720


class SettingsPage(Page):
    """Every setting takes effect at once; there is no Apply."""

    key = "settings"
    title = "Settings"
    symbol = "settings"

    def __init__(self, context: Context, add_folder: Callable[[], None], scan: Callable[[list[Path]], None]) -> None:
        super().__init__(context)
        self._scan = scan
        self._verbs = Verbs(context, self)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setAccessibleName("Settings")
        outer.addWidget(self._scroll)
        body = QWidget(self._scroll)
        self._scroll.setWidget(body)
        body.setMaximumWidth(context.theme.px(MEASURE))
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.XL)
        self._column.setSpacing(Space.S)
        self._column.addWidget(label("Settings", "title"))
        self._appearance()
        self._folders(add_folder)
        self._section("Remotes")
        self._remotes = RemotesSection(context)
        self._column.addWidget(self._remotes)
        self._comparing()
        self._about()
        self._column.addStretch(1)

    def inspects(self, width: int) -> bool:
        return False  # there are no rows to tell of

    def entered(self) -> None:
        self._scroll.setFocus()
        self._fill_folders()
        self._remotes.fill()
        ignored = "\n".join(self.context.workbench.settings.ignored)
        if self._rules.toPlainText() != ignored:
            self._rules.setPlainText(ignored)

    def refresh(self, changes: Changes) -> None:
        if changes.settings:
            self._fill_folders()

    def _section(self, title: str) -> None:
        self._column.addSpacing(Space.L)
        self._column.addWidget(label(title, "section"))
        self._column.addWidget(hairline())

    def _appearance(self) -> None:
        self._section("Appearance")
        row = QHBoxLayout()
        row.setSpacing(Space.XS)
        group = QButtonGroup(self)
        for key, title in (("system", "As the system"), ("light", "Light"), ("dark", "Dark")):
            button = switch(title)
            button.setChecked(self.context.workbench.settings.appearance == key)
            button.clicked.connect(lambda _checked, key=key: self._use(key))
            group.addButton(button)
            row.addWidget(button)
        row.addStretch(1)
        self._column.addLayout(row)
        compact = QCheckBox("Compact rows")
        compact.setChecked(self.context.workbench.settings.compact)
        compact.toggled.connect(self._compact)
        self._column.addWidget(compact)

    def _use(self, appearance: str) -> None:
        self.context.workbench.settings.appearance = appearance
        self._save()

    def _compact(self, compact: bool) -> None:
        self.context.workbench.settings.compact = compact
        self._save()

    def _save(self) -> None:
        settings = self.context.workbench.settings
        settings.save()
        self.context.theme.use(settings.appearance, settings.compact)

    def _folders(self, add_folder: Callable[[], None]) -> None:
        self._section("Library folders")
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(Space.L)
        self._grid.setVerticalSpacing(Space.XS)
        self._grid.setColumnStretch(0, 1)
        self._column.addLayout(self._grid)
        row = QHBoxLayout()
        add = QPushButton("Add folder…")
        add.setIcon(icon("folder-add"))
        add.clicked.connect(add_folder)
        row.addWidget(add)
        row.addStretch(1)
        self._column.addLayout(row)
        self._column.addWidget(
            label("Removing a folder takes its versions off the list. Your files are never touched.", "muted")
        )

    def _fill_folders(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        roots = self.context.workbench.roots()
        if not roots:
            self._grid.addWidget(label("No folder yet.", "muted"), 0, 0)
        for line, root in enumerate(roots):
            name = display.path(root.path)
            self._grid.addWidget(Elided(name), line, 0)
            self._grid.addWidget(label(display.plural(root.versions, "version"), "muted"), line, 1)
            when = f"scanned {display.ago(root.scanned)}" if root.scanned else "not scanned yet"
            self._grid.addWidget(label(when, "muted"), line, 2)
            for column, (symbol, text, act) in enumerate(
                (
                    ("refresh", "Scan again", self._rescan),
                    ("remove", "Remove from the library", self._verbs.remove_folder),
                ),
                3,
            ):
                button = QToolButton()
                button.setIcon(icon(symbol))
                button.setToolTip(text)
                button.setAccessibleName(f"{text}: {name}")
                button.clicked.connect(lambda _checked=False, act=act, path=root.path: act(path))
                self._grid.addWidget(button, line, column)

    def _rescan(self, path: Path) -> None:
        self._scan([path])

    def _comparing(self) -> None:
        self._section("Comparing")
        self._column.addWidget(
            label(
                "Hyperparameters and settings whose differences do not matter: one pattern a line, * stands for "
                "anything. They are counted as ignored and do not make two versions differ.",
                wrap=True,
            )
        )
        self._rules = QPlainTextEdit("\n".join(self.context.workbench.settings.ignored))
        self._rules.setAccessibleName("Patterns of settings to ignore")
        self._rules.setFont(self.context.theme.code())
        self._rules.setFixedHeight(self.context.theme.px(160))
        self._rules.setTabChangesFocus(True)
        self._rules.textChanged.connect(self._keep_rules)
        self._column.addWidget(self._rules)
        reset = QPushButton("Back to the defaults")
        reset.clicked.connect(self._back_to_defaults)
        self._column.addWidget(reset, 0, Qt.AlignmentFlag.AlignLeft)

    def _back_to_defaults(self) -> None:
        kept = self._rules.toPlainText()
        self._rules.setPlainText("\n".join(IGNORED))
        if kept != self._rules.toPlainText():
            told = "The patterns are the defaults again."
            self.context.alerted.emit(Alert(told, remedy="Undo", act=lambda: self._rules.setPlainText(kept)))

    def _keep_rules(self) -> None:
        settings = self.context.workbench.settings
        lines = (line.strip() for line in self._rules.toPlainText().splitlines())
        settings.ignored = tuple(line for line in lines if line)
        settings.save()

    def _about(self) -> None:
        self._section("About")
        file = display.path(self.context.workbench.catalog.file)
        self._column.addWidget(label(f"Diptych {__version__}"))
        self._column.addWidget(label(f"Catalog  {file}", "muted", wrap=True, selectable=True))
        self._column.addWidget(
            label("Works offline. Nothing leaves this machine but what you push to a remote.", "muted")
        )
