"""Weight files that are cut while they are read: each in a process of its own, which a fault would end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from making import write_safetensors

APP = Path(__file__).parents[2] / "app"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the signal is not answered")

CUT = """
import os, sys
import numpy as np
from pathlib import Path
from diptych.errors import Damaged
from diptych.formats import open_weights
from diptych.tensors.difference import difference

folder = Path(sys.argv[1])


def fresh():
    (folder / "b.safetensors").write_bytes((folder / "a.safetensors").read_bytes())
    return folder / "b.safetensors"


def refused(work):
    try:
        work()
    except Damaged as error:
        print(error.message.partition(": ")[2].partition(":")[0])
    else:
        print("read")


def by_hand():
    with open_weights(path) as source:
        raw = source.raw("w")
        os.truncate(path, 5000)
        assert not raw[-4096:].any()
        del raw


def chunks():
    with open_weights(path) as source:
        for chunk in source.read("w", 1 << 16):
            os.truncate(path, 5000)
            np.sum(chunk)


def again():
    with open_weights(path) as source:
        raw = source.raw("w")
        whole = path.read_bytes()
        os.truncate(path, 5000)
        raw.sum()
        del raw
        path.write_bytes(whole)


def compared():
    with open_weights(folder / "a.safetensors") as one, open_weights(path) as other:
        one.raw("w"), other.raw("w")
        found = difference(one, other, [("w", "w")])
        next(found)
        os.truncate(path, 5000)
        list(found)


for work in (by_hand, chunks, again, compared):
    path = fresh()
    refused(work)
"""


ELSEWHERE = """
import mmap, os, sys
from pathlib import Path
from diptych.formats import open_weights

with open_weights(Path(sys.argv[1])) as source, open(sys.argv[2], "r+b") as file:
    source.raw("w")
    there = mmap.mmap(file.fileno(), 2**20)
    os.truncate(sys.argv[2], 0)
    there[2**19]
"""


def run(program: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(APP)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_file_that_is_cut_between_look_and_read_does_not_end_the_process(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a.safetensors", {"w": np.ones(24 * 2**20, "f4")})
    done = run(CUT, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    shorter = "became shorter while it was read"
    assert done.stdout.splitlines() == [shorter, shorter, "was cut and written again while it was read", shorter]


def test_a_fault_that_is_not_in_a_map_of_weights_ends_the_process_as_ever(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "a.safetensors", {"w": np.ones(2**20, "f4")})
    (tmp_path / "other").write_bytes(bytes(2**20))
    assert run(ELSEWHERE, path, tmp_path / "other").returncode == -signal.SIGBUS
