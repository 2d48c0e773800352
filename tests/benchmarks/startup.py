"""Start to window with the first page, beside an empty window and beside MLflow's client showing its first page.

Run: python tests/benchmarks/startup.py [--rounds 15] [--mlflow PYTHON]
Goals: at most 1.6 times an empty QMainWindow process; at least 10 times faster than MLflow's client.
`--mlflow` names an interpreter that has mlflow-skinny and SQLAlchemy installed; without it, not measured.
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
print("shown", flush=True)
"""

OURS = """
import gc, sys
gc.disable()  # as diptych.__main__ does
from pathlib import Path
from diptych.ui.app import QApplication, open_window
app = QApplication([])
window = open_window(app, Path(sys.argv[1]))
while not window.page("library").model.rowCount():
    app.processEvents()
app.processEvents()
print("shown", flush=True)
window.close()
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
print("shown", flush=True)
"""

ENVIRONMENT = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT / "app")}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # installed programs start from compiled modules


def seconds(python: str, code: str, *arguments: str) -> float:
    """From the start of a process until it says that its first page is shown; what it does at its end is left out."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [python, "-c", code, *arguments], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        assert process.stdout is not None
        said = next((line for line in process.stdout if line == "shown\n"), "")
        taken = time.perf_counter() - start
    if not said or process.returncode:
        raise SystemExit(f"{python}: the first page was not shown (exit code {process.returncode})")
    return taken


def ratio(times: dict[str, list[float]], above: str, below: str) -> float:
    """Median of the ratios round by round: what else the machine does slows both sides of a round."""
    return statistics.median(a / b for a, b in zip(times[above], times[below], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--mlflow", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ENVIRONMENT["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")
        ENVIRONMENT["DIPTYCH_CACHE"] = str(Path(folder) / "cache")
        ENVIRONMENT["XDG_CONFIG_HOME"] = str(Path(folder) / "settings")  # a first start: no session to take up
        catalog = str(Path(folder) / "catalog.db")
        store = str(Path(folder) / "mlflow.db")
        subprocess.run([sys.executable, "-c", FILL, catalog], check=True, env=ENVIRONMENT)
        contenders = {"empty window": (sys.executable, EMPTY), "Diptych": (sys.executable, OURS, catalog)}
        if options.mlflow:
            contenders["MLflow client"] = (options.mlflow, MLFLOW, store)
        for contender in contenders.values():  # twice: the first compiles, the second warms the files
            seconds(*contender)
            seconds(*contender)
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, contender in contenders.items():
                times[name].append(seconds(*contender))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:15} {median * 1000:8.0f} ms")
    print(f"Diptych / empty window: {ratio(times, 'Diptych', 'empty window'):.2f}  (goal: at most 1.6)")
    if "MLflow client" in medians:
        print(f"MLflow client / Diptych: {ratio(times, 'MLflow client', 'Diptych'):.1f}  (goal: at least 10)")
    else:
        print("MLflow client: not measured (name an interpreter that has it with --mlflow)")


if __name__ == "__main__":
    main()
