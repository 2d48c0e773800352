"""Several processes on one catalog, and processes that die while they write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pysqlite3
import pytest

from diptych.catalog import Catalog

WRITER = """
import sys
from pathlib import Path
from diptych.catalog import Catalog
from diptych.domain.found import Found
from diptych.domain.version import Artifact, Kind, Role, State
name, file, shared = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
catalog = Catalog(file)
for number in range(75):
    place = Path(f"/data/{name}/checkpoint-{number}")
    found = Found(place, f"{name}/checkpoint-{number}", name, Kind.CHECKPOINT, State.COMPLETE, "stamp",
        artifacts=(Artifact("model.safetensors", 1, 1, Role.WEIGHTS),))
    assert catalog.store([found]).added
    assert catalog.tag([shared], [f"{name}-{number}"]).updated
catalog.close()
"""

DYING = """
import os, signal, sys
from pathlib import Path
from diptych.catalog import Catalog, writing
from diptych.domain.evidence import Evidence, Metric
from diptych.domain.found import Found, Record
from diptych.domain.version import Artifact, Kind, Role, Source, State
file, moment = Path(sys.argv[1]), int(sys.argv[2])
catalog = Catalog(file)
source = Source("x.json")
finds = []
for number in range(40):
    place = Path(f"/data/run/checkpoint-{number}")
    told = Evidence(metrics=(Metric("mmlu", "acc", 2.0, source),))
    finds.append(Found(place, f"run/checkpoint-{number}", "run", Kind.CHECKPOINT, State.COMPLETE, "new", step=2,
        artifacts=(Artifact("model.safetensors", 1, 1, Role.WEIGHTS),),
        records=(Record(place / "x.json", "x/1", told),)))
with catalog._connections.reading() as connection:
    pass
left = moment
def trace(statement):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
connection.set_trace_callback(trace)
catalog.store(finds)
connection.set_trace_callback(None)
print("statements", moment - left)
"""


def run(code: str, *arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_two_processes_write_a_new_catalog_at_once_and_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    writers = [run(WRITER, name, file, 1) for name in ("left", "right")]
    for writer in writers:
        _, trouble = writer.communicate(timeout=100)
        assert (writer.returncode, trouble) == (0, "")
    with closing(Catalog(file)) as catalog:
        assert catalog.count() == 150
        assert len(catalog.versions([1])[0].tags) == 150
        assert catalog.check() == ""


def test_a_new_catalog_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    maker = pysqlite3.connect(file, isolation_level=None, check_same_thread=False)
    maker.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, maker.execute, ["COMMIT"])
    done.start()
    with closing(Catalog(file)) as catalog:
        assert catalog.check() == ""
    done.join()
    maker.close()


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many SQL statements the write of 40 versions over old ones takes."""
    file = tmp_path_factory.mktemp("counted") / "catalog.db"
    prepare(file)
    out, trouble = run(DYING, file, 10**9).communicate(timeout=60)
    assert trouble == ""
    return int(out.split()[-1])


def prepare(file: Path) -> None:
    """40 versions of an earlier scan, without metrics and of another step."""
    code = DYING.replace('"new", step=2', '"old", step=1').replace('"acc", 2.0', '"acc", 1.0')
    out, trouble = run(code, file, 10**9).communicate(timeout=60)
    assert (out[:10], trouble) == ("statements", "")


def test_a_writer_killed_at_any_statement_leaves_the_old_or_the_new(tmp_path: Path, statements: int) -> None:
    file = tmp_path / "catalog.db"
    prepare(file)
    assert statements > 100
    outcomes = set()
    for moment in [*range(1, statements, statements // 8), statements - 2, 10**9]:
        writer = run(DYING, file, moment)
        writer.communicate(timeout=60)
        assert writer.returncode == (-signal.SIGKILL if moment <= statements else 0)
        with closing(Catalog(file)) as catalog:
            assert catalog.check() == ""
            found = catalog.page(sort="name")
            assert len(found) == 40
            states = {(version.step, version.metrics["mmlu/acc"]) for version in found}
            assert len(states) == 1
            outcomes |= states
    assert outcomes == {(1, 1.0), (2, 2.0)}
