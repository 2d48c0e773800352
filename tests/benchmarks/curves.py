"""A curve of a million points: our plot beside plain matplotlib, one frame and one step of a pan.

Run: python tests/benchmarks/curves.py [--rounds 15] [--points 1000000]
Goals: a frame at least 5 times as fast as plain matplotlib, a step of a pan at least 20 times.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parents[2] / "app"))

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from diptych.ui.theme import Theme
from diptych.ui.widgets.curves import Curve
from diptych.ui.widgets.plot import Plot

SIZE = 1200, 700


def curve(points: int) -> tuple[np.ndarray, np.ndarray]:
    """A loss that falls with noise and a few spikes, as training logs do."""
    random = np.random.default_rng(7)
    x = np.arange(points, dtype=np.float64)
    y = 3 * np.exp(-x / points * 4) + random.normal(0, 0.4, points)
    y[random.integers(0, points, 20)] += 2
    return x, y


def milliseconds(act: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - start)


def plain_canvas(x: np.ndarray, y: np.ndarray) -> FigureCanvasQTAgg:
    """What most programs do: every point, one canvas, the whole figure drawn each time."""
    figure = Figure()
    canvas = FigureCanvasQTAgg(figure)
    figure.add_subplot().plot(x, y, linewidth=1.5)
    canvas.resize(*SIZE)
    canvas.show()
    return canvas


def mouse(kind: QEvent.Type, x: float, widget: QWidget) -> QMouseEvent:
    """A move or press of the left button at `x`, half way down."""
    place = QPointF(x, SIZE[1] / 2)
    button = Qt.MouseButton.LeftButton
    return QMouseEvent(kind, place, widget.mapToGlobal(place), button, button, Qt.KeyboardModifier.NoModifier)


def main() -> None:
    """Print both sides and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--points", type=int, default=1_000_000)
    given = parser.parse_args()
    app = QApplication([])
    x, y = curve(given.points)
    plot = Plot(Theme(app, "light"))
    plot.resize(*SIZE)
    plot.show()
    plot.draw([Curve("A", x, y, color="a", marker="o")], x_label="step", title="loss")
    plain = plain_canvas(x, y)
    app.processEvents()
    ours = plot.focusProxy()
    assert isinstance(ours, FigureCanvasQTAgg)
    plot.zoom(2)
    app.processEvents()
    frames: tuple[list[float], list[float]] = [], []
    pans: tuple[list[float], list[float]] = [], []
    axes = plain.figure.axes[0]
    for at in range(given.rounds):
        frames[0].append(milliseconds(lambda: (plot.reset(), ours.draw())))
        axes.set_xlim(x[0], x[-1])
        frames[1].append(milliseconds(plain.draw))
        axes.set_xlim(x[-1] * 0.25 + at, x[-1] * 0.75 + at)
        plot.zoom(2)
        ours.draw()
        app.sendEvent(ours, mouse(QEvent.Type.MouseButtonPress, 600, ours))
        for step in range(5):
            event = mouse(QEvent.Type.MouseMove, 600 - 4 * step, ours)
            pans[0].append(milliseconds(lambda event=event: app.sendEvent(ours, event)))
        app.sendEvent(ours, mouse(QEvent.Type.MouseButtonRelease, 584, ours))
        pans[1].append(milliseconds(plain.draw))
    for name, (mine, theirs), goal in (("frame", frames, 5), ("pan with blit", pans, 20)):
        a, b = statistics.median(mine), statistics.median(theirs)
        verdict = "reached" if b / a >= goal else "MISSED"
        print(f"{name:14} {given.points:,} points: ours {a:7.2f} ms, plain matplotlib {b:7.1f} ms, "
              f"{b / a:5.1f}x (goal {goal}x, {verdict})")  # fmt: skip


if __name__ == "__main__":
    main()
