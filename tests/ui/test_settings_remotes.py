"""Remotes in Settings, as a user meets them: with and without a keyring, and with one that asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMessageBox, QPushButton, QToolButton
from pytestqt.qtbot import QtBot
from scripted import during
from watchdog import longest_gap

from diptych import credentials
from diptych.domain.secret import Secret
from diptych.domain.shipping import Access
from diptych.errors import NeedsSecret
from diptych.job import Tick, finish
from diptych.settings import Settings
from diptych.ui.context import Alert, Context
from diptych.ui.dialogs.found import FoundDialog
from diptych.ui.dialogs.login import LoginDialog
from diptych.ui.dialogs.remote import RemoteDialog, RenameDialog
from diptych.ui.pages.settings_remotes import RemotesSection
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.ui.widgets.label import Elided
from diptych.workbench import Workbench, remotes
from stands.keyring import session

CANARY = "hf_CANARYcanary0123456789"


class Spoken:
    """A remote that accepts one login."""

    def __init__(self, address: Any, secret: Secret | None, network: Any, options: Any) -> None:
        self.secret = secret

    def check(self) -> Generator[Tick, None, Access]:
        yield Tick("asking who we are")
        if self.secret is None or self.secret.reveal() != CANARY:
            raise NeedsSecret("ghcr.io: does not accept the login", "Sign in again.")
        return Access(self.secret.user, True, "Stand 1.0")

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remotes, "open_remote", Spoken)


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with session(tmp_path_factory.mktemp("keyring"), "unlocked") as environment:
        yield environment


@pytest.fixture
def keyring(unlocked: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", unlocked["DBUS_SESSION_BUS_ADDRESS"])


@pytest.fixture
def alerts(bench: Context) -> list[Alert]:
    shown: list[Alert] = []
    bench.alerted.connect(shown.append)
    return shown


@pytest.fixture
def bench(workbench: Workbench, inline_runner: Runner, theme: Theme) -> Context:
    """A context over an empty catalog."""
    return Context(workbench, inline_runner, theme)


@pytest.fixture
def section(bench: Context, qtbot: QtBot) -> RemotesSection:
    made = RemotesSection(bench)
    qtbot.addWidget(made)
    made.resize(700, 300)
    made.show()
    made.fill()
    return made


def button(section: RemotesSection, text: str) -> QPushButton:
    return next(one for one in section.findChildren(QPushButton) if one.text() == text)


def press(section: RemotesSection, entry: str) -> None:
    """An entry behind "more" of the one remote."""
    (more,) = section.findChildren(QToolButton)
    next(action for action in more.menu().actions() if action.text() == entry).trigger()


def texts(section: RemotesSection) -> list[str]:
    section.fill()
    QApplication.sendPostedEvents(None, 52)  # what was replaced goes at last
    return [one.text() for one in (*section.findChildren(QLabel), *section.findChildren(Elided))]


def test_a_remote_is_added_in_a_dialog_that_says_what_it_understands(section: RemotesSection, qtbot: QtBot) -> None:
    told = []

    def fill(dialog: RemoteDialog) -> None:
        assert not dialog.confirm.isEnabled()
        for address in ("oci://ghcr.io", f"s3://me:{CANARY}@bucket", "s3://bucket/team"):
            dialog.address.clear()
            qtbot.keyClicks(dialog.address, address)
            told.append(dialog.told.text())
        assert {key for key, field in dialog.options.items() if field.isVisible()} == {"endpoint", "region", "verify"}
        qtbot.keyClicks(dialog.name, "my store")
        dialog.limit.setText("2.5")
        qtbot.mouseClick(dialog.confirm, Qt.MouseButton.LeftButton)
        assert dialog.isVisible()  # the name does not do
        assert dialog.height() >= dialog.heightForWidth(dialog.width())  # and why stands below fields as high as before
        dialog.name.setText("store")
        qtbot.keyClick(dialog.name, Qt.Key.Key_Return)

    during(RemoteDialog, fill)
    qtbot.mouseClick(button(section, "Add remote…"), Qt.MouseButton.LeftButton)
    assert told == [
        "oci://ghcr.io: names no model",
        "the address holds a user name, a password or a reference",
        "S3-compatible storage · bucket bucket, folder team",
    ]
    (remote,) = section._context.workbench.remotes()
    assert (remote.name, str(remote.address), remote.throttle) == ("store", "s3://bucket/team", 2_500_000)
    assert "store" in texts(section)


def sign_in(user: str, secret: str, qtbot: QtBot) -> Callable[[LoginDialog], None]:
    def fill(dialog: LoginDialog) -> None:
        assert dialog.secret.echoMode() is QLineEdit.EchoMode.Password
        dialog.user.clear()
        qtbot.keyClicks(dialog.user, user)
        assert not dialog.confirm.isEnabled()
        qtbot.keyClicks(dialog.secret, secret)
        assert CANARY not in dialog.secret.displayText()
        qtbot.keyClick(dialog.secret, Qt.Key.Key_Return)

    return fill


def test_signing_in_keeps_the_login_and_tests_it_at_once(
    section: RemotesSection, bench: Context, alerts: list[Alert], keyring: None, qtbot: QtBot
) -> None:
    bench.workbench.add_remote("reg", "oci://ghcr.io/a/b")
    section.fill()
    during(LoginDialog, sign_in("jane", CANARY, qtbot))
    qtbot.mouseClick(button(section, "Sign in…"), Qt.MouseButton.LeftButton)
    assert alerts[-1].message == "reg answers as jane: may write · Stand 1.0"
    assert finish(credentials.get("reg")) == Secret(CANARY, "jane")
    assert {"jane", "just now"} <= set(texts(section))
    assert button(section, "Test").isEnabled()
    assert CANARY not in "".join(texts(section))
    finish(bench.workbench.forget_remote("reg"))


def test_the_options_of_a_remote_can_be_changed_and_are_tried_at_once(
    section: RemotesSection, bench: Context, alerts: list[Alert], keyring: None, qtbot: QtBot
) -> None:
    bench.workbench.add_remote("reg", "oci://ghcr.io/a/b", mount="a/base")
    finish(bench.workbench.login("reg", Secret(CANARY, "jane")))
    section.fill()

    def change(dialog: RemoteDialog) -> None:
        assert (dialog.name.isEnabled(), dialog.address.isEnabled()) == (False, False)
        assert (dialog.options["mount"].text(), dialog.limit.text()) == ("a/base", "")
        dialog.options["mount"].clear()
        dialog.limit.setText("-3")
        qtbot.mouseClick(dialog.confirm, Qt.MouseButton.LeftButton)
        assert dialog.isVisible()
        dialog.limit.setText("1.5")
        qtbot.mouseClick(dialog.confirm, Qt.MouseButton.LeftButton)

    during(RemoteDialog, change)
    press(section, "Change…")
    (remote,) = bench.workbench.remotes()
    assert (remote.options, remote.throttle, remote.signed_in) == ({}, 1_500_000, "keyring")
    assert alerts[-1].message.startswith("reg answers as jane")
    finish(bench.workbench.forget_remote("reg"))


def test_a_remote_that_failed_says_so_in_its_row_until_it_answers(
    section: RemotesSection, bench: Context, keyring: None, qtbot: QtBot
) -> None:
    bench.workbench.add_remote("reg", "oci://ghcr.io/a/b")
    bench.workbench.keep_login("reg", Secret("wrong", "jane"))
    section.test("reg")
    assert "failed" in texts(section)
    (failed,) = [one for one in section.findChildren(QLabel) if one.text() == "failed"]
    assert failed.toolTip() == "ghcr.io: does not accept the login"
    bench.workbench.keep_login("reg", Secret(CANARY, "jane"))
    section.test("reg")
    assert "failed" not in texts(section)
    (tested,) = [one for one in section.findChildren(QLabel) if one.text() == "just now"]
    section.grab()
    assert tested.toolTip()


def test_a_wrong_login_is_told_with_a_way_to_sign_in_again(
    section: RemotesSection, bench: Context, alerts: list[Alert], keyring: None, qtbot: QtBot
) -> None:
    bench.workbench.add_remote("reg", "oci://ghcr.io/a/b")
    section.fill()
    during(LoginDialog, sign_in("jane", "wrong", qtbot))
    section.sign_in("reg")
    assert (alerts[-1].message, alerts[-1].remedy) == ("ghcr.io: does not accept the login", "Sign in…")
    during(LoginDialog, sign_in("jane", CANARY, qtbot))
    assert alerts[-1].act is not None
    alerts[-1].act()
    assert "may write" in alerts[-1].message
    finish(bench.workbench.forget_remote("reg"))


def test_without_a_keyring_the_dialog_says_so_and_the_session_serves(
    section: RemotesSection, bench: Context, alerts: list[Alert], qtbot: QtBot
) -> None:
    bench.workbench.add_remote("reg", "oci://ghcr.io/a/b")
    section.fill()
    said: list[str] = []

    def fill(dialog: LoginDialog) -> None:
        said.append(dialog.kept.text())
        assert dialog.session.isChecked()
        assert not dialog.session.isEnabled()
        sign_in("jane", CANARY, qtbot)(dialog)

    during(LoginDialog, fill)
    section.sign_in("reg")
    assert said == ["No keyring on this machine; logins are kept for one session only."]
    assert "may write" in alerts[-1].message
    assert bench.workbench.remote("reg").signed_in == "session"
    assert Settings.load().remotes["reg"].keys() <= {"address", "account", "tested"}


def test_where_a_login_will_rest_is_said_as_it_is_chosen(
    section: RemotesSection, bench: Context, keyring: None, qtbot: QtBot
) -> None:
    bench.workbench.add_remote("reg", "oci://ghcr.io/a/b")
    said: list[str] = []

    def choose(dialog: LoginDialog) -> None:
        said.append(dialog.kept.text())
        dialog.session.click()
        said.append(dialog.kept.text())
        dialog.session.click()
        said.append(dialog.kept.text())

    during(LoginDialog, choose)
    section.sign_in("reg")
    rests = "Kept in the keyring. Secret Service: ready."
    assert said == [rests, "Kept in memory, and forgotten when Diptych closes.", rests]


def test_a_keyring_that_declines_leaves_the_session(
    section: RemotesSection, bench: Context, alerts: list[Alert], tmp_path: Path, qtbot: QtBot
) -> None:
    bench.workbench.add_remote("reg", "oci://ghcr.io/a/b")
    with session(tmp_path, "locked", "declining") as environment, pytest.MonkeyPatch.context() as inside:
        inside.setenv("DBUS_SESSION_BUS_ADDRESS", environment["DBUS_SESSION_BUS_ADDRESS"])
        during(LoginDialog, sign_in("jane", CANARY, qtbot))
        section.sign_in("reg")
    assert "declined" in alerts[-1].message
    assert alerts[-1].remedy == "Use it until Diptych closes"
    assert alerts[-1].act is not None
    alerts[-1].act()
    assert "may write" in alerts[-1].message


def test_a_login_of_another_program_is_offered_where_it_fits(
    section: RemotesSection, bench: Context, alerts: list[Alert], keyring: None, home: Path, qtbot: QtBot
) -> None:
    (home / ".netrc").write_text(f"machine ghcr.io login jane password {CANARY}\nmachine x.org login y password z\n")
    bench.workbench.add_remote("reg", "oci://ghcr.io/a/b")

    def choose(dialog: LoginDialog) -> None:
        assert [dialog.source.itemText(at) for at in range(dialog.source.count())] == [
            "Type it in", ".netrc login at ghcr.io as jane · ~/.netrc",
        ]  # fmt: skip
        dialog.source.setCurrentIndex(1)
        qtbot.mouseClick(dialog.confirm, Qt.MouseButton.LeftButton)

    during(LoginDialog, choose)
    section.sign_in("reg")
    assert "may write" in alerts[-1].message
    assert finish(credentials.get("reg")) == Secret(CANARY, "jane")
    finish(bench.workbench.forget_remote("reg"))


def test_logins_are_copied_only_when_they_are_ticked(
    section: RemotesSection, bench: Context, keyring: None, home: Path, qtbot: QtBot
) -> None:
    (home / ".netrc").write_text(f"machine ghcr.io login jane password {CANARY}\nmachine x.org login y password z\n")
    bench.workbench.add_remote("reg", "oci://ghcr.io/a/b")

    def tick(dialog: FoundDialog) -> None:
        lines = [dialog.list.item(row).text() for row in range(dialog.list.count())]
        assert CANARY not in "".join(lines)
        assert "→   reg" in lines[0]
        assert "no remote at x.org yet" in lines[1]
        assert not dialog.confirm.isEnabled()
        dialog.list.item(0).setCheckState(Qt.CheckState.Checked)
        qtbot.mouseClick(dialog.confirm, Qt.MouseButton.LeftButton)

    during(FoundDialog, lambda dialog: dialog.reject())
    qtbot.mouseClick(button(section, "Logins of other programs…"), Qt.MouseButton.LeftButton)
    assert bench.workbench.remote("reg").signed_in == ""
    during(FoundDialog, tick)
    qtbot.mouseClick(button(section, "Logins of other programs…"), Qt.MouseButton.LeftButton)
    assert finish(credentials.get("reg")) == Secret(CANARY, "jane")
    finish(bench.workbench.forget_remote("reg"))


def test_a_remote_takes_one_login_of_those_that_fit(
    section: RemotesSection, bench: Context, home: Path, qtbot: QtBot
) -> None:
    (home / ".aws").mkdir()
    keys = "[{}]\naws_access_key_id = {}\naws_secret_access_key = " + CANARY + "\n"
    (home / ".aws" / "credentials").write_text(keys.format("home", "AKIA1") + keys.format("work", "AKIA2"), "utf-8")
    bench.workbench.add_remote("store", "s3://bucket")
    bench.workbench.add_remote("other", "s3://bucket-2")
    chosen: list[list[tuple[str, str]]] = []

    def tick(dialog: FoundDialog) -> None:
        lines = [dialog.list.item(row) for row in range(4)]
        assert ["store" in line.text() for line in lines] == [False, True, False, True]
        for row in (1, 2, 3):
            place = dialog.list.visualItemRect(lines[row]).center()
            qtbot.mouseClick(dialog.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
        chosen.append([(name, login.key) for name, login in dialog.chosen()])

    during(FoundDialog, tick)
    section.look_for_logins()
    assert chosen == [[("other", "aws:work"), ("store", "aws:work")]]


def test_renaming_takes_the_login_along_and_forgetting_asks_first(
    section: RemotesSection, bench: Context, keyring: None, qtbot: QtBot
) -> None:
    bench.workbench.add_remote("reg", "oci://ghcr.io/a/b")
    finish(bench.workbench.login("reg", Secret(CANARY, "jane")))
    section.fill()

    def rename(dialog: RenameDialog) -> None:
        dialog.name.clear()
        qtbot.keyClicks(dialog.name, "registry")
        qtbot.keyClick(dialog.name, Qt.Key.Key_Return)

    def answer(words: str) -> Callable[[QMessageBox], None]:
        def click(question: QMessageBox) -> None:
            assert "cannot be brought back" in question.informativeText()
            qtbot.mouseClick(next(one for one in question.buttons() if one.text() == words), Qt.MouseButton.LeftButton)

        return click

    during(RenameDialog, rename)
    press(section, "Rename…")
    assert finish(credentials.get("registry")) == Secret(CANARY, "jane")
    texts(section)
    during(QMessageBox, answer("Cancel"))
    press(section, "Forget…")
    assert [one.name for one in bench.workbench.remotes()] == ["registry"]
    during(QMessageBox, answer("Forget"))
    press(section, "Forget…")
    assert bench.workbench.remotes() == ()
    assert finish(credentials.get("registry")) is None


def test_a_keyring_that_asks_blocks_nothing_and_can_be_left(
    workbench: Workbench, theme: Theme, tmp_path: Path, qtbot: QtBot, figure: Callable[[str], None]
) -> None:
    runner = Runner()
    workbench.add_remote("reg", "oci://ghcr.io/a/b")
    workbench.settings.remotes["reg"]["login"] = "keyring"
    section = RemotesSection(Context(workbench, runner, theme))
    qtbot.addWidget(section)
    section.fill()
    section.show()
    try:
        with session(tmp_path, "locked", "silent") as environment, pytest.MonkeyPatch.context() as inside:
            inside.setenv("DBUS_SESSION_BUS_ADDRESS", environment["DBUS_SESSION_BUS_ADDRESS"])

            def asking() -> bool:
                return any("The keyring is asking" in one.text() for one in section.findChildren(Elided))

            def test() -> None:
                section.test("reg")

            busy, idle = longest_gap(qtbot, test, asking, tries=3)
            figure(f"keyring asking: longest gap of the window {busy * 1000:.0f} ms, idle {idle * 1000:.0f} ms")
            assert busy - idle < 0.1
            begun = time.monotonic()
            qtbot.mouseClick(button(section, "Cancel"), Qt.MouseButton.LeftButton)
            qtbot.waitUntil(lambda: not runner.active, timeout=5000)
            assert time.monotonic() - begun < 2
            assert "oci://ghcr.io/a/b" in texts(section)
    finally:
        runner.close()
