"""What is no longer used goes when the user turns to another program."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from diptych.ui.leisure import collect_at_leisure


class Ring:
    """Something that refers to itself."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture
def collecting(qapp: QApplication) -> Iterator[QApplication]:
    """The application as `app.main` leaves it."""
    before = gc.get_threshold()
    collect_at_leisure(qapp)
    yield qapp
    gc.set_threshold(*before)
    qapp.applicationStateChanged.disconnect()


def test_rings_go_when_the_window_is_left_and_not_when_it_is_come_back_to(collecting: QApplication) -> None:
    ring = ref(Ring())
    collecting.applicationStateChanged.emit(Qt.ApplicationState.ApplicationActive)
    assert ring() is not None
    collecting.applicationStateChanged.emit(Qt.ApplicationState.ApplicationInactive)
    assert ring() is None


def test_everything_is_seldom_looked_through_while_the_window_is_used(collecting: QApplication) -> None:
    gc.enable()  # tests of the window are run without
    ring, seen = Ring(), list[int]()
    gc.collect()

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            seen.append(info["generation"])

    gc.callbacks.append(note)
    held = [[number] for number in range(300_000)]
    gc.callbacks.remove(note)
    gc.disable()
    assert len(held) == 300_000
    assert ring.own is ring
    assert 1 in seen
    assert 2 not in seen
