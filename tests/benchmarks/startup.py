"""Start to window with the first page, beside an empty window and beside MLflow's client with its first page.

    PYTHONPATH=app python tests/benchmarks/startup.py [--rounds 15] [--mlflow]

Goals: at most 1.6 times an empty QMainWindow process, over the sample library; at least 10 times faster than MLflow's
client, which asks its SQLite store for the newest 200 runs. For that both hold as many versions, with 50 metrics and 30
hyperparameters each. `--mlflow` makes MLflow an environment of its own when it is missing; without it, not measured.
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

import catalog as filling

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

HELD = 2_000
"""Versions in the catalog, and runs in the store of MLflow."""
DIPTYCH, CLIENT = f"Diptych, {HELD:,} versions", f"MLflow's client, {HELD:,} runs"
MLFLOW = """
import sys, os
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
from mlflow import MlflowClient
client = MlflowClient(f"sqlite:///{sys.argv[1]}")
found = client.search_runs([client.search_experiments()[0].experiment_id], max_results=200)
assert len(found) == 200
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
    parser.add_argument("--mlflow", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ENVIRONMENT["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")
        ENVIRONMENT["DIPTYCH_CACHE"] = str(Path(folder) / "cache")
        ENVIRONMENT["XDG_CONFIG_HOME"] = str(Path(folder) / "settings")  # a first start: no session to take up
        sample = str(Path(folder) / "sample.db")
        subprocess.run([sys.executable, "-c", FILL, sample], check=True, env=ENVIRONMENT)
        contenders = {"empty window": (sys.executable, EMPTY), "Diptych": (sys.executable, OURS, sample)}
        if options.mlflow:
            many = Path(folder) / "many.db"
            filling.build(many, HELD)
            contenders[DIPTYCH] = (sys.executable, OURS, str(many))
            filled = filling.mlflow(Path(folder), HELD)
            if isinstance(filled, str):
                raise SystemExit(filled)
            contenders[CLIENT] = (str(filling.ENVIRONMENT / "bin" / "python"), MLFLOW, f"{folder}/mlflow.db")
        for contender in contenders.values():  # twice: the first compiles, the second warms the files
            seconds(*contender)
            seconds(*contender)
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, contender in contenders.items():
                times[name].append(seconds(*contender))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:30} {median * 1000:8.0f} ms")
    print(f"Diptych / empty window: {ratio(times, 'Diptych', 'empty window'):.2f}  (goal: at most 1.6)")
    if CLIENT in medians:
        print(f"MLflow's client / Diptych: {ratio(times, CLIENT, DIPTYCH):.1f}  (goal: at least 10)")
    else:
        print("MLflow's client: not measured (--mlflow does)")


if __name__ == "__main__":
    main()
