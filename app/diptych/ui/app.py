"""Starts the window."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from diptych import places
from diptych.catalog import Catalog, set_aside
from diptych.errors import DiptychError
from diptych.settings import Settings
from diptych.ui.context import Alert, Context
from diptych.ui.leisure import collect_at_leisure
from diptych.ui.mainwindow import MainWindow
from diptych.ui.runner import Runner
from diptych.ui.theme import STYLE, Theme
from diptych.ui.warming import AFTER_START_MS, warm
from diptych.workbench import Workbench


def has_display() -> bool:
    """Whether a window could be seen: always but on a Unix machine without X or Wayland."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM"))


def sample_catalog() -> Path:
    """The sample library has a catalog of its own, so that it never mixes with the user's versions."""
    return places.catalog_file().with_name("sample.db")


def main(catalog: Path | None = None, sample: bool = False) -> int:
    """Open the window on `catalog` (or the user's own, or the sample library) and return when it is closed.

    130 where Ctrl-C in the terminal has closed it.
    """
    app = QApplication.instance() or QApplication(["diptych", *STYLE])
    assert isinstance(app, QApplication)
    app.setApplicationName("diptych")
    app.setApplicationDisplayName("Diptych")
    app.setDesktopFileName("diptych")
    app.setWindowIcon(QIcon(str(places.resources() / "icons" / "diptych.svg")))
    window = open_window(app, catalog or (sample_catalog() if sample else places.catalog_file()))
    if window is None:
        return 1
    workbench = window.context.workbench
    _show_bugs_once(window.context)
    if sample and not workbench.count():
        QTimer.singleShot(0, lambda: window.tasks.scan([workbench.sample_library()]))
    runner = window.context.runner
    QTimer.singleShot(AFTER_START_MS, lambda: _heed_signals(app, window))
    QTimer.singleShot(AFTER_START_MS, lambda: runner.start("Warm up", warm(), quiet=True))
    gc.freeze()  # modules, classes and the window stay; later collections need not look at them again and again
    gc.enable()
    collect_at_leisure(app)
    code = app.exec()
    workbench.catalog.close()
    return code


def _heed_signals(app: QApplication, window: MainWindow) -> None:
    """Have signals close the window, and whatever dialog stands before it."""
    from diptych.ui.ending import INTERRUPT, Ending  # sockets take their time, and nothing is to be kept before

    def end(number: int) -> None:
        window.close()
        app.exit(130 if number == INTERRUPT else 0)

    Ending(end, app)


def open_window(app: QApplication, file: Path) -> MainWindow | None:
    """The window on a catalog, as it was left; None if the catalog cannot be read and the user leaves it so."""
    settings = Settings.load()
    theme = Theme(app, settings.appearance, settings.compact)
    workbench = open_workbench(file, settings)
    if workbench is None:
        return None
    window = MainWindow(Context(workbench, Runner(), theme))
    window.restore_session()
    window.show()
    return window


def open_workbench(file: Path, settings: Settings) -> Workbench | None:
    """The workbench over a catalog that can be read; None if it cannot and the user leaves it so."""
    try:
        return Workbench(Catalog(file), settings)
    except DiptychError as error:
        from diptych.ui.dialogs.unusable import UnusableCatalog

        if not UnusableCatalog(error).asked_to_start_empty():
            return None
        set_aside(file)
        return Workbench(Catalog(file), settings)


def _show_bugs_once(context: Context) -> None:
    """Show an unexpected exception in the window; the same one from every cell of a table is shown once."""
    seen: set[str] = set()

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        sys.stderr.write(text)
        if text in seen:
            return
        seen.add(text)
        copy = Alert(
            f"This is a bug: {kind.__name__}: {error}",
            "The details help to fix it.",
            "Copy details",
            lambda: QGuiApplication.clipboard().setText(text),
            serious=True,
        )
        context.alerted.emit(copy)

    sys.excepthook = report
