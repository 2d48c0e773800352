"""The catalog at 10,000 and 100,000 versions × 50 metrics × 30 hyperparameters, beside MLflow's search on SQLite.

    PYTHONPATH=app python tests/benchmarks/catalog.py [--small] [--without-mlflow]

Each figure is the median of repetitions in one process, after one repetition to warm up, in milliseconds of the
processor on both sides: what else the machine does is left out. MLflow gets an environment
of its own in the folder for temporary files, made when it is missing, and the same values as rows of its own tables.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pysqlite3

from diptych.catalog import Catalog
from diptych.catalog.preparing import param_value
from diptych.catalog.texts import sorting
from diptych.domain.evidence import Evidence, HyperParameter, Metric
from diptych.domain.found import Found, Record
from diptych.domain.version import Artifact, Kind, Role, Source, State

METRICS = [f"task{number:02}/acc" for number in range(50)]
PARAMS = ["train.learning_rate", "train.optim", *(f"train.setting_{number:02}" for number in range(28))]
WORDS = ("granite", "quartz", "basalt", "marble", "slate", "opal", "amber", "jade")
ENVIRONMENT = Path(tempfile.gettempdir()) / "diptych-benchmark-mlflow"
BATCH = 5_000


def values(count: int) -> Iterator[tuple[int, list[float], list[float | str]]]:
    """Key, metrics and hyperparameters of each version; the same in every run."""
    chance = random.Random(7)
    for key in range(1, count + 1):
        measured = [chance.random() for _ in METRICS]
        settings: list[float | str] = [chance.choice((1e-5, 3e-5, 1e-4, 3e-4)), chance.choice(("adamw_torch", "sgd"))]
        yield key, measured, settings + [chance.randrange(1000) for _ in range(28)]


def build(file: Path, count: int) -> None:
    """Fill a catalog as `Catalog.store` would, in bulk."""
    Catalog(file).close()
    connection = pysqlite3.connect(str(file), isolation_level=None)
    with closing(connection):
        connection.execute("PRAGMA synchronous = OFF")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.execute("BEGIN")
        for table, names in (("metric", METRICS), ("param", PARAMS)):
            connection.executemany(
                f"INSERT INTO {table}_name VALUES (?, ?, ?)", [(n, name, count) for n, name in enumerate(names, 1)]
            )
        rows: dict[str, list[tuple[object, ...]]] = {}
        for key, measured, settings in values(count):
            collect(rows, key, measured, settings)
            if key % BATCH == 0 or key == count:
                for table, some in rows.items():
                    marks = ", ".join("?" * len(some[0]))
                    columns = "(rowid, name, model, tags, note, family, base, path, params)" if table == "words" else ""
                    connection.executemany(f"INSERT INTO {table} {columns} VALUES ({marks})", some)
                rows.clear()
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("COMMIT")


def collect(
    rows: dict[str, list[tuple[object, ...]]], key: int, measured: list[float], settings: list[float | str]
) -> None:
    """Append the rows of one version."""
    model, word = f"run-{key // 20}", WORDS[key % 8]
    name, path = f"{model}/checkpoint-{key % 20 * 100}", f"/models/{model}/checkpoint-{key % 20 * 100}"
    add = rows.setdefault
    add("version", []).append(
        (
            key, f"~{key:040x}", name, sorting(name), model, "checkpoint", "complete", path, key % 20 * 100,
            "safetensors", "BF16", ("llama", "qwen3", "gemma3")[key % 3], 10**9 + key, 2 * 10**9, 1.7e9 + key, None,
            None, None, "[]", 0, word,
        )
    )  # fmt: skip
    files = [["model.safetensors", 2 * 10**9, 0, "weights"], ["config.json", 700, 0, "config"]]
    add("place", []).append((path, key, 1, f"stamp-{key}", "complete", 0, json.dumps(files)))
    metric_keys, param_keys = list(range(1, 51)), list(range(1, 31))
    add("detail", []).append((key, json.dumps([metric_keys, measured, param_keys, settings]), "[]"))
    add("tag", []).append((key, f"tag-{key % 10}"))
    add("metric", []).extend((key, n, value) for n, value in enumerate(measured, 1))
    add("param", []).extend((key, n, param_value(value)) for n, value in enumerate(settings, 1))
    add("words", []).append((key, name, model, f"tag-{key % 10}", word, "", "", path, str(settings[1])))


def median(work: Callable[[], object], times: int) -> float:
    """Milliseconds of the processor."""
    work()
    taken = []
    for _ in range(times):
        start = time.thread_time()
        work()
        taken.append((time.thread_time() - start) * 1000)
    return statistics.median(taken)


def visible(catalog: Catalog) -> list[list[float | None]]:
    """What a window of 50 rows and 12 columns of metrics shows."""
    rows = catalog.page("task03>0.5", "task00", limit=50)
    return [[row.metrics.get(name) for name in METRICS[:12]] for row in rows]


CASES: dict[str, Callable[[Catalog], object]] = {
    "visible page, 50 × 12": visible,
    "newest 200": lambda catalog: catalog.page(),
    "sorted by a metric, 200": lambda catalog: catalog.page(sort="task07"),
    "filtered and sorted, 200": lambda catalog: catalog.page("lr<1e-4 task03>0.6", "task07"),
    "two metrics, 200": lambda catalog: catalog.page("task01>0.5 task02>0.5", "task07"),
    "text, 200": lambda catalog: catalog.page("granite"),
    "rare text, 200": lambda catalog: catalog.page('"run 77"'),
    "versions() of 200 keys": lambda catalog: catalog.versions(range(101, 301)),
    "every key by a metric": lambda catalog: catalog.keys(sort="task07"),
    "every key, filtered": lambda catalog: catalog.keys("lr<1e-4 task03>0.6"),
    "count, filtered": lambda catalog: catalog.count("lr<1e-4 task03>0.6"),
    "columns()": lambda catalog: catalog.columns(),
}
PEERS = {
    "newest 200": {"order_by": ["attributes.start_time DESC"]},
    "sorted by a metric, 200": {"order_by": ["metrics.`task07/acc` DESC"]},
    "filtered and sorted, 200": {
        "filter_string": "params.`train.optim` = 'sgd' AND metrics.`task03/acc` > 0.6",
        "order_by": ["metrics.`task07/acc` DESC"],
    },
    "two metrics, 200": {
        "filter_string": "metrics.`task01/acc` > 0.5 AND metrics.`task02/acc` > 0.5",
        "order_by": ["metrics.`task07/acc` DESC"],
    },
    "text, 200": {"filter_string": "tags.note LIKE '%granite%'"},
}
"""MLflow compares parameters as text only, so its filter asks for the optimizer in place of the learning rate."""

PEER = """
import json, random, statistics, sys, time
from mlflow.entities import ViewType
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
file, count, questions, metrics, params, words = json.load(sys.stdin)
store = SqlAlchemyStore("sqlite:///" + file, file + "-artifacts")
engine = store.engine
def insert(connection, table, rows):
    names = ", ".join(rows[0]); marks = ", ".join("?" * len(rows[0]))
    connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", [tuple(row.values()) for row in rows])
chance = random.Random(7)
with engine.begin() as connection:
    for first in range(0, count, 2000):
        runs, latest, settings, tags = [], [], [], []
        for key in range(first + 1, min(first + 2000, count) + 1):
            run = f"{key:032x}"
            runs.append(dict(run_uuid=run, name=f"run-{key}", source_type="LOCAL", status="FINISHED", user_id="u",
                start_time=1700000000000 + key, end_time=1700000000001 + key, lifecycle_stage="active",
                experiment_id=0, artifact_uri="file:///none"))
            latest += [dict(key=name, value=chance.random(), timestamp=1, step=0, is_nan=0, run_uuid=run)
                for name in metrics]
            values = [chance.choice((1e-5, 3e-5, 1e-4, 3e-4)), chance.choice(("adamw_torch", "sgd"))]
            values += [chance.randrange(1000) for _ in range(28)]
            settings += [dict(key=name, value=str(value), run_uuid=run) for name, value in zip(params, values)]
            tags.append(dict(key="note", value=words[key % 8], run_uuid=run))
        for table, rows in (("runs", runs), ("latest_metrics", latest), ("params", settings), ("tags", tags)):
            insert(connection, table, rows)
    connection.exec_driver_sql("ANALYZE")
answer = {}
for name, question in questions.items():
    def ask():
        found = store.search_runs(["0"], question.get("filter_string", ""), ViewType.ACTIVE_ONLY, 200,
            question.get("order_by", []))
        assert len(found) == 200, len(found)
    ask(); taken = []
    for _ in range(3):
        start = time.thread_time(); ask(); taken.append((time.thread_time() - start) * 1000)
    answer[name] = statistics.median(taken)
print(json.dumps(answer))
"""


def mlflow(folder: Path, count: int) -> dict[str, float] | str:
    """Milliseconds of MLflow for the same questions, or why there are none."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    packages = ["mlflow-skinny>=3.17", "sqlalchemy", "alembic"]
    installed = subprocess.run(
        [python, "-m", "pip", "install", "-q", *packages], capture_output=True, text=True, check=False
    )
    if installed.returncode:
        return f"MLflow cannot be installed here: {installed.stderr.strip().splitlines()[-1]}"
    asked = json.dumps([str(folder / "mlflow.db"), count, PEERS, METRICS, PARAMS, WORDS])
    try:
        run = subprocess.run(
            [python, "-c", PEER], input=asked, capture_output=True, text=True, check=False, timeout=900
        )
    except subprocess.TimeoutExpired:
        return "MLflow did not answer within 15 minutes"
    if run.returncode:
        return f"MLflow failed: {run.stderr.strip().splitlines()[-1]}"
    answer: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return answer


def storing(file: Path, count: int = 2_000) -> None:
    """What `store` needs for a version with 50 metrics and 30 hyperparameters, beside bare rows."""
    finds = []
    for key, measured, settings in values(count):
        folder = Path(f"/models/run/checkpoint-{key}")
        source = Source("trainer_state.json", "/log_history/0", "trainer_state/1")
        evidence = Evidence(
            step=key,
            hyperparameters=tuple(
                HyperParameter(name, value, source) for name, value in zip(PARAMS, settings, strict=True)
            ),
            metrics=tuple(
                Metric(name.split("/")[0], "acc", value, source) for name, value in zip(METRICS, measured, strict=True)
            ),
        )
        finds.append(
            Found(
                folder, f"run/checkpoint-{key}", "run", Kind.CHECKPOINT, State.COMPLETE, str(key), step=key,
                artifacts=(Artifact("model.safetensors", 100, 0, Role.WEIGHTS),),
                records=(Record(folder / "trainer_state.json", "trainer_state/1", evidence),),
            )
        )  # fmt: skip
    with closing(Catalog(file)) as catalog:
        for label in ("stored", "stored again"):
            start = time.perf_counter()
            catalog.store(finds)
            print(f"{label}: {(time.perf_counter() - start) / count * 1000:.2f} ms per version")
    connection = pysqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE bare (version INTEGER, key INTEGER, value, PRIMARY KEY (version, key))")
    rows = [(key, n, value) for key, measured, settings in values(count) for n, value in enumerate(measured + settings)]
    start = time.perf_counter()
    connection.executemany("INSERT INTO bare VALUES (?, ?, ?)", rows)
    print(f"bare rows: {(time.perf_counter() - start) / count * 1000:.2f} ms per version")


def main() -> None:
    """Print every figure."""
    small, large = (1_000, 10_000) if "--small" in sys.argv else (10_000, 100_000)
    with tempfile.TemporaryDirectory() as folder:
        ours: dict[int, dict[str, float]] = {}
        for count in (small, large):
            file = Path(folder) / f"{count}.db"
            start = time.perf_counter()
            build(file, count)
            print(
                f"{count:,} versions built in {time.perf_counter() - start:.1f} s, {file.stat().st_size / 1e6:.0f} MB"
            )
            with closing(Catalog(file)) as catalog:
                ours[count] = {name: median(partial(case, catalog), 9) for name, case in CASES.items()}
        peer = "left out" if "--without-mlflow" in sys.argv else mlflow(Path(folder), large)
        print(f"\n{'milliseconds':28}{small:>10,}{large:>10,}{'growth':>8}{'MLflow':>10}{'ratio':>8}")
        for name in CASES:
            before, after = ours[small][name], ours[large][name]
            line = f"{name:28}{before:10.2f}{after:10.2f}{after / before:7.1f}×"
            if isinstance(peer, dict) and name in peer:
                line += f"{peer[name]:10.0f}{peer[name] / after:7.0f}×"
            print(line)
        if isinstance(peer, str):
            print(f"MLflow: {peer}")
        storing(Path(folder) / "store.db")


if __name__ == "__main__":
    main()
