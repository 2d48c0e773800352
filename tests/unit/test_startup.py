"""What reading a catalog loads: a list in a terminal, and the window, start with this."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from diptych.catalog import Catalog

HEAVY = (
    "numpy", "numba", "llvmlite", "matplotlib", "sqlalchemy", "sqlmodel", "pydantic", "ruamel", "rapidfuzz",
    "safetensors", "qtawesome", "PySide6", "diptych.records", "diptych.formats", "diptych.tensors", "diptych.compare",
    "diptych.reports", "diptych.catalog.writes", "diptych.catalog.writing", "diptych.catalog.tables",
    "diptych.catalog.payload", "diptych.domain.evidence", "hashlib",
)  # fmt: skip
CODE = """
import sys
from pathlib import Path
from diptych.workbench import Workbench
workbench = Workbench.open(Path(sys.argv[1]))
workbench.count("stars>0"), workbench.page(), workbench.columns()
print(*sorted(sys.modules))
"""


def test_reading_loads_nothing_that_only_other_verbs_need(tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    Catalog(file).close()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "DIPTYCH_CONFIG": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", CODE, str(file)], capture_output=True, text=True, check=True, env=environment
    )
    loaded = set(run.stdout.split())
    assert "diptych.catalog.reading" in loaded
    assert sorted(loaded.intersection(HEAVY)) == []
