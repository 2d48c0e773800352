"""A version, a share to bring it to, and a window whose jobs run in workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from diptych.domain.version import Version
from diptych.job import finish
from diptych.ui.context import Alert, Context
from diptych.ui.dialogs.push import PushDialog
from diptych.ui.pages.pushing import Pushes
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.workbench import Workbench
from making import make_model


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


@pytest.fixture
def version(workbench: Workbench, tmp_path: Path, share: Path) -> Version:
    """A model with a pickle and without a card, and a remote that is a folder."""
    model = make_model(tmp_path / "model")
    (model / "training_args.bin").write_bytes(b"pickle")
    finish(workbench.scan([model]))
    workbench.add_remote("share", share.as_uri())
    return workbench.page()[0]


@pytest.fixture
def context(qapp: QApplication, workbench: Workbench) -> Iterator[Context]:
    made = Context(workbench, Runner(), Theme(qapp, "light"))
    yield made
    made.runner.close()


@pytest.fixture
def alerts(context: Context) -> list[Alert]:
    said: list[Alert] = []
    context.alerted.connect(said.append)
    return said


@pytest.fixture
def pushes(context: Context, qtbot: QtBot) -> Pushes:
    page = QWidget()
    qtbot.addWidget(page)
    return Pushes(context, page)


@pytest.fixture
def dialog(context: Context, version: Version, qtbot: QtBot) -> PushDialog:
    """The dialog over the one remote, its plan known."""
    made = PushDialog(context, version, context.workbench.remotes())
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: bool(made.planned))
    return made
