"""Files of PyTorch: nothing in them is ever run, hostile ones end in one line, good ones are read as they lie."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hostile_torch import ACCEPTED, CODE, GOOD, PARTIAL, SYSTEM, Case, cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import diptych
from diptych import display
from diptych.errors import Damaged, DiptychError, Refused
from diptych.formats import Partial, Unopened, open_weights
from diptych.formats.confined import Confined
from diptych.formats.torch_reader import TorchReader
from making_torch import Tensor, called, torch_legacy, torch_pickle, torch_zip

CASES = cases()


@pytest.fixture(scope="module")
def reader() -> TorchReader:
    return TorchReader()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_strange_file_ends_in_one_line_or_is_listed(case: Case, reader: TorchReader, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content())
    begun = time.monotonic()
    if case.verdict == ACCEPTED:
        reader.read(path, path.name)
    else:
        with pytest.raises(DiptychError) as caught:
            reader.read(path, path.name)
        expected = {CODE: Unopened, PARTIAL: Partial}.get(case.verdict, Damaged)
        assert type(caught.value) is expected
        message = caught.value.message
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        assert display.visible(message) == message
        assert len(message) - len(str(path)) < 200
        assert case.says in message
    assert time.monotonic() - begun < 15
    assert not list(Path.cwd().glob("CANARY"))


def test_the_corpus_is_all_there() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 70


HOOKED = """
import sys
happened = []
sys.addaudithook(lambda event, args: happened.append(event) if event.startswith(
    ("os.system", "os.exec", "os.spawn", "os.posix_spawn", "subprocess", "exec", "compile", "import", "pickle.",
     "socket.connect", "socket.getaddrinfo", "shutil", "ctypes")) else None)
from diptych.pickles.checkpoint import read_checkpoint, Code, Cut
from diptych.pickles.inert import NotPickle
import codecs, io, pathlib
for codec in ("cp437", "raw-unicode-escape", "unicode-escape", "latin-1", "ascii"):
    codecs.lookup(codec)
files = sorted(pathlib.Path(sys.argv[1]).iterdir())
happened.clear()
for file in files:
    content = file.open("rb")
    try:
        read_checkpoint(content, file.stat().st_size)
    except (NotPickle, Code, Cut, MemoryError, RecursionError):
        pass
    content.close()
print(len(files), happened)
"""


def test_nothing_is_run_imported_or_connected_to(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "files", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    bad = [case for case in CASES if case.verdict == CODE]
    for number, case in enumerate(bad):
        (folder / f"{number:03}.bin").write_bytes(case.content())
    env = {**os.environ, "PYTHONPATH": str(Path(diptych.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", HOOKED, str(folder)], env=env, cwd=elsewhere, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"{len(bad)} []"
    assert list(elsewhere.iterdir()) == []


def test_the_hook_would_have_seen_it(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x80\x02" + SYSTEM.opcodes + b".")
    program = HOOKED.replace("read_checkpoint(content, file.stat().st_size)", "__import__('pickle').load(content)")
    env = {**os.environ, "PYTHONPATH": str(Path(diptych.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "os.system" in done.stdout
    assert (tmp_path / "CANARY").exists()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_that_were_changed_anywhere_end_in_one_line_or_are_listed(
    data: st.DataObject, reader: TorchReader, tmp_path: Path
) -> None:
    content = bytearray(data.draw(st.sampled_from([torch_zip(GOOD), torch_legacy(GOOD)])))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "model.bin"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    said = ""
    try:
        reader.read(path, path.name)
    except DiptychError as error:
        said = error.message
    assert "\n" not in said


# the child -----------------------------------------------------------------------------------------------------------


def test_memory_is_limited(reader: TorchReader, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    with path.open("wb") as file:
        file.write(b"\x80\x04\x8e" + (3 * 2**30).to_bytes(8, "little"))
        file.truncate(4 * 2**30)
    with pytest.raises(Damaged, match=r"memory|pickle"):
        reader.read(path, path.name)


def test_time_is_limited_and_the_next_file_is_read(tmp_path: Path) -> None:
    slow = tmp_path / "slow.bin"
    slow.write_bytes(b"\x80\x02" + b"N0" * 9_000_000 + b"N.")
    good = tmp_path / "good.bin"
    good.write_bytes(torch_zip(GOOD))
    reader = TorchReader(Confined(seconds=2))
    with pytest.raises(Damaged, match="takes longer than 2 seconds"):
        reader.read(slow, slow.name)
    assert reader.read(good, good.name).header.layout.parameters == 8


def test_waiting_shows_life_and_can_be_given_up(tmp_path: Path) -> None:
    slow = tmp_path / "slow.bin"
    slow.write_bytes(b"\x80\x02" + b"N0" * 5_000_000 + b"N.")
    work = TorchReader().reading(slow, slow.name)
    for _ in range(3):
        begun = time.monotonic()
        next(work)
        assert time.monotonic() - begun < 1
    work.close()


# what is read --------------------------------------------------------------------------------------------------------


def _read(path: Path, content: bytes) -> dict[str, tuple[str, tuple[int, ...]]]:
    path.write_bytes(content)
    with open_weights(path) as source:
        return {one.name: (one.dtype, one.shape) for one in source.tensors()}


@pytest.mark.parametrize("write", [torch_zip, torch_legacy])
@pytest.mark.parametrize("wrapped", ["", "state_dict", "model", "module"])
def test_values_are_those_that_were_saved(write: object, wrapped: str, tmp_path: Path) -> None:
    assert callable(write)
    values = {"a": np.arange(12, dtype="f4").reshape(3, 4), "b": np.arange(5), "c": np.float16([[1.5]])}
    optimizer = {"state": {0: {"exp_avg": np.ones(3, "f4")}}}
    saved: object = {wrapped: values, "optimizer": optimizer, "epoch": 3} if wrapped else values
    path = tmp_path / "ckpt.pt"
    path.write_bytes(write(saved))
    with open_weights(path) as source:
        assert {one.name for one in source.tensors()} == {"a", "b", "c"}
        for name, expected in values.items():
            np.testing.assert_array_equal(np.concatenate(list(source.read(name, 4))), expected.reshape(-1))


def test_tied_tensors_share_their_bytes_and_count_once(reader: TorchReader, tmp_path: Path) -> None:
    one = Tensor(bytes(48), "F32", (3, 4))
    path = tmp_path / "model.bin"
    path.write_bytes(torch_zip({"embed": one, "head": one}))
    header = reader.read(path, path.name).header
    first, second = header.tensors()
    assert (first.begin, first.end) == (second.begin, second.end)
    assert header.layout.parameters == 12


def test_views_that_lie_apart_are_listed_and_refused(tmp_path: Path) -> None:
    raw = np.arange(12, dtype="<f4").tobytes()
    values = {
        "turned": Tensor(raw, "F32", (4, 3), (1, 4)),
        "slice": Tensor(raw, "F32", (4,), (1,), 4),
        "parameter": Tensor(raw, "F32", (12,), (1,), parameter=True),
    }
    path = tmp_path / "model.bin"
    path.write_bytes(torch_zip(values))
    with open_weights(path) as source:
        np.testing.assert_array_equal(next(source.read("slice")), [4, 5, 6, 7])
        assert len(next(source.read("parameter"))) == 12
        with pytest.raises(Refused, match="F32, strided, which is not read"):
            next(source.read("turned"))


def test_special_tensors_are_listed_without_values(tmp_path: Path) -> None:
    meta = called("torch._utils", "_rebuild_meta_tensor_no_storage", called("torch", "Size", (2, 3)), (2, 3), (3, 1))
    listed = _read(tmp_path / "model.bin", torch_zip({"good": np.ones(2, "f4"), "meta": meta}))
    assert listed["good"] == ("F32", (2,))
    assert listed["meta"][0].endswith("without values")


def test_arrays_in_a_bare_pickle_are_read(tmp_path: Path) -> None:
    values = np.arange(100, dtype="f4").reshape(20, 5)
    path = tmp_path / "weights.bin"
    path.write_bytes(pickle.dumps({"a": values, "scale": 3.0}, 4))
    with open_weights(path) as source:
        np.testing.assert_array_equal(next(source.read("a")), values.reshape(-1))


def test_what_a_checkpoint_says_beside_its_weights(reader: TorchReader, tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    said = {"state_dict": dict(GOOD), "hyper_parameters": {"lr": 0.001, "layers": [1, 2]}, "global_step": 40}
    path.write_bytes(torch_zip(said))
    assert reader.read(path, path.name).settings == {
        "hyper_parameters": {"lr": 0.001, "layers": [1, 2]},
        "global_step": 40,
    }


def test_many_tensors_are_listed_in_reasonable_time(reader: TorchReader, tmp_path: Path) -> None:
    one = Tensor(bytes(4), "F32", (1,))
    path = tmp_path / "model.bin"
    path.write_bytes(torch_zip({f"layers.{number}.weight": one for number in range(20_000)}))
    assert len(reader.read(path, path.name).header.layout.entries) == 20_000


def test_a_pickle_of_nothing_holds_no_tensors(reader: TorchReader, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(torch_pickle({"a": 1}))
    assert reader.read(path, path.name).header.layout.entries == ()
