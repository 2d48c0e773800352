"""Looking for the logins of other programs where there are none."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from diptych.ui.context import Alert, Context
from diptych.ui.pages.settings_remotes import RemotesSection


def test_where_no_login_is_found_no_empty_list_is_shown(context: Context, qtbot: QtBot) -> None:
    section = RemotesSection(context)
    qtbot.addWidget(section)
    alerts: list[Alert] = []
    context.alerted.connect(alerts.append)
    section.look_for_logins()
    qtbot.waitUntil(lambda: bool(alerts))
    assert (alerts[0].message, alerts[0].done) == ("No login of another program was found.", False)
    assert QApplication.activeModalWidget() is None
