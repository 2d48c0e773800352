"""Arrays of NumPy: headers are never evaluated, objects are code, packed members are inflated in pieces."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from diptych import display
from diptych.errors import Damaged, Refused
from diptych.formats import Partial, Unopened, open_weights
from diptych.formats.numpy_file import NumpyReader

VALUES = {
    "layers.0.weight": np.arange(24, dtype="f4").reshape(4, 6),
    "half": np.ones((3, 5), "f2"),
    "scalar": np.float64(2.5),
    "whole": np.arange(7),
}


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text + data


def described(descr: str = "'<f4'", order: str = "False", shape: str = "(2,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_values_are_those_that_were_saved(save: object, tmp_path: Path) -> None:
    assert callable(save)
    path = tmp_path / "weights.npz"
    save(path, **VALUES)
    with open_weights(path) as source:
        assert {one.name: one.shape for one in source.tensors()} == {name: np.shape(v) for name, v in VALUES.items()}
        for tensor in source.tensors():
            assert source.raw(tensor.name).nbytes == tensor.bytes
            read = np.concatenate(list(source.read(tensor.name, 5)))
            np.testing.assert_array_equal(read, np.asarray(VALUES[tensor.name]).reshape(-1))


def test_stored_arrays_are_mapped(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    np.savez(path, **VALUES)
    with open_weights(path) as source:
        source.raw("half")
        assert str(path) in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"", Partial, "directory"),
        (b"\x93NUMPY", Damaged, "cut"),
        (npy("__import__('os').system('touch CANARY')"), Damaged, "does not write"),
        (npy(described("'|O'"), b"\x80\x02."), Unopened, "Python objects"),
        (npy(described("[('a', '|O')]"), b""), Unopened, "Python objects"),
        (npy(described(shape="(2, -1)"), bytes(8)), Damaged, "does not write"),
        (npy(described(shape=f"({10**30},)")), Damaged, "no file can hold"),
        (npy(described(shape=f"({10**18}, {10**18})")), Damaged, "no file can hold"),
        (npy(described(shape="(" + "1," * 100 + ")"), bytes(4)), Damaged, "no file can hold"),
        (npy(described(), bytes(7)), Partial, "cut"),
        (npy(described(), bytes(9)), Damaged, "behind"),
        (npy(described(), bytes(8), version=9), Damaged, "version 9"),
        (npy(described()[:-3], bytes(8)), Damaged, "does not write"),
        (b"\x93NUMPY\2\0" + b"\xff\xff\xff\x7f", Damaged, "longer than any"),
    ],
)
def test_a_strange_array_ends_in_one_line(content: bytes, error: type[Exception], says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        NumpyReader().read(path, path.name)
    assert type(caught.value) is error
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert says in message
    assert display.visible(message) == message
    assert not list(Path.cwd().glob("CANARY"))


@pytest.mark.parametrize(
    ("descr", "order", "dtype"),
    [("'>f4'", "False", "F32, big-endian"), ("'<f4'", "True", "F32, strided"), ("'<U3'", "False", "‘<U3’, not read")],
)
def test_what_is_not_read_is_listed_and_refused(descr: str, order: str, dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy(described(descr, order, "(2, 3)"), bytes(24)))
    with open_weights(path) as source:
        assert [one.dtype for one in source.tensors()] == [dtype]
        with pytest.raises(Refused, match="which is not read"):
            next(source.read("a"))


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy(described(shape="(1000,)"), bytes(3000)))
    path = tmp_path / "weights.npz"
    path.write_bytes(out.getvalue())
    with pytest.raises(Damaged, match=r"a\.npy has a shape that its bytes do not fill"):
        open_weights(path)
