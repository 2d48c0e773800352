"""What opening the window on a catalog loads: the first page, and nothing that is only needed later."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAVY = (
    "numpy", "numba", "llvmlite", "matplotlib", "sqlalchemy", "sqlmodel", "pydantic", "ruamel", "rapidfuzz",
    "safetensors", "qtawesome", "diptych.records", "diptych.formats", "diptych.tensors", "diptych.compare",
    "diptych.reports", "diptych.cli", "diptych.catalog.writes", "diptych.catalog.tables", "diptych.catalog.payload",
    "diptych.domain.evidence", "diptych.domain.dossier", "diptych.workbench.scan", "diptych.workbench.dossiers",
    "diptych.workbench.comparing", "diptych.ui.pages.welcome", "diptych.ui.pages.activity",
    "diptych.ui.pages.settings", "diptych.ui.pages.version", "diptych.ui.pages.compare", "diptych.ui.palette",
    "diptych.ui.shortcuts", "diptych.ui.dialogs.columns", "diptych.ui.dialogs.note", "diptych.ui.dialogs.tags",
    "diptych.ui.dialogs.unusable", "diptych.ui.widgets.suggestions", "diptych.ui.widgets.passage",
    "diptych.ui.alerts", "diptych.ui.inspector", "platformdirs",
)  # fmt: skip
CODE = """
import linecache, sys
from pathlib import Path
from diptych.ui.app import QApplication, open_window
app = QApplication([])
window = open_window(app, Path(sys.argv[1]))
page = window.page("library")
while not page.model.rowCount() or not page.strip.entries():
    app.processEvents()
window.grab()
loaded = sorted(sys.modules)
from PySide6 import QtCore, QtGui, QtWidgets
late = "QStyle", "QCompleter", "QTextEdit", "QUrl", "QGradient", "QScrollBar", "QScrollEvent"
made = [name for name in late if name in vars(QtCore) | vars(QtGui) | vars(QtWidgets)]
window.close()
window.context.workbench.catalog.close()
print(*loaded)
print(*made)
print(*(name for name in linecache.cache if "diptych" in name))
"""


def test_the_first_page_loads_nothing_that_is_only_needed_later(scanned: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    file.write_bytes(scanned[0].read_bytes())
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DIPTYCH_CONFIG": str(tmp_path),
        "QT_QPA_PLATFORM": "offscreen",
    }
    run = subprocess.run(
        [sys.executable, "-c", CODE, str(file)], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    modules, made, read = run.stdout.splitlines()
    loaded = set(modules.split())
    assert made == "", "these classes of Qt, or their names, take milliseconds to make"
    assert read == "", "PySide's import has read the source of these"
    assert "diptych.ui.pages.library" in loaded
    assert sorted(loaded.intersection(HEAVY)) == []
