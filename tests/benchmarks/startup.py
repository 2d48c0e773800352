"""Start to window with the first page, beside an empty window and beside MLflow's client showing its first page.

Run: python tests/benchmarks/startup.py [--rounds 7] [--mlflow PYTHON]
Goals: at most 1.6 times an empty QMainWindow process; at least 10 times faster than MLflow's client.
`--mlflow` names an interpreter that has mlflow-skinny and SQLAlchemy installed; without it that line says "not measured".
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

EMPTY = """
from PySide6.QtWidgets import QApplication, QMainWindow
app = QApplication([]); window = QMainWindow(); window.show(); app.processEvents()
"""

OURS = """
import sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
app = QApplication([])
from diptych.ui.context import Context
from diptych.ui.mainwindow import MainWindow
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.workbench import Workbench
workbench = Workbench.open(Path(sys.argv[1]))
context = Context(workbench, Runner(), Theme(app, "light"))
window = MainWindow(context); window.show(); app.processEvents()
assert workbench.count() > 0
context.runner.close()
"""

FILL = """
import sys
from pathlib import Path
from diptych.job import finish
from diptych.workbench import Workbench
workbench = Workbench.open(Path(sys.argv[1]))
finish(workbench.scan([workbench.sample_library()]))
"""

MLFLOW = """
import sys, os
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
from mlflow import MlflowClient
client = MlflowClient(f"sqlite:///{sys.argv[1]}")
client.search_runs([client.search_experiments()[0].experiment_id], max_results=200)
"""

ENVIRONMENT = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT / "app")}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # installed programs start from compiled modules


def seconds(python: str, code: str, *arguments: str) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run([python, "-c", code, *arguments], check=True, env=ENVIRONMENT, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--mlflow", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ENVIRONMENT["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")
        catalog = str(Path(folder) / "catalog.db")
        store = str(Path(folder) / "mlflow.db")
        subprocess.run([sys.executable, "-c", FILL, catalog], check=True, env=ENVIRONMENT)
        contenders = {"empty window": (sys.executable, EMPTY), "Diptych": (sys.executable, OURS, catalog)}
        if options.mlflow:
            contenders["MLflow client"] = (options.mlflow, MLFLOW, store)
        for contender in contenders.values():
            seconds(*contender)
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, contender in contenders.items():
                times[name].append(seconds(*contender))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:15} {median * 1000:8.0f} ms")
    print(f"Diptych / empty window: {medians['Diptych'] / medians['empty window']:.2f}  (goal: at most 1.6)")
    if "MLflow client" in medians:
        print(f"MLflow client / Diptych: {medians['MLflow client'] / medians['Diptych']:.1f}  (goal: at least 10)")
    else:
        print("MLflow client: not measured (name an interpreter that has it with --mlflow)")


if __name__ == "__main__":
    main()
