"""The page of lineage as a user meets it."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QPixmap, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from diptych.domain.lineage import Edge, Origin, Pedigree, Verdict
from diptych.domain.version import Kind, Lineage, Relation, Source, State, Version
from diptych.job import finish
from diptych.ui.actions import bind
from diptych.ui.context import Context
from diptych.ui.pages.lineage import LineagePage
from diptych.ui.pages.lineage_graph import drawing
from diptych.ui.theme import Theme
from diptych.ui.widgets.graph import Graph
from diptych.ui.widgets.graphlayout import Arrow, Node, lay_out, laying_out
from making import make_model, weights

Key = Qt.Key
RUN = "run base-pretrain"


@pytest.fixture
def show(context: Context, qtbot: QtBot) -> Callable[[], LineagePage]:
    """Shows the page in a window of its own."""
    kept: list[LineagePage] = []

    def shown() -> LineagePage:
        page = LineagePage(context)
        kept.append(page)
        bind(page.actions_table, page)
        context.changed.connect(page.refresh)
        qtbot.addWidget(page)
        page.resize(1280, 800)
        with qtbot.waitActive(page):
            page.show()
            page.activateWindow()
        page.entered()
        return page

    return shown


def breed(folder: Path) -> None:
    """Write a model and a fine-tune of it that no record declares."""
    chance = np.random.default_rng(4)
    moved = {
        name: values + 0.01 * chance.standard_normal(values.shape).astype(np.float32)
        for name, values in weights(2, 77).items()
    }
    make_model(folder / "first", seed=77)
    make_model(folder / "second", tensors=moved)


@pytest.fixture
def kin(context: Context, tmp_path: Path) -> Context:
    """The library and a model with its fine-tune, all fingerprinted."""
    breed(tmp_path / "kin")
    finish(context.workbench.scan([tmp_path / "kin"]))
    finish(context.workbench.fingerprint())
    finish(context.workbench.infer_lineage())
    return context


def inferred(page: LineagePage) -> str:
    """The id of the fine-tune."""
    return next(edge.child for edge in page.found.edges if page._versions[edge.child].name in ("second", "first"))


def test_a_library_without_kin_says_how_to_get_there(
    show: Callable[[], LineagePage], context: Context, qtbot: QtBot, tmp_path: Path
) -> None:
    context.workbench.remove([one.key for one in context.workbench.page() if one.base is not None])
    page = show()
    assert page.start.isVisible()
    assert not page.twin.isEnabled()
    assert page.hint.text().startswith("Fingerprint weights")
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    assert "no two are of kin" in page.hint.text()
    breed(tmp_path / "kin")
    finish(context.workbench.scan([tmp_path / "kin"]))
    qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    assert page.graph.isVisible()
    assert page.twin.isEnabled()
    assert len(page.found.edges) == 1


def test_an_empty_library_leads_to_the_library(show: Callable[[], LineagePage], context: Context, qtbot: QtBot) -> None:
    context.workbench.remove([one.key for one in context.workbench.page()])
    page = show()
    assert page.hint.text().startswith("Add a folder")
    assert page.words.text() == page.evidence.text() == ""
    with qtbot.waitSignal(context.page_asked) as asked:
        qtbot.mouseClick(page.start, Qt.MouseButton.LeftButton)
    assert asked.args == ["library"]


def test_an_inferred_edge_is_confirmed_rejected_and_undone(
    kin: Context, show: Callable[[], LineagePage], qtbot: QtBot
) -> None:
    page = show()
    child = inferred(page)
    page.graph.go_to(child)
    assert "relative distance" in page.evidence.text()
    page.graph.setFocus()
    for key, verdict in ((Key.Key_Y, Verdict.CONFIRMED), (Key.Key_N, Verdict.REJECTED), (Key.Key_N, Verdict.NONE)):
        qtbot.keyClick(page.graph, key)
        assert page.edge is not None
        assert (page.edge.child, page.edge.verdict) == (child, verdict)
    undone = kin.workbench.undo()
    assert undone is not None
    kin.apply(undone.changes)
    assert page.edge is not None
    assert page.edge.verdict is Verdict.REJECTED


def test_keys_lead_from_node_to_node_and_into_a_run(
    kin: Context, show: Callable[[], LineagePage], qtbot: QtBot
) -> None:
    page = show()
    page.graph.setFocus()
    qtbot.keyClick(page.graph, Key.Key_Down)
    start = page.graph.current
    assert start
    qtbot.keyClick(page.graph, Key.Key_Right)
    assert page.graph.current != start
    assert page.graph.box(page.graph.current).left() > page.graph.box(start).left()
    page.graph.go_to(RUN)
    assert "3 checkpoints" in page.graph.accessibleDescription()
    qtbot.keyClick(page.graph, Key.Key_Return)
    assert page._versions[page.graph.current].name == "base-pretrain/checkpoint-100"
    with qtbot.waitSignal(kin.version_asked) as asked:
        qtbot.keyClick(page.graph, Key.Key_Return)
    assert asked.args == [page._versions[page.graph.current].key]
    qtbot.keyClick(page.graph, Key.Key_F)
    page.graph.go_to(RUN)
    assert page.graph.current == RUN


def test_a_version_is_compared_with_its_parent(kin: Context, show: Callable[[], LineagePage], qtbot: QtBot) -> None:
    page = show()
    child = inferred(page)
    page.graph.go_to(child)
    page.graph.setFocus()
    with qtbot.waitSignal(kin.comparison_asked) as asked:
        qtbot.keyClick(page.graph, Key.Key_C)
    left, right = asked.args
    assert isinstance(left, Version)
    assert page.edge is not None
    assert (left.id, right.id) == (page.edge.parents[0], child)


def test_only_the_kin_of_a_version(kin: Context, show: Callable[[], LineagePage], qtbot: QtBot) -> None:
    page = show()
    everything = len(page.found.versions)
    page.graph.go_to(inferred(page))
    page.graph.setFocus()
    qtbot.keyClick(page.graph, Key.Key_G)
    assert {one.name for one in page.found.versions} == {"first", "second"}
    qtbot.mouseClick(page.all, Qt.MouseButton.LeftButton)
    assert len(page.found.versions) == everything


def test_the_table_tells_the_same(kin: Context, show: Callable[[], LineagePage], qtbot: QtBot) -> None:
    page = show()
    page.graph.setFocus()
    qtbot.keyClick(page.graph, Key.Key_T)
    assert page.table.isVisible()
    assert page.model.rowCount() == len(page.found.edges) == 2
    lines = [page.model.line(row) for row in range(page.model.rowCount())]
    assert any("declared" in line for line in lines)
    row = next(number for number, line in enumerate(lines) if "relative distance" in line)
    page.table.setCurrentIndex(page.model.index(row, 0))
    qtbot.mouseClick(page.confirm, Qt.MouseButton.LeftButton)
    assert "confirmed" in page.model.line(row)


def test_the_wheel_zooms_about_the_pointer_and_everything_can_be_shown_again(theme: Theme, qtbot: QtBot) -> None:
    graph = Graph(theme, "Graph")
    qtbot.addWidget(graph)
    graph.resize(800, 600)
    graph.show_graph([Node("a", "A"), Node("b", "B")], [Arrow("1", "a", "b", "0.3", dashed=True)])
    at = graph.box("b").center()
    before = graph.zoom
    event = QWheelEvent(
        at, QPointF(graph.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(graph, event)
    assert graph.zoom > before
    assert (graph.box("b").center() - at).manhattanLength() < 1
    graph.fit()
    assert graph.zoom == pytest.approx(before)
    assert graph.rect().toRectF().contains(graph.box("a"))


def test_children_stand_right_of_their_parents_even_around_a_circle() -> None:
    nodes = [Node(key, key) for key in "abcdxy"]
    arrows = [Arrow(pair, pair[0], pair[1]) for pair in ("ab", "bc", "ac", "ad", "xy", "yx")]
    slots = lay_out(nodes, arrows).nodes
    assert [slots[key][0] for key in "abcd"] == [0, 1, 2, 1]
    assert len(set(slots.values())) == len(nodes)


def test_no_arrow_passes_behind_a_box(theme: Theme, qtbot: QtBot) -> None:
    graph = Graph(theme, "Graph")
    qtbot.addWidget(graph)
    chance = np.random.default_rng(3)
    nodes = [Node(str(number), str(number)) for number in range(60)]
    pairs = {(int(chance.integers(0, child)), child) for child in range(1, 60) for _ in range(2)}
    arrows = [Arrow(f"{one} {other}", str(one), str(other)) for one, other in sorted(pairs)]
    placed = lay_out(nodes, arrows)
    assert len(placed.lanes) > 10
    graph.show_graph(nodes, arrows, placed)
    boxes = graph._boxes
    for arrow in arrows:
        way = graph._ways[arrow.key]
        for number, (begin, end) in enumerate(pairwise(way)):
            if number % 2:  # a lane, which runs through a column of boxes
                assert begin.y() == end.y()
                crossed = [box for box in boxes.values() if box.left() < end.x() and box.right() > begin.x()]
                assert all(not box.top() < begin.y() < box.bottom() for box in crossed)
            else:  # a bend, which has the space between two columns for itself
                assert all(box.right() <= begin.x() or box.left() >= end.x() for box in boxes.values())


def test_two_edges_to_one_version_are_two_arrows() -> None:
    source = Source("config.json")
    base = Lineage(Relation.FINE_TUNE, "first", None, source, "1" * 64)
    versions = tuple(
        Version(key, str(key) * 64, f"v{key}", "m", Kind.MODEL, State.COMPLETE, None, base=base) for key in (1, 2, 3)
    )
    edges = (
        Edge("3" * 64, ("1" * 64,), Relation.FINE_TUNE, 1.0, origin=Origin.DECLARED),
        Edge("3" * 64, ("2" * 64,), Relation.FINE_TUNE, 0.9),
        Edge("2" * 64, ("1" * 64,), Relation.FINE_TUNE, 0.9),
    )
    shown = finish(drawing(Pedigree(versions, edges, 3), frozenset()))
    assert len({arrow.key for arrow in shown.arrows}) == len(shown.arrows) == 3
    assert len(shown.layout.lanes) == 1


def large(count: int) -> tuple[list[Node], list[Arrow]]:
    """A graph of so many versions, some with two parents."""
    nodes = [
        Node(str(number), f"a very long name of a version that nobody can read {number}") for number in range(count)
    ]
    arrows = [Arrow(str(number), str(number // 3), str(number), "fine-tune · 98%") for number in range(1, count)]
    arrows += [Arrow(f"{number} 2", str(number // 9), str(number), dashed=True) for number in range(90, count, 7)]
    return nodes, arrows


@pytest.mark.parametrize("zoom", [0.0, 0.3, 0.5, 1.0])
def test_two_thousand_versions_are_panned_without_a_pause(theme: Theme, qtbot: QtBot, zoom: float) -> None:
    graph = Graph(theme, "Graph")
    qtbot.addWidget(graph)
    graph.resize(1280, 800)
    nodes, arrows = large(2000)
    layout = lay_out(nodes, arrows)
    times = []
    for _ in range(5):
        begun = time.process_time()
        graph.show_graph(nodes, arrows, layout)
        times.append(time.process_time() - begun)
    assert min(times) < 0.05
    graph.fit()
    if zoom:
        graph.zoom_by(zoom / graph.zoom)
    target = QPixmap(graph.size())
    frames = []
    for _ in range(8):
        graph._offset += QPointF(-15, -10)
        begun = time.process_time()
        graph.render(target)
        frames.append(time.process_time() - begun)
    assert min(frames) < 0.05


def test_a_large_graph_is_laid_out_in_steps() -> None:
    nodes, arrows = large(2000)
    steps, longest, last = 0, 0.0, time.process_time()
    for _ in laying_out(nodes, arrows):
        steps, longest, last = steps + 1, max(longest, time.process_time() - last), time.process_time()
    assert steps >= 2
    assert longest < 0.5
