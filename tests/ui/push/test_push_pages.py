"""Pushing as a user does it: a key, a plan to look at, a receipt."""

from __future__ import annotations

from pathlib import Path

import pytest
from meeting import answer
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from diptych.domain.shipping import Wishes
from diptych.domain.version import Version
from diptych.errors import NeedsSecret
from diptych.job import Job, Tick, finish
from diptych.reports.card import Card
from diptych.ui.context import Alert, Context
from diptych.ui.dialogs.card import CardDialog
from diptych.ui.dialogs.push import PushDialog
from diptych.ui.pages.activity import outcome
from diptych.ui.pages.compare import opened
from diptych.ui.pages.compare_header import choices
from diptych.ui.pages.pushing import Pushes
from diptych.workbench import Workbench
from making import make_model

README = "---\nlicense: mit\n---\n# Mine\n"


def test_without_a_remote_the_way_to_settings_is_shown(
    workbench: Workbench, pushes: Pushes, context: Context, alerts: list[Alert], tmp_path: Path, qtbot: QtBot
) -> None:
    finish(workbench.scan([make_model(tmp_path / "model")]))
    asked: list[str] = []
    context.page_asked.connect(asked.append)
    pushes.push(workbench.page()[0])
    qtbot.waitUntil(lambda: bool(alerts))
    assert alerts[0].message == "No remote is known yet."
    assert alerts[0].act is not None
    alerts[0].act()
    assert asked == ["settings"]


def test_a_push_ends_with_a_receipt_and_the_next_takes_one_click(
    pushes: Pushes, context: Context, version: Version, alerts: list[Alert], share: Path, qtbot: QtBot
) -> None:
    def accept(shown: QWidget) -> None:
        assert isinstance(shown, PushDialog)

        def go() -> None:
            if not shown.planned:
                QTimer.singleShot(20, go)
                return
            shown.looked.setChecked(True)
            shown.push.click()

        go()

    answer(qtbot, accept)
    pushes.push(version)
    qtbot.waitUntil(lambda: any("verified" in alert.message for alert in alerts))
    assert len(list(share.rglob("model.safetensors"))) == 1
    assert not list(share.rglob("training_args.bin"))
    alerts.clear()
    pushes.push(version)  # the same version: nothing to do, and nothing is asked
    qtbot.waitUntil(lambda: bool(alerts))
    assert "already" in alerts[0].message
    assert QApplication.activeModalWidget() is None


def test_a_harmless_push_asks_nothing(
    pushes: Pushes, workbench: Workbench, alerts: list[Alert], share: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    run = tmp_path / "run"
    workbench.add_remote("share", share.as_uri())
    for step in (100, 200):
        (make_model(run / f"checkpoint-{step}", seed=step) / "README.md").write_text(README, "utf-8")
    finish(workbench.scan([run]))
    first, second = workbench.page(sort="step", descending=False)
    assert first.model == second.model
    (targeted,) = finish(workbench.plan_push(first, [("share", Wishes())]))
    finish(workbench.push(targeted))
    pushes.push(second)
    qtbot.waitUntil(lambda: any("verified" in alert.message for alert in alerts))
    assert QApplication.activeModalWidget() is None
    assert len(list(share.rglob("model.safetensors"))) == 2


def test_a_push_of_one_click_that_wants_a_login_leads_to_where_it_is_given(
    pushes: Pushes, workbench: Workbench, version: Version, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> Job[None]:
        yield Tick("Asking")
        raise NeedsSecret("the remote: wants a login", "Sign in again.")

    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    finish(workbench.push(targeted))
    monkeypatch.setattr(Workbench, "push_at_once", refused)
    shown: list[QWidget] = []

    def look(dialog: QWidget) -> None:
        shown.append(dialog)
        dialog.close()

    answer(qtbot, look)
    pushes.push(version)
    qtbot.waitUntil(lambda: bool(shown))
    assert isinstance(shown[0], PushDialog)


def test_a_push_of_one_click_is_seen_from_its_first_moment(
    pushes: Pushes, context: Context, workbench: Workbench, version: Version, alerts: list[Alert], qtbot: QtBot
) -> None:
    finish(workbench.hash())
    version = workbench.page()[0]
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    finish(workbench.push(targeted))
    pushes.push(version)
    qtbot.waitUntil(lambda: bool(alerts))
    (shown,) = [job for job in context.runner.jobs if not job.quiet]
    assert shown.title == f"Push {version.name} to share"
    assert outcome(shown) == "It is there already, as it is here."


def test_a_card_that_is_kept_goes_with_the_next_push(
    pushes: Pushes, workbench: Workbench, version: Version, share: Path, alerts: list[Alert], qtbot: QtBot
) -> None:
    finish(workbench.hash())
    version = workbench.page()[0]

    def keep(shown: QWidget) -> None:
        assert isinstance(shown, CardDialog)
        assert version.id in shown.text()
        shown.field.setPlainText("# By hand\n")
        shown.accept()

    answer(qtbot, keep)
    pushes.card(version)
    qtbot.waitUntil(lambda: bool(alerts))
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    assert targeted.plan.harmless
    finish(workbench.push(targeted))
    assert next(share.rglob("README.md")).read_text("utf-8") == "# By hand\n"


def test_a_card_that_was_only_looked_at_keeps_its_line_ends(context: Context, qtbot: QtBot) -> None:
    written = "---\r\nlicense: mit\r\n---\r\n# By hand\r\n"
    dialog = CardDialog(context.theme, "tuned", Card(written, (), ()))
    qtbot.addWidget(dialog)
    assert dialog.text() == written
    dialog.field.appendPlainText("more")
    assert dialog.text().endswith("# By hand\n\nmore")


def test_the_preview_of_a_card_takes_the_sizes_of_the_window(context: Context, qtbot: QtBot) -> None:
    card = Card("# Title\n\nWords.\n\n## Part\n\n- one\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n", (), ())
    dialog = CardDialog(context.theme, "tuned", card)
    qtbot.addWidget(dialog)
    dialog.preview.show_markdown(dialog.text())
    document = dialog.preview.document().clone()
    document.setTextWidth(400)
    assert document.size().height() > 0  # asking lays it out
    block = document.begin()
    sizes: dict[str, int] = {}
    margins: dict[str, float] = {}
    while block.isValid():
        sizes[block.text()] = round(block.layout().lineAt(0).ascent()) if block.layout().lineCount() else 0
        margins[block.text()] = block.blockFormat().bottomMargin()
        block = block.next()
    assert sizes["Title"] > sizes["Part"] > sizes["Words."] > 0
    assert margins["Words."] > 0
    assert margins["1"] == 0


def test_a_delivery_can_be_one_side_of_a_comparison(workbench: Workbench, version: Version, share: Path) -> None:
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    finish(workbench.push(targeted))
    refs = finish(choices(workbench, "share@", None))
    assert [choice.note for choice in refs] == ["tag"]
    comparison = finish(opened(workbench, version, refs[0].value))
    assert comparison.right.version.name == refs[0].text
    files = {row.key: row.status for row in finish(comparison.sheet("files")).rows}
    assert files["model.safetensors"] == "same"


def test_what_was_typed_of_a_remote_is_offered_as_it_is(workbench: Workbench, version: Version) -> None:
    (choice,) = finish(choices(workbench, "share@v1", None))
    assert choice.value == "share@v1"
