"""Asks for the login to a registry. The secret is typed or taken over from another program, and never shown."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from diptych.credentials import Condition, KeyringView
from diptych.credentials.logins import FoundLogin
from diptych.display import path, visible
from diptych.domain.secret import Secret
from diptych.ui.context import Context
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label
from diptych.workbench.remotes import NamedRemote

_TYPED = "Type it in"


class LoginDialog(QDialog):
    """User name and secret, a choice of logins that other programs keep, and where it will rest."""

    def __init__(self, theme: Theme, remote: NamedRemote, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Sign in to {visible(remote.name)}")
        self.setMinimumWidth(theme.px(480))
        self.remote = remote
        self._found: list[FoundLogin] = []
        self._view: KeyringView | None = None
        self._closed = False  # answers may come later than that
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.M)
        layout.addWidget(label(f"{remote.title} · {remote.address}", "muted", wrap=True))
        form = self._form = QFormLayout()
        form.setHorizontalSpacing(Space.L)
        form.setVerticalSpacing(Space.S)
        self.source = QComboBox()
        self.source.setAccessibleName("Where the login comes from")
        self.source.addItem(_TYPED)
        form.addRow("From", self.source)
        form.setRowVisible(self.source, False)
        user, secret, hint = _words(remote)
        self.user = QLineEdit(remote.user)
        self.user.setAccessibleName(user or "User name")
        self.user.setPlaceholderText(hint)
        form.addRow(user, self.user)
        form.setRowVisible(self.user, bool(user))
        self.secret = QLineEdit()
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.secret.setAccessibleName(secret)
        form.addRow(secret, self.secret)
        layout.addLayout(form)
        self.session = QCheckBox("Only until Diptych closes")
        layout.addWidget(self.session)
        self.kept = label("", "caption", wrap=True)
        self.session.toggled.connect(self._say_where)
        self._say_where()
        layout.addWidget(self.kept)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.confirm = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.confirm.setText("Sign in")
        self.confirm.setProperty("role", "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        for changed in (self.user.textChanged, self.secret.textChanged, self.source.currentIndexChanged):
            changed.connect(self._look)
        self._look()
        (self.secret if remote.user or not user else self.user).setFocus()

    def asked(self, context: Context) -> bool:
        """Show it, and what the keyring and other programs have as soon as that is known; whether somebody signs in."""
        runner, workbench = context.runner, context.workbench
        looking = [
            runner.start("Look at the keyring", workbench.keyring(), self.show_keyring, quiet=True),
            runner.start("Look for logins", workbench.found_logins(), self.show_found, quiet=True),
        ]
        accepted = self.exec()
        for one in looking:
            one.cancel()
        return bool(accepted)

    def show_keyring(self, view: KeyringView) -> None:
        """Say where the login will rest; without a keyring only this session is left."""
        if self._closed:
            return
        self._view = view
        if _is_absent(view):
            self.session.setChecked(True)
        self.session.setEnabled(not _is_absent(view))
        self._say_where()

    def show_found(self, logins: Sequence[FoundLogin]) -> None:
        """Offer logins of other programs that are meant for this registry."""
        if self._closed:
            return
        self._found = [login for login in logins if login.fits(self.remote.address) and not login.obstacle]
        for login in self._found:
            user = f" as {login.user}" if login.user else ""
            self.source.addItem(visible(f"{login.title}{user} · {path(login.file)}"))
        self._form.setRowVisible(self.source, bool(self._found))

    def chosen(self) -> FoundLogin | None:
        """The login of another program that is to be taken over, or None for what was typed."""
        index = self.source.currentIndex()
        return self._found[index - 1] if index > 0 else None

    def take(self) -> Secret:
        """What was typed; the field is emptied."""
        secret = Secret(self.secret.text().strip(), self.user.text().strip())
        self.secret.clear()
        return secret

    def done(self, result: int) -> None:
        """Close; what was typed is not left behind where nobody wants it."""
        self._closed = True
        if result != QDialog.DialogCode.Accepted:
            self.secret.clear()
        super().done(result)

    def _say_where(self) -> None:
        """Say where the login will rest, and how the keyring stands as far as that matters."""
        view, session = self._view, self.session.isChecked()
        said = "Kept in memory, and forgotten when Diptych closes." if session else "Kept in the keyring."
        if view is None:
            self.kept.setText(said)
            return
        told = f"{str(view)[0].upper()}{str(view)[1:]}."
        self.kept.setText(visible(told if _is_absent(view) else said if session else f"{said} {told}"))

    def _look(self) -> None:
        typed = self.chosen() is None
        self.user.setEnabled(typed)
        self.secret.setEnabled(typed)
        needs_user = typed and self.remote.address.kind == "s3"
        complete = bool(self.secret.text().strip()) and (not needs_user or bool(self.user.text().strip()))
        self.confirm.setEnabled(complete or not typed)


def _is_absent(view: KeyringView) -> bool:
    """Whether only this session is left for a login."""
    return view.condition in (Condition.NONE, Condition.UNSAFE)


def _words(remote: NamedRemote) -> tuple[str, str, str]:
    """What the two fields are called at this registry, and the hint in the first; no name for one it has not."""
    if remote.address.kind == "s3":
        return "Access key", "Secret key", ""
    if remote.address.kind == "hub":
        return "", "Access token", ""
    return "User name", "Password or token", "empty for a token"
