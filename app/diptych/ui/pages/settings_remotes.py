"""The remotes in Settings: added, tested, signed in to, renamed, forgotten. A secret is taken, never shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QMessageBox,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from diptych import display
from diptych.credentials.logins import FoundLogin
from diptych.domain.changes import Changes
from diptych.domain.secret import Secret
from diptych.domain.shipping import Access
from diptych.errors import DiptychError, NeedsSecret
from diptych.job import Job, Tick
from diptych.ui.context import Alert, Context
from diptych.ui.icons import icon
from diptych.ui.runner import Running
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import Elided, label
from diptych.workbench import Workbench
from diptych.workbench.remotes import NamedRemote

T = TypeVar("T")

_LONGEST_NAME = 20
_HEADS = ("Name", "Address", "Account", "Tested")


class RemotesSection(QWidget):
    """One row for each remote."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._running: dict[str, Running] = {}
        self._lines: dict[str, tuple[Elided, QPushButton]] = {}
        self._refusals: dict[str, str] = {}
        """Why the last try with a remote failed, by its name."""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(Space.M)
        self._grid.setVerticalSpacing(Space.XS)
        self._grid.setColumnStretch(1, 3)
        self._grid.setColumnMinimumWidth(2, context.theme.px(104))
        column.addLayout(self._grid)
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        for text, symbol, act in (
            ("Add remote…", "plus", self.add),
            ("Logins of other programs…", "key", self.look_for_logins),
        ):
            button = QPushButton(text)
            button.setIcon(icon(symbol))
            button.clicked.connect(lambda _checked=False, act=act: act())
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
        column.addWidget(
            label("Logins rest in the keyring of this machine; Diptych shows them to nobody but their remote.", "muted")
        )

    def fill(self) -> None:
        """Read the remotes again, in a worker."""
        self._context.runner.start("Read the remotes", _known(self._context.workbench), self._show, quiet=True)

    def _show(self, remotes: Sequence[NamedRemote]) -> None:
        """Show these; the focus stays on what it was on."""
        focused = QApplication.focusWidget()
        spoken = focused.accessibleName() if focused is not None and self.isAncestorOf(focused) else ""
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self._lines = {}
        if not remotes:
            self._grid.addWidget(label("No remote yet. Versions are pushed to remotes.", "muted"), 0, 0, 1, 2)
            return
        for place, head in enumerate(_HEADS):
            self._grid.addWidget(label(head, "caption"), 0, place)
        for line, remote in enumerate(remotes, 1):
            self._add_row(line, remote)
        for button in self.findChildren(QAbstractButton):
            if spoken and button.accessibleName() == spoken:
                button.setFocus()

    def add(self) -> None:
        """Ask for a new remote."""
        from diptych.ui.dialogs.remote import RemoteDialog  # a window starts without its dialogs

        dialog = RemoteDialog(self._context.theme, self._add, parent=self)
        dialog.exec()
        dialog.deleteLater()

    def change(self, name: str) -> None:
        """Ask for other options of a remote, then see whether it answers with them."""
        from diptych.ui.dialogs.remote import RemoteDialog  # a window starts without its dialogs

        dialog = RemoteDialog(self._context.theme, self._change, self._context.workbench.remote(name), self)
        if dialog.exec():
            self._changed()
            self.test(name)
        dialog.deleteLater()

    def test(self, name: str) -> None:
        """Ask a remote who we are there."""
        self._run(name, "Test", self._context.workbench.test_remote(name), self._answered)

    def sign_in(self, name: str) -> None:
        """Ask for the login of a remote."""
        from diptych.ui.dialogs.login import LoginDialog  # a window starts without its dialogs

        remote = self._context.workbench.remote(name)
        dialog = LoginDialog(self._context.theme, remote, self)
        accepted = dialog.asked(self._context)
        login, session = dialog.chosen(), dialog.session.isChecked()
        if accepted and login is not None:
            self._take_over(name, login)
        elif accepted and session:
            self._keep(name, dialog.take())
        elif accepted:
            secret = dialog.take()
            refused = partial(self._not_kept, name, secret)
            self._run(name, "Sign in", self._context.workbench.login(name, secret), self._signed_in, refused)
        dialog.deleteLater()

    def look_for_logins(self) -> None:
        """Look for logins of other programs, then ask which to copy."""
        self._context.runner.start(
            "Look for logins", self._context.workbench.found_logins(), self._show_found, quiet=True
        )

    def rename(self, name: str) -> None:
        """Ask for another name."""
        from diptych.ui.dialogs.remote import RenameDialog  # a window starts without its dialogs

        dialog = RenameDialog(self._context.theme, name, self)
        if dialog.exec():
            job = self._context.workbench.rename_remote(name, dialog.name.text().strip())
            self._run(name, "Rename", job, self._changed)
        dialog.deleteLater()

    def forget(self, name: str, leave_login: bool = False) -> None:
        """Forget a remote after asking, since its login cannot be brought back."""
        remote = self._context.workbench.remote(name)
        question = QMessageBox(self)
        question.setIcon(QMessageBox.Icon.Question)
        question.setText(f"Forget {display.visible(name)}?")
        has_login = remote.signed_in in ("keyring", "session") and not leave_login
        question.setInformativeText(
            "Its login is deleted from the keyring and cannot be brought back. What was pushed stays there."
            if has_login
            else "What was pushed stays there."
        )
        forget = question.addButton("Forget", QMessageBox.ButtonRole.DestructiveRole)
        question.setDefaultButton(question.addButton(QMessageBox.StandardButton.Cancel))
        question.exec()
        if question.clickedButton() is forget:
            job = self._context.workbench.forget_remote(name, leave_login)
            self._run(name, "Forget", job, self._changed, partial(self._not_forgotten, name))
        question.deleteLater()

    def _add_row(self, line: int, remote: NamedRemote) -> None:
        name = remote.name
        shown = label(display.elide(name, _LONGEST_NAME))
        shown.setToolTip(f"{name} · {remote.title}")
        self._grid.addWidget(shown, line, 0)
        address = Elided(str(remote.address))
        self._grid.addWidget(address, line, 1)
        account = remote.account or remote.user
        self._grid.addWidget(Elided(account or ("signed in" if remote.signed_in else "–")), line, 2)
        self._grid.addWidget(_tested(remote, self._refusals.get(name, "")), line, 3)
        # what is to be done next stands in the row, the rest behind "more"
        wanting = bool(remote.wants) and not remote.signed_in
        title, next_act = ("Sign in…", self.sign_in) if wanting else ("Test", self.test)
        button = QPushButton(title)
        button.setProperty("role", "flat")
        button.setAccessibleName(display.visible(f"{title.rstrip('…')}: {name}"))
        button.clicked.connect(lambda _checked=False: self._press(name, next_act))
        if name in self._running and self._running[name].active:
            button.setText("Cancel")
        self._grid.addWidget(button, line, 4)
        self._lines[name] = (address, button)
        more = QToolButton()
        more.setIcon(icon("more"))
        more.setAccessibleName(f"More for {display.visible(name)}")
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(more)
        entries: list[tuple[str, Callable[[str], None]]] = [("Test", self.test)]
        if remote.wants:
            entries.append(("Sign in…", self.sign_in))
        entries += [("Change…", self.change), ("Rename…", self.rename), ("Forget…", self.forget)]
        for text, act in entries:
            menu.addAction(text).triggered.connect(lambda _checked=False, act=act: act(name))
        more.setMenu(menu)
        self._grid.addWidget(more, line, 5)

    def _add(self, name: str, address: str, options: dict[str, str]) -> None:
        self._context.workbench.add_remote(name, address, **options)
        self._changed()

    def _change(self, name: str, _address: str, options: dict[str, str]) -> None:
        self._context.workbench.change_remote(name, **options)

    def _keep(self, name: str, secret: Secret) -> None:
        self._context.workbench.keep_login(name, secret)
        self._signed_in(name)

    def _run(
        self,
        name: str,
        what: str,
        job: Job[T],
        done: Callable[[str, T], None],
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Run a job of one remote; its row tells how far it is and offers to stop it."""
        self._stop(name)
        if name in self._lines:
            self._lines[name][1].setText("Cancel")
        self._running[name] = self._context.runner.start(
            f"{what} {name}",
            job,
            done=partial(self._done, name, done),
            failed=partial(self._failed, name, failed),
            ticked=partial(self._ticked, name),
            quiet=True,
        )

    def _press(self, name: str, act: Callable[[str], None]) -> None:
        if self._stop(name):
            self.fill()
        else:
            act(name)

    def _stop(self, name: str) -> bool:
        """Stop what runs for a remote; False where nothing does."""
        running = self._running.pop(name, None)
        if running is None or not running.active:
            return False
        running.cancel()
        return True

    def _ticked(self, name: str, tick: Tick) -> None:
        if name in self._lines and name in self._running:
            self._lines[name][0].set_text(tick.text)

    def _done(self, name: str, done: Callable[[str, T], None], result: T) -> None:
        self._running.pop(name, None)
        self._refusals.pop(name, None)
        self.fill()
        done(name, result)

    def _failed(self, name: str, failed: Callable[[Exception], None] | None, error: Exception) -> None:
        self._running.pop(name, None)
        if isinstance(error, DiptychError):
            self._refusals[name] = error.message
        self.fill()
        if failed is not None:
            failed(error)
        else:
            self._complain(name, error)

    def _complain(self, name: str, error: Exception) -> None:
        """Show an error; where another login helps, offer to sign in."""
        wants_login = isinstance(error, NeedsSecret) and name in self._context.workbench.settings.remotes
        if isinstance(error, NeedsSecret) and wants_login:
            act = partial(self.sign_in, name)
            self._context.alerted.emit(Alert(error.message, error.hint, "Sign in…", act, serious=True))
        else:
            self._context.fail(error)

    def _answered(self, name: str, access: Access) -> None:
        may = {True: "may write", False: "may only read", None: "trying tells whether it may write"}[access.can_write]
        account = f" as {access.account}" if access.account else ""
        self._context.alerted.emit(Alert(display.visible(f"{name} answers{account}: {may} · {access.server}")))

    def _signed_in(self, name: str, _result: object = None) -> None:
        """A login was kept: see at once whether the remote accepts it."""
        self._changed()
        self.test(name)

    def _not_kept(self, name: str, secret: Secret, error: Exception) -> None:
        """The keyring did not take a login: it can still serve for this session."""
        if isinstance(error, NeedsSecret):
            act = partial(self._keep, name, secret)
            self._context.alerted.emit(Alert(error.message, error.hint, "Use it until Diptych closes", act, True))
        else:
            self._context.fail(error)

    def _not_forgotten(self, name: str, error: Exception) -> None:
        """The keyring did not let go of a login."""
        if isinstance(error, NeedsSecret):
            act = partial(self.forget, name, leave_login=True)
            self._context.alerted.emit(Alert(error.message, error.hint, "Forget the remote only…", act, True))
        else:
            self._context.fail(error)

    def _show_found(self, found: Sequence[FoundLogin]) -> None:
        if not found:
            places = "Looked at those of the Hugging Face Hub, docker and AWS, and into .netrc."
            self._context.alerted.emit(Alert("No login of another program was found.", places, done=False))
            return
        from diptych.ui.dialogs.found import FoundDialog  # a window starts without its dialogs

        dialog = FoundDialog(self._context.theme, found, self._context.workbench.remotes(), self)
        if dialog.exec():
            for name, login in dialog.chosen():
                self._take_over(name, login)
        dialog.deleteLater()

    def _take_over(self, name: str, login: FoundLogin) -> None:
        self._run(name, "Sign in", self._context.workbench.import_login(name, login), self._signed_in)

    def _changed(self, *_: object) -> None:
        self.fill()
        self._context.apply(Changes(settings=True))


def _known(workbench: Workbench) -> Job[tuple[NamedRemote, ...]]:
    """The remotes; the first time, what speaks to them is imported."""
    yield Tick("Reading the remotes")
    return workbench.remotes()


def _tested(remote: NamedRemote, refusal: str) -> QWidget:
    """When a remote was tested last, or that it did not answer as it should."""
    if refusal:
        failed = label("failed", "danger")
        failed.setToolTip(display.visible(refusal).replace("<", "\u2039").replace(">", "\u203a"))
        failed.setAccessibleDescription(display.visible(refusal))
        return failed
    state = label(display.ago(remote.tested) if remote.tested else "not yet")
    if remote.tested:
        state.setToolTip(display.exact_time(remote.tested))
    return state
