"""Arrays of NumPy: headers are never evaluated, objects are code, packed members are inflated in pieces."""

from __future__ import annotations

import io
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from diptych import display
from diptych.errors import Damaged, Refused
from diptych.formats import Partial, Unopened, open_weights
from diptych.formats.numpy_file import NumpyReader
from diptych.tensors.difference import difference

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
    [
        ("'>f4'", "False", "F32, big-endian"),
        ("'<c16'", "True", "C128, strides 1 2"),
        ("'<U3'", "False", "‘<U3’, not read"),
    ],
)
def test_what_is_not_read_is_listed_and_refused(descr: str, order: str, dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy(described(descr, order, "(2, 3)"), bytes(96 if "c16" in descr else 24)))
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


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_written_by_columns_are_read_by_rows(save: Callable[..., None], tmp_path: Path) -> None:
    values = {"two": np.arange(12, dtype="f4").reshape(3, 4), "three": np.arange(24, dtype="i2").reshape(2, 3, 4)}
    path = tmp_path / "weights.npz"
    save(path, **{name: np.asfortranarray(each) for name, each in values.items()})
    with open_weights(path) as source:
        for tensor in source.tensors():
            expected = values[tensor.name]
            assert tensor.dtype == {"f": "F32", "i": "I16"}[expected.dtype.kind]
            assert source.raw(tensor.name).tobytes() == expected.tobytes()
            np.testing.assert_array_equal(np.concatenate(list(source.read(tensor.name, 5))), expected.reshape(-1))


def test_packed_arrays_are_compared_with_stored_ones(tmp_path: Path) -> None:
    values = {name: np.random.default_rng(3).standard_normal((300, 40)).astype("f4") for name in ("a", "b")}
    np.savez(tmp_path / "stored.npz", **values)
    values["b"][7, 7] += 1
    np.savez_compressed(tmp_path / "packed.npz", **values)
    with open_weights(tmp_path / "stored.npz") as left, open_weights(tmp_path / "packed.npz") as right:
        found = dict(difference(left, right, [("a", "a"), ("b", "b")]))
    assert [found[name, name].changed for name in ("a", "b")] == [0, 1]


def test_large_packed_arrays_take_no_memory_and_can_be_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    values = np.arange(20 * 2**20, dtype="f4")  # 80 MiB, more than is kept in memory
    path = tmp_path / "weights.npz"
    np.savez_compressed(path, a=values)
    with open_weights(path) as source:
        given_up = source.unfolding("a")
        next(given_up)
        given_up.close()
        longest, last = 0.0, time.monotonic()
        for _ in source.unfolding("a"):
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        assert longest < 0.2
        mapped = Path("/proc/self/maps").read_text()
        assert any(str(tmp_path / "cache") in line and "(deleted)" in line for line in mapped.splitlines())
        np.testing.assert_array_equal(source.raw("a").view("<f4"), values)
    assert str(tmp_path / "cache") not in Path("/proc/self/maps").read_text()
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_room_on_the_disk_a_packed_array_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**30))
    path = tmp_path / "weights.npz"
    np.savez_compressed(path, a=np.arange(17 * 2**20, dtype="f4"))
    with open_weights(path) as source:
        with pytest.raises(Refused, match=r"a: needs 71\S* MB to be put in order, for which there is no room"):
            source.raw("a")
        assert len(next(source.read("a", 100))) == 100


def test_an_array_of_noughts_is_no_bomb_and_a_bomb_is(tmp_path: Path) -> None:
    good, bad = tmp_path / "noughts.npz", tmp_path / "bomb.npz"
    np.savez_compressed(good, a=np.zeros((1000, 1000), "f4"))
    with open_weights(good) as source:
        assert not source.raw("a").any()
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        member.write(npy(described(shape=f"({2**26},)")))
        for _ in range(256):
            member.write(bytes(2**20))
    with pytest.raises(Damaged, match="unpacks to far more than it may"):
        open_weights(bad)


def test_a_packed_array_with_a_changed_byte_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    np.savez_compressed(path, a=np.random.default_rng(5).integers(0, 9, 2_000_000))
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4] ^= 16
    path.write_bytes(content)
    with open_weights(path) as source, pytest.raises(Damaged, match=r"damaged archive|unpacks to"):
        source.raw("a")
