"""Asks which logins of other programs to copy into the keyring."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from diptych.credentials.logins import FoundLogin
from diptych.display import path, visible
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label
from diptych.ui.widgets.tallrows import CheckedRows
from diptych.workbench.remotes import NamedRemote


class FoundDialog(QDialog):
    """What was found, where and for whom. Nothing is ticked until the user does it; secrets are not shown."""

    def __init__(
        self, theme: Theme, found: Sequence[FoundLogin], remotes: Sequence[NamedRemote], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Logins of other programs")
        self.setMinimumSize(theme.px(720), theme.px(360))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.S)
        self.list = QListWidget()
        self.list.setAccessibleName("Logins found")
        self.list.setItemDelegate(CheckedRows(theme, self.list))
        self.list.setUniformItemSizes(True)
        self._pairs: list[tuple[FoundLogin, NamedRemote | None]] = []
        for login in found:
            fitting = [] if login.obstacle else [one for one in remotes if login.fits(one.address)]
            for remote in fitting:
                self._add(login, remote)
            if not fitting:
                self._add(login, None)
        layout.addWidget(self.list)
        text = "Ticked ones are copied into the keyring, once; the files stay as they are."
        layout.addWidget(label(text, "caption", wrap=True))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.confirm = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.confirm.setText("Copy into the keyring")
        self.confirm.setProperty("role", "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.list.itemChanged.connect(self._ticked)
        self._look()

    def chosen(self) -> list[tuple[str, FoundLogin]]:
        """The ticked ones: the remote's name and the login."""
        items = [self.list.item(row) for row in range(self.list.count())]
        return [
            (remote.name, login)
            for item, (login, remote) in zip(items, self._pairs, strict=True)
            if remote is not None and item.checkState() is Qt.CheckState.Checked
        ]

    def _add(self, login: FoundLogin, remote: NamedRemote | None) -> None:
        self._pairs.append((login, remote))
        what = f"{login.title}{f' as {login.user}' if login.user else ''}   ·   {path(login.file)}"
        if remote is None:
            why = login.obstacle or (f"no remote at {login.host} yet" if login.host else "no remote of this kind yet")
            item = QListWidgetItem(visible(f"{what}   ·   {why}"))
            item.setFlags(Qt.ItemFlag.NoItemFlags)
        else:
            item = QListWidgetItem(visible(f"{what}   →   {remote.name}"))
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
        item.setToolTip(item.text().replace("<", "\u2039").replace(">", "\u203a"))
        self.list.addItem(item)

    def _ticked(self, item: QListWidgetItem) -> None:
        """A remote has one login: of two that are meant for it, the one that was ticked last is taken."""
        _, remote = self._pairs[self.list.row(item)]
        if item.checkState() is Qt.CheckState.Checked:
            for row, (_, other) in enumerate(self._pairs):
                if other is remote and self.list.item(row) is not item:
                    self.list.item(row).setCheckState(Qt.CheckState.Unchecked)
        self._look()

    def _look(self) -> None:
        self.confirm.setEnabled(bool(self.chosen()))
