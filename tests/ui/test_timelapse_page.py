"""The page of a run's time-lapse as a user meets it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from watchdog import longest_gap

from diptych.catalog import Catalog
from diptych.compare.timelapse import Against
from diptych.domain.version import Version
from diptych.job import finish
from diptych.settings import Settings
from diptych.ui.actions import bind
from diptych.ui.context import Context
from diptych.ui.mainwindow import MainWindow
from diptych.ui.pages.timelapse import TimelapsePage
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.workbench import Workbench
from walking import long_run

Key = Qt.Key
RUN = "sft-math"
STEPS = tuple(500 * (number + 1) for number in range(6))


@pytest.fixture
def walked(home: Path, inline_runner: Runner, theme: Theme) -> Iterator[Context]:
    """A run of six checkpoints, all with fingerprints."""
    made = Workbench(Catalog(home / "walked.db"), Settings())
    long_run(made, RUN, 6, 4)
    yield Context(made, inline_runner, theme)
    made.catalog.close()


@pytest.fixture
def show(qtbot: QtBot) -> Callable[..., TimelapsePage]:
    """Shows the page in a window of its own."""

    def shown(context: Context, model: str, step: int | None = None) -> TimelapsePage:
        page = TimelapsePage(context)
        bind(page.actions_table, page)
        context.changed.connect(page.refresh)
        qtbot.addWidget(page)
        page.resize(1100, 760)
        with qtbot.waitActive(page):
            page.show()
            page.activateWindow()
        page.entered()
        page.show_run(model, step)
        return page

    return shown


def test_the_keys_scrub_and_all_views_follow(walked: Context, show: Callable[..., TimelapsePage], qtbot: QtBot) -> None:
    page = show(walked, RUN)
    assert page.place == 5
    assert page.foot.step.text().startswith("Step 3,000: moved")
    for key, place in ((Key.Key_Left, 4), (Key.Key_Left, 3), (Key.Key_Right, 4), (Key.Key_Home, 0), (Key.Key_Left, 0),
                       (Key.Key_End, 5), (Key.Key_Right, 5)):  # fmt: skip
        qtbot.keyClick(page.body.map, key)
        assert [page.place, *(view.place for view in page.body.views)] == [place] * 4
        assert f"Step {STEPS[place]:,}" in page.foot.step.text()
        assert all(f"Step {STEPS[place]:,}" in view.accessibleDescription() for view in page.body.views)
    assert "estimated from fingerprints, ± in 95 of 100 cases" in page.foot.source.text()
    assert "±" in page.foot.step.text()
    assert page.foot.layers.text().startswith("Moved most: layer 3")


def test_up_and_down_choose_the_layer_that_is_told(
    walked: Context, show: Callable[..., TimelapsePage], qtbot: QtBot
) -> None:
    page = show(walked, RUN)
    assert "embed at step 3,000: the same values" in page.foot.source.text()
    qtbot.keyClick(page.body.map, Key.Key_Down)
    assert "layer 0 at step 3,000: 0.0" in page.foot.source.text()
    qtbot.keyClick(page.body.map, Key.Key_A)
    assert page.against is Against.FIRST
    qtbot.keyClick(page.body.map, Key.Key_Home)
    assert "layer 0 at step 500: what the others are held against" in page.foot.source.text()


def test_enter_compares_with_the_step_before(walked: Context, show: Callable[..., TimelapsePage], qtbot: QtBot) -> None:
    asked: list[tuple[Version, Version]] = []
    walked.comparison_asked.connect(lambda left, right: asked.append((left, right)))
    page = show(walked, RUN, 1500)
    for view in page.body.views:
        view.setFocus()
        qtbot.keyClick(view, Key.Key_Return)
    assert [(left.step, right.step) for left, right in asked] == [(1000, 1500)] * 3
    qtbot.keyClick(page.body.map, Key.Key_Home)
    qtbot.keyClick(page.body.map, Key.Key_Return)
    assert len(asked) == 3
    assert not page.foot.compare.isEnabled()


def test_the_pointer_chooses_in_every_view(walked: Context, show: Callable[..., TimelapsePage], qtbot: QtBot) -> None:
    page = show(walked, RUN)
    for view in page.body.views:
        spots = {view.place_at(QPoint(x, y).toPointF()): QPoint(x, y)
                 for x in range(0, view.width(), 8) for y in range(view.height() - 20, 24, -8)}  # fmt: skip
        for place in (1, 4):
            qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=spots[place])
            assert page.place == place
        assert f"step {STEPS[1]:,}" in view.tip_at(spots[1].toPointF())


def test_the_switch_shows_another_map(walked: Context, show: Callable[..., TimelapsePage], qtbot: QtBot) -> None:
    page = show(walked, RUN)
    said = set()
    for against in Against:
        qtbot.mouseClick(page.head._buttons[against], Qt.MouseButton.LeftButton)
        assert page.against is against
        said.add(page.body.map.text_at(1, 3))
    assert len(said) == 3


def test_the_table_says_the_same_and_keeps_the_step(
    walked: Context, show: Callable[..., TimelapsePage], qtbot: QtBot
) -> None:
    page = show(walked, RUN, 2000)
    qtbot.keyClick(page.body.map, Key.Key_T)
    assert page.table.isVisible()
    assert page.table.currentIndex().row() == 3
    assert page.facts.rowCount() == 6
    assert page.facts.line(3).split("\t")[0] == "2,000"
    qtbot.keyClick(page.table, Key.Key_Down)
    assert page.place == 4
    qtbot.keyClick(page.table, Key.Key_Left)
    assert (page.place, page.table.currentIndex().row()) == (3, 3)
    qtbot.keyClick(page.table, Key.Key_T)
    assert page.body.isVisible()
    assert page.body.map.place == 3


def test_missing_fingerprints_are_made_from_the_page(
    context: Context, show: Callable[..., TimelapsePage], qtbot: QtBot
) -> None:
    page = show(context, "base-pretrain")
    assert page.nothing.words.text() == "None of 3 checkpoints has a fingerprint; two are needed."
    assert page.nothing.act.text() == "Fingerprint 3 checkpoints"
    qtbot.mouseClick(page.nothing.act, Qt.MouseButton.LeftButton)
    assert page.body.isVisible()
    assert page.missing.isHidden()
    assert page.foot.step.text().startswith("Step 300")


def test_some_missing_are_counted_and_the_rest_is_shown(
    context: Context, show: Callable[..., TimelapsePage], qtbot: QtBot
) -> None:
    workbench = context.workbench
    finish(workbench.fingerprint([workbench.resolve(f"base-pretrain/checkpoint-{step}").key for step in (100, 300)]))
    page = show(context, "base-pretrain")
    assert page.body.isVisible()
    assert page.missing.isVisible()
    assert page.missing.words.text().startswith("1 checkpoint has no fingerprint yet")
    qtbot.mouseClick(page.missing.make, Qt.MouseButton.LeftButton)
    assert page.missing.isHidden()
    assert page.facts.rowCount() == 3


def test_making_can_be_cancelled(
    library: Workbench, theme: Theme, show: Callable[..., TimelapsePage], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diptych.job import Job, Tick

    def endless(keys: list[int]) -> Job[None]:
        while True:
            yield Tick("Reading", 1, 4, "bytes")

    context = Context(library, Runner(), theme)
    page = show(context, "base-pretrain")
    qtbot.waitUntil(lambda: page.nothing.act.text() == "Fingerprint 3 checkpoints", timeout=20_000)
    monkeypatch.setattr(library, "fingerprint", endless)
    qtbot.mouseClick(page.nothing.act, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.missing.cancel.isVisible() and page.missing.progress.value() == 250, timeout=20_000)
    assert page.nothing.act.isHidden()
    qtbot.mouseClick(page.missing.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.nothing.act.isVisible(), timeout=20_000)
    assert page.missing.isHidden()
    context.runner.close()


def test_what_cannot_be_shown_is_said(context: Context, show: Callable[..., TimelapsePage], qtbot: QtBot) -> None:
    page = show(context, "gone")
    assert "gone: no checkpoints" in page.nothing.words.text()
    assert page.nothing.act.text() == "Try again"
    page.show_run("sft")
    assert page.nothing.words.text() == "None of 2 checkpoints has a fingerprint; two are needed."
    assert "not here" in page.nothing.hint.text()
    assert page.nothing.act.isHidden()


def test_it_is_reached_from_run_and_version_and_left_again(walked: Context, qtbot: QtBot) -> None:
    window = MainWindow(walked)
    qtbot.addWidget(window)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    window.bind()
    library = window.page("library")
    library.entered()
    qtbot.keyClick(library.table, Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    page = window.page("timelapse")
    assert isinstance(page, TimelapsePage)
    assert window.stack.currentWidget() is page
    assert page.model == RUN
    qtbot.keyClick(page.body.map, Key.Key_Escape)
    assert window.stack.currentWidget() is library
    key = walked.workbench.resolve(f"{RUN}/checkpoint-1500").key
    window.show_version(key)
    version = window.page("version")
    qtbot.mouseClick(version.header.timelapse, Qt.MouseButton.LeftButton)
    assert window.stack.currentWidget() is page
    assert STEPS[page.place] == 1500
    assert "Next step" in [bound.text() for bound in window._here()]


def test_picture_and_table_are_written(
    walked: Context, show: Callable[..., TimelapsePage], qtbot: QtBot, tmp_path: Path
) -> None:
    page = show(walked, RUN)
    page.export_picture(tmp_path / "lapse.png")
    picture = QImage(str(tmp_path / "lapse.png"))
    assert picture.width() > 2 * page.body.width()
    page.export_table(tmp_path / "lapse.csv")
    with (tmp_path / "lapse.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * (1 + 6)
    whole = [row for row in rows if row["layer"] == "all"]
    assert [row["step"] for row in whole] == [str(step) for step in STEPS]
    assert float(whole[0]["first"]) == float(whole[-1]["last"]) == 0
    assert float(whole[-1]["first"]) == pytest.approx(float(whole[0]["last"]))


def test_every_widget_that_takes_the_focus_has_a_name(
    walked: Context, show: Callable[..., TimelapsePage], qtbot: QtBot
) -> None:
    page = show(walked, RUN)
    unnamed = []
    for child in page.findChildren(QWidget):
        if child.focusPolicy() & Qt.FocusPolicy.TabFocus and child.focusProxy() is None:
            face = QAccessible.queryAccessibleInterface(child)
            if child is not page.nothing.act and (face is None or not face.text(QAccessible.Text.Name).strip()):
                unnamed.append(type(child).__name__)
    assert unnamed == []


def test_a_long_run_never_holds_the_window(
    home: Path, theme: Theme, show: Callable[..., TimelapsePage], qtbot: QtBot
) -> None:
    workbench = Workbench(Catalog(home / "long.db"), Settings())
    long_run(workbench, RUN, 100, 40)
    context = Context(workbench, Runner(), theme)
    page = show(context, RUN)
    qtbot.waitUntil(lambda: page.lapse is not None, timeout=30_000)

    def act() -> None:
        page.lapse = None
        page.read()

    gap, idle = longest_gap(qtbot, act, lambda: page.lapse is not None)
    assert gap < 0.05 + idle
    gap, idle = longest_gap(qtbot, lambda: qtbot.keyClick(page.body.map, Key.Key_Left), page.isVisible)
    assert gap < 0.05 + idle
    context.runner.close()
    workbench.catalog.close()
