"""Files of PyTorch: nothing in them is ever run, hostile ones end in one line, good ones are read as they lie."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
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
from diptych.tensors.difference import difference
from making_torch import Call, Module, Raw, Tensor, called, named, tensor, text, torch_legacy, torch_pickle, torch_zip

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


@pytest.mark.parametrize("write", [torch_zip, torch_legacy])
def test_views_are_read_by_value_however_they_lie(write: Callable[[object], bytes], tmp_path: Path) -> None:
    base = np.arange(24, dtype="<f4")
    raw = base.tobytes()
    views = {
        "slice": (Tensor(raw, "F32", (4,), (1,), 4), base[4:8]),
        "parameter": (Tensor(raw, "F32", (24,), (1,), parameter=True), base),
        "turned": (Tensor(raw, "F32", (6, 4), (1, 6)), base.reshape(4, 6).T),
        "every other": (Tensor(raw, "F32", (2, 3), (12, 2), 1), base.reshape(2, 12)[:, 1:7:2]),
        "permuted": (Tensor(raw, "F32", (4, 2, 3), (1, 12, 4)), base.reshape(2, 3, 4).transpose(2, 0, 1)),
        "repeated": (Tensor(raw, "F32", (5, 3), (0, 1), 2), np.tile(base[2:5], (5, 1))),
        "overlapping": (Tensor(raw, "F32", (4, 3), (2, 1)), np.stack([base[at : at + 3] for at in (0, 2, 4, 6)])),
        "turned flags": (Tensor(bytes([0, 1, 1, 0, 0, 1]), "BOOL", (3, 2), (1, 3)), np.array([[0, 0], [1, 0], [1, 1]])),
        "empty": (Tensor(raw, "F32", (0, 3), (7, 2)), np.zeros((0, 3))),
    }
    path = tmp_path / "model.bin"
    path.write_bytes(write({name: view for name, (view, _) in views.items()}))
    with open_weights(path) as source:
        listed = {tensor.name: tensor for tensor in source.tensors()}
        for name, (view, expected) in views.items():
            assert (listed[name].dtype, listed[name].shape) == (view.dtype, expected.shape)
            assert source.raw(name).nbytes == listed[name].bytes
            read = np.concatenate([*source.read(name, 5), np.empty(0, "f4")])
            np.testing.assert_array_equal(read, expected.reshape(-1), name)


def test_a_turned_view_equals_its_plain_twin_in_a_comparison(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((40, 70)).astype("f4")
    lying = {"turned": Tensor(values.T.tobytes(), "F32", (40, 70), (1, 40)), "plain": tensor(values)}
    for name, saved in lying.items():
        (tmp_path / f"{name}.pt").write_bytes(torch_zip({"w": saved}))
    with open_weights(tmp_path / "turned.pt") as left, open_weights(tmp_path / "plain.pt") as right:
        ((_, found),) = difference(left, right, [("w", "w")])
    assert found is not None
    assert found.identical
    assert found.norm_left == pytest.approx(float(np.linalg.norm(values)))


def test_a_large_view_is_put_in_order_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(torch_zip({"w": Tensor(bytes(4 * 2**22), "F32", (2**11, 2**11), (1, 2**11))}))
    with open_weights(path) as source:
        pieces = list(source.unfolding("w"))
        assert len(pieces) >= 16
        assert list(source.unfolding("w")) == []


def test_a_view_repeated_beyond_all_reason_is_listed_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(torch_zip({"w": Tensor(bytes(4), "F32", (2**20, 2**20), (0, 0))}))
    with open_weights(path) as source:
        assert source.tensors()[0].dtype == "F32, repeated without end"
        with pytest.raises(Refused, match="which is not read"):
            next(source.read("w"))


def test_sparse_tensors_are_listed_with_what_they_are(tmp_path: Path) -> None:
    indices, values = tensor(np.zeros((2, 3), "i8")), tensor(np.ones(3, "f4"))
    layout = Raw(named("torch.serialization", "_get_layout") + b"(" + text("torch.sparse_coo") + b"tR")
    size = called("torch", "Size", (5, 7))
    writer_sees = {"good": np.ones(2, "f4"), "thin": Call("torch._utils", "_rebuild_sparse_tensor",
                                                          (layout, (indices, values, size, True)))}  # fmt: skip
    listed = _read(tmp_path / "model.bin", torch_zip(writer_sees))
    assert listed == {"good": ("F32", (2,)), "thin": ("F32, sparse", (5, 7))}


# TorchScript ---------------------------------------------------------------------------------------------------------


def scripted(more: Mapping[str, bytes] | None = None, constants: object = ()) -> bytes:
    """An archive as `torch.jit.save` writes it, with a module in a module and its code."""
    sizes = called("torch.jit._pickle", "build_intlist", [1])
    attributes = {"training": True, "weight": GOOD["weight"], "sizes": sizes}
    inner = Module("__torch__.torch.nn.modules.linear", "Linear", attributes)
    outer = Module("__torch__", "Model", {"model": inner, "bias": GOOD["bias"]})
    code = {"archive/code/__torch__.py": b"import os\nos.system('touch CANARY')\n"}
    pickled = torch_pickle(constants)
    return torch_zip(outer, more={**code, "archive/constants.pkl": pickled, **(more or {})})


def test_torchscript_is_listed_and_read_and_its_code_is_not_run(reader: TorchReader, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(scripted())
    assert reader.read(path, path.name).header.metadata["container"] == "torchscript"
    with open_weights(path) as source:
        assert {one.name: (one.dtype, one.shape) for one in source.tensors()} == {
            "model.weight": ("F32", (2, 3)),
            "bias": ("F32", (2,)),
        }
        np.testing.assert_array_equal(next(source.read("model.weight")), np.arange(6))
    assert not list(Path.cwd().glob("CANARY"))


def test_constants_of_torchscript_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    values = np.arange(3, dtype="<f4")
    stored = {"archive/constants/0": values.tobytes()}
    path = tmp_path / "model.pt"
    path.write_bytes(scripted(stored, constants=(tensor(values),)))
    with open_weights(path) as source:
        np.testing.assert_array_equal(next(source.read("constants.0")), values)


@pytest.mark.parametrize("where", ["data.pkl", "constants.pkl"])
def test_torchscript_with_more_than_modules_is_not_opened(where: str, reader: TorchReader, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    code = {"archive/code/x.py": b"", "archive/constants.pkl": torch_pickle((SYSTEM,))}
    path.write_bytes(scripted(constants=(SYSTEM,)) if where == "constants.pkl" else torch_zip({"x": SYSTEM}, more=code))
    with pytest.raises(Unopened, match=r"contains code — not opened: posix\.system"):
        reader.read(path, path.name)


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
