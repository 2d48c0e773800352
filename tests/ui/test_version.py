"""The page of one version as a user meets it, over a catalog that was scanned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from diptych.domain.changes import Changes
from diptych.domain.evidence import Sample
from diptych.domain.version import Problem, State
from diptych.errors import NotFound
from diptych.job import finish
from diptych.ui.actions import bind
from diptych.ui.context import Alert, Context, Inspection
from diptych.ui.pages import version_tables as tables
from diptych.ui.pages.version import SECTIONS, VersionPage
from diptych.ui.pages.version_jobs import read_samples
from diptych.ui.pages.version_tables import plain
from diptych.ui.widgets.table import RowTable
from dossiers import sample
from making import make_model, make_tokenizer

Key = Qt.Key


@pytest.fixture
def show(context: Context, qtbot: QtBot) -> Callable[[str], VersionPage]:
    """Shows a version by name, in a window of its own."""

    kept: list[VersionPage] = []  # a page that nobody holds would be collected while it draws

    def shown(name: str) -> VersionPage:
        page = VersionPage(context)
        kept.append(page)
        bind(page.actions_table, page)
        context.changed.connect(page.refresh)
        qtbot.addWidget(page)
        page.resize(1280, 800)
        with qtbot.waitActive(page):
            page.show()
            page.activateWindow()
        page.show_version(context.workbench.resolve(name).key)
        page.entered()
        return page

    return shown


def rows(page: VersionPage, key: str) -> list[list[str]]:
    model = page.sections[key].model
    return [model.line(row).split("\t") for row in range(model.rowCount())]


def test_weights_that_cannot_be_read_are_not_said_to_be_elsewhere(
    show: Callable[[str], VersionPage], context: Context, tmp_path: Path
) -> None:
    file = make_model(tmp_path / "cut") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    make_tokenizer(file.parent)
    finish(context.workbench.scan([file.parent]))
    assert "cannot be read: model.safetensors: " in show("cut").sections["weights"]._words.text()
    file.parent.rename(tmp_path / "away")
    finish(context.workbench.scan([file.parent]))
    page = show("cut")
    assert page.sections["weights"]._words.text() == "The weights are not here."
    assert page.sections["tokenizer"]._words.text() == "The tokenizer is not here now."


def test_answers_of_files_that_are_there_are_shown_where_others_are_gone() -> None:
    def read(count: int) -> Iterator[Sample]:
        yield from (sample(number, "x") for number in range(count))
        raise NotFound("samples_other.jsonl: not there now")

    assert len(finish(read_samples(lambda: read(3)))) == 3
    with pytest.raises(NotFound):
        finish(read_samples(lambda: read(0)))


def test_every_section_is_filled_or_says_why_not(show: Callable[[str], VersionPage]) -> None:
    page = show("sft/checkpoint-200")
    assert page.header.name.text() == "sft/checkpoint-200"
    assert dict(pair for pair in rows(page, "overview"))["Step"] == "200"
    assert any(row[0].endswith("hidden_size") for row in rows(page, "config"))
    assert ["arith", "acc", "0.6667"] in [row[:3] for row in rows(page, "metrics")]
    assert len(rows(page, "outputs")) == 3
    assert any(row[0] == "model.embed_tokens.weight" for row in rows(page, "weights"))
    assert any(row[0] == "Chat template" for row in rows(page, "tokenizer"))
    assert any(row[0] == "model.safetensors" for row in rows(page, "files"))
    lone = show("sft/checkpoint-100")
    assert rows(lone, "weights") == []
    assert "not here" in lone.sections["weights"]._words.text()


def test_the_rail_counts_and_leads_to_a_section(show: Callable[[str], VersionPage], qtbot: QtBot) -> None:
    page = show("base-pretrain/checkpoint-300")
    entries = {entry.key: entry for entry in page.rail.entries()}
    assert list(entries) == [key for key, _ in SECTIONS]
    assert entries["weights"].badge == str(len(rows(page, "weights")))
    page.go_to("files")
    qtbot.waitUntil(lambda: page.report.verticalScrollBar().value() > 0, timeout=2000)


def test_curves_are_drawn(show: Callable[[str], VersionPage], qtbot: QtBot) -> None:
    page = show("base-pretrain/checkpoint-300")
    qtbot.waitUntil(lambda: len(page.curves.plots) >= 2)
    names = [plot.focusProxy().accessibleName() for plot in page.curves.plots]
    assert "Chart of loss by step" in names


def test_curves_go_over_epochs_and_smoother_and_what_is_not_known_here_stays_wanted(
    show: Callable[[str], VersionPage], qtbot: QtBot, context: Context
) -> None:
    context.workbench.settings.curves_over = "progress"
    page = show("base-pretrain/checkpoint-300")
    curves = page.curves
    qtbot.waitUntil(lambda: len(curves.plots) >= 2)
    qtbot.waitUntil(lambda: curves.bar.isVisible() and curves.bar.axis() == "step")
    curves.bar.slider.setValue(50)
    qtbot.waitUntil(lambda: [curve.faint for curve in curves.plots[0]._curves] == [True, False])
    assert context.workbench.settings.curves_over == "progress"
    qtbot.mouseClick(curves.bar._buttons["epoch"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "by epoch" in curves.plots[0].focusProxy().accessibleName())
    settings = context.workbench.settings
    assert (settings.curves_over, settings.smoothing) == ("epoch", 0.5)


def test_a_long_table_gets_the_page_and_gives_it_back(show: Callable[[str], VersionPage], qtbot: QtBot) -> None:
    page = show("base-pretrain/checkpoint-300")
    section = page.sections["weights"]
    qtbot.waitUntil(lambda: section.more.isVisible())
    qtbot.mouseClick(section.more, Qt.MouseButton.LeftButton)
    assert page.focus.isVisible()
    assert page.focus.model.rowCount() == len(rows(page, "weights")) > 12
    qtbot.keyClicks(page.focus.field, "layers.1 q_proj")
    qtbot.waitUntil(lambda: page.focus.model.rowCount() == 1, timeout=2000)
    page.focus.table.setFocus()
    qtbot.keyClick(page.focus.table, Key.Key_Escape)
    assert not page.focus.isVisible()
    with qtbot.waitSignal(page.left):
        qtbot.keyClick(page.rail, Key.Key_Escape)


def test_a_row_can_be_copied_and_tells_its_source(
    show: Callable[[str], VersionPage], qtbot: QtBot, context: Context
) -> None:
    page = show("sft/checkpoint-200")
    inspected: list[Inspection] = []
    context.inspected.connect(inspected.append)
    table = page.sections["config"].table
    qtbot.waitUntil(table.isVisible)
    table.setFocus()
    table.setCurrentIndex(table.model().index(0, 0))
    assert inspected[-1].source.count("config.json") == 1
    qtbot.keyClick(table, Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "\t".join(rows(page, "config")[0])


def test_tags_stars_and_notes_are_changed_in_place(
    show: Callable[[str], VersionPage], qtbot: QtBot, context: Context
) -> None:
    page = show("adapters/lora")
    assert page.version is not None
    key = page.version.key
    context.apply(context.workbench.tag([key], add=["ship"]))
    assert page.header.tags.words() == ("ship",)
    page.header.tags.removed.emit("ship")
    assert page.header.tags.words() == ()
    qtbot.keyClick(page.rail, Key.Key_3)
    assert page.header.stars.count() == 3
    page.header.stars.setFocus()
    qtbot.keyClick(page.header.stars, Key.Key_Right)
    assert page.header.stars.count() == 4
    page.verbs.write_note(key, "a note\nwith two lines")
    assert page.header.note.text() == "a note with two lines"


def test_what_is_not_whole_says_so_and_offers_to_scan_again(
    show: Callable[[str], VersionPage], qtbot: QtBot, context: Context
) -> None:
    page = show("adapters/lora")
    assert not page.header.state.isVisible()
    assert page.version is not None
    page.header.show_version(page.version._replace(state=State.PARTIAL), False)
    assert page.header.state.isVisible()
    assert page.version.path is not None
    faults = (Problem(str(page.version.path / "sub" / "x.safetensors"), "is cut"), Problem("/else/y.json", "is empty"))
    overview = tables.overview(page.version._replace(state=State.PARTIAL, problems=faults))
    assert [pair[1] for pair in overview.things if pair[0] == "Problem"] == [
        "sub/x.safetensors: is cut",
        "/else/y.json: is empty",
    ]
    alerts: list[Alert] = []
    context.alerted.connect(alerts.append)
    qtbot.mouseClick(page.header.rescan, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(alerts), timeout=5000)
    assert alerts[-1].message.startswith("Scanned again")


def test_many_tags_and_a_long_note_leave_the_page_its_width(show: Callable[[str], VersionPage]) -> None:
    page = show("adapters/lora")
    assert page.version is not None
    tags = frozenset(f"tag-{number}-that-is-rather-long" for number in range(12))
    page.header.show_version(page.version._replace(tags=tags, note="word " * 400, name="n" * 300), False)
    assert page.header.tags.words() == tuple(sorted(tags))
    assert page.header.minimumSizeHint().width() < 1280 - 149


def test_the_base_opens_from_the_head(show: Callable[[str], VersionPage], qtbot: QtBot, context: Context) -> None:
    page = show("adapters/lora")
    assert page.header.base.isEnabled()
    with qtbot.waitSignal(context.version_asked) as asked:
        qtbot.mouseClick(page.header.base, Qt.MouseButton.LeftButton)
    (base,) = context.workbench.versions(asked.args)
    assert base.name == "sft/checkpoint-200"


def test_c_offers_the_base_and_compares(show: Callable[[str], VersionPage], qtbot: QtBot, context: Context) -> None:
    page = show("adapters/lora")
    qtbot.keyClick(page.rail, Key.Key_C)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert [action.text().partition(":")[0] for action in menu.actions()] == ["Base"]
    with qtbot.waitSignal(context.comparison_asked) as asked:
        qtbot.keyClick(menu, Key.Key_Return)
    assert [side.name for side in asked.args] == ["sft/checkpoint-200", "adapters/lora"]


def test_the_wheel_belongs_to_the_page(show: Callable[[str], VersionPage]) -> None:
    page = show("base-pretrain/checkpoint-300")
    for section in page.sections.values():
        assert section.table.verticalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff


def test_a_removed_version_leaves_its_page(show: Callable[[str], VersionPage], qtbot: QtBot, context: Context) -> None:
    page = show("adapters/lora")
    assert page.version is not None
    with qtbot.waitSignal(page.left):
        context.apply(context.workbench.remove([page.version.key]))
    context.apply(Changes(updated=frozenset({1})))


def test_a_broken_tokenizer_is_told_in_its_section(
    show: Callable[[str], VersionPage], scanned: tuple[Path, Path]
) -> None:
    file = scanned[1] / "base-pretrain" / "checkpoint-100" / "tokenizer.json"
    before = file.read_bytes()
    try:
        file.write_text("{", "utf-8")
        page = show("base-pretrain/checkpoint-100")
        assert "tokenizer.json" in page.sections["tokenizer"]._words.text()
    finally:
        file.write_bytes(before)


def test_the_session_is_taken_up_again(show: Callable[[str], VersionPage], context: Context, qtbot: QtBot) -> None:
    state = show("adapters/lora").state()
    again = VersionPage(context)
    qtbot.addWidget(again)
    again.restore(state)
    assert again.version is not None
    assert again.version.name == "adapters/lora"
    again.restore({"version": "nothing-like-this"})
    assert again.version.name == "adapters/lora"


def test_values_are_written_so_that_kinds_stay_apart() -> None:
    assert [plain(value) for value in ("a\x1b", 1.5, None, True, [1, None], {"a": "b"})] == [
        "a\\x1b", "1.5", "null", "true", "[1, null]", '{"a": "b"}',
    ]  # fmt: skip


def test_nothing_that_takes_the_focus_is_without_a_name(show: Callable[[str], VersionPage], qtbot: QtBot) -> None:
    page = show("sft/checkpoint-200")
    page.focus_section("weights")
    for widget in page.findChildren(RowTable):
        assert widget.accessibleName()


def test_fingerprints_show_what_lies_nearest(
    show: Callable[[str], VersionPage], context: Context, qtbot: QtBot
) -> None:
    page = show("base-pretrain/checkpoint-200")
    other = context.workbench.resolve("base-pretrain/checkpoint-100")
    assert page.version is not None
    assert not page.nearest.isVisible()
    for version in (other, page.version):
        with qtbot.waitSignal(
            context.alerted, check_params_cb=lambda alert: alert.message.startswith("Fingerprints: 1 ")
        ):
            page.verbs.fingerprint(version)
    qtbot.waitUntil(lambda: [link.text() for link in page.nearest.links] == [other.name])
    assert page.nearest.isVisibleTo(page)
    assert "≈" in page.nearest.links[0].accessibleName()
    with qtbot.waitSignal(context.version_asked, check_params_cb=lambda key: key == other.key):
        page.nearest.links[0].click()


def test_tab_goes_through_the_sections_as_they_stand(show: Callable[[str], VersionPage], qtbot: QtBot) -> None:
    page = show("sft/checkpoint-200")
    qtbot.waitUntil(lambda: all(s.table.isVisible() for s in page.sections.values() if s.model.facts.things))
    order = list(page.sections.values())
    visited: list[int] = []
    page.rail.setFocus()
    for _ in range(100):
        qtbot.keyClick(QApplication.focusWidget(), Key.Key_Tab)
        if page.rail.hasFocus():
            break
        visited += [at for at, section in enumerate(order) if section.isAncestorOf(QApplication.focusWidget())]
    assert page.rail.hasFocus()
    assert visited == sorted(visited)
    assert {at for at, section in enumerate(order) if section.model.facts.things} <= set(visited)
    last = order[visited[-1]].table
    last.setFocus()
    qtbot.keyClick(last, Key.Key_Tab, Qt.KeyboardModifier.ShiftModifier)
    before = max(at for at in visited if at < visited[-1])
    assert order[before].isAncestorOf(QApplication.focusWidget())
