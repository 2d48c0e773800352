"""Pages of a tensor's values, held against the whole tensor read by the source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from diptych.domain.decoding import decode, packing
from diptych.domain.dossier import Dossier
from diptych.domain.ggml import READABLE
from diptych.domain.tensor import DTYPE_BITS
from diptych.domain.view import View
from diptych.errors import NotFound, Refused
from diptych.formats import open_weights
from diptych.job import finish
from diptych.tensors.viewed import Viewed
from diptych.tensors.window import matrix, window
from diptych.workbench.comparing import Comparison
from diptych.workbench.values import TensorPage, tensor_page
from dossiers import Bytes, dossier

ROWS, COLUMNS = range(3, 9), range(5, 40)


def stored(tensors: Mapping[str, tuple[str, NDArray[np.generic]]]) -> Dossier:
    source = Bytes({name: (dtype, values.shape, values.tobytes()) for name, (dtype, values) in tensors.items()})
    return dossier(tensors=tuple(source.tensors()), weights=lambda: source)


def floats(values: NDArray[np.floating], name: str = "w") -> Dossier:
    return stored({name: ("F32", values.astype("<f4"))})


def page(left: Dossier, right: Dossier, rows: range = ROWS, columns: range = COLUMNS) -> TensorPage:
    return finish(tensor_page(Comparison(left, right), "w", rows, columns))


@pytest.mark.parametrize("dtype", sorted({*DTYPE_BITS, *READABLE}))
def test_a_window_is_a_part_of_the_whole_for_every_type(dtype: str) -> None:
    count, width = packing(dtype)
    shape = (12, 256)
    raw = np.random.default_rng(4).integers(0, 256, 12 * 256 // count * width, np.uint8)
    if dtype == "BOOL":
        raw &= 1
    source = Bytes({"w": (dtype, shape, raw.tobytes())})
    whole = decode(raw, dtype).reshape(shape)
    found = finish(window(source, source.tensors()[0], ROWS, COLUMNS))
    np.testing.assert_array_equal(found, whole[3:9, 5:40])


@pytest.mark.parametrize(
    "view",
    [
        View("w", (16, 24), 8),
        View("w", (32, 24), heads=4),
        View("w", (16, 24), 8, heads=2),
        View("w", (12, 32), 4, transposed=True),
        View("w", (16, 24), 2, groups=4),
    ],
)
def test_a_window_of_a_view_is_a_part_of_what_the_view_shows(view: View) -> None:
    values = np.arange(32 * 24, dtype="<f4").reshape(32, 24)
    source = Bytes({"w": ("F32", (32, 24), values.tobytes())})
    whole = np.concatenate(list(Viewed(source, [view]).read(view.name))).reshape(view.shape)
    found = finish(window(source, source.tensors()[0], range(2, 11), range(3, 20), view))
    np.testing.assert_array_equal(found, whole[2:11, 3:20])


def test_a_page_of_a_part_shows_the_part() -> None:
    fused = np.arange(24 * 8, dtype=np.float32).reshape(24, 8)
    name = "model.layers.0.self_attn.{}.weight"
    apart = {name.format(f"{part}_proj"): ("F32", fused[8 * at : 8 * at + 8].astype("<f4"))
             for at, part in enumerate("qkv")}  # fmt: skip
    comparison = Comparison(stored({name.format("qkv_proj"): ("F32", fused.astype("<f4"))}), stored(apart))
    for at, part in enumerate("qkv"):
        found = finish(tensor_page(comparison, name.format(f"{part}_proj"), range(30), range(8)))
        assert found.shape == (8, 8)
        assert found.left == found.right == fused[8 * at : 8 * at + 8].tolist()


def test_a_vector_stands_upright_and_a_cube_lies_flat() -> None:
    assert matrix(()) == (1, 1)
    assert matrix((7,)) == (7, 1)
    assert matrix((4, 3, 5)) == (12, 5)


def test_a_page_shows_a_b_and_their_difference() -> None:
    a = np.random.default_rng(1).standard_normal((20, 50)).astype("<f4")
    b = a.copy()
    b[4, 6] += 0.25
    found = page(floats(a), floats(b))
    np.testing.assert_array_equal(np.array(found.left, np.float32), a[3:9, 5:40])
    np.testing.assert_array_equal(np.array(found.right, np.float32), b[3:9, 5:40])
    changes = np.array(found.change, np.float64)
    assert np.argwhere(changes).tolist() == [[1, 1]]
    assert changes[1, 1] == float(b[4, 6]) - float(a[4, 6])
    assert found.size == (20, 50)
    told = found.exact(4, 6)
    assert [np.float32(text.replace("−", "-")) for text in told[:2]] == [a[4, 6], b[4, 6]]


def test_a_page_is_cut_to_what_there_is() -> None:
    found = page(floats(np.ones((5, 8))), floats(np.ones((5, 8))))
    assert (found.rows, found.columns) == (range(3, 5), range(5, 8))
    beyond = page(floats(np.ones((2, 8))), floats(np.ones((2, 8))))
    assert list(beyond.rows) == []


def test_whole_numbers_are_subtracted_without_rounding() -> None:
    a = stored({"w": ("I64", np.full((9, 9), 2**62 + 1, "<i8"))})
    b = stored({"w": ("I64", np.full((9, 9), -(2**62), "<i8"))})
    assert page(a, b).change[0][0] == -(2**63) - 1
    small = stored({"w": ("U8", np.zeros((9, 9), "u1"))}), stored({"w": ("U8", np.full((9, 9), 200, "u1"))})
    assert page(small[1], small[0]).change[0][0] == -200


def test_types_that_differ_are_compared_by_value() -> None:
    a = np.linspace(0, 1, 450).reshape(9, 50)
    found = page(stored({"w": ("F64", a)}), stored({"w": ("F16", a.astype("<f2"))}))
    assert found.dtypes == ("F64", "F16")
    assert np.abs(np.array(found.change, float)).max() <= 2**-11


def test_rows_that_only_one_side_has_stand_alone() -> None:
    a, b = np.ones((6, 8)), np.ones((9, 8))
    names = "model.embed_tokens.weight"
    comparison = Comparison(floats(a, names), floats(b, names))
    found = finish(tensor_page(comparison, names, range(4, 9), range(2)))
    assert [row[0] for row in found.left] == [1.0, 1.0, None, None, None]
    assert [row[0] for row in found.right] == [1.0] * 5
    assert [row[0] for row in found.change] == [0.0, 0.0, None, None, None]


def test_a_tensor_of_one_side_is_shown_without_the_other() -> None:
    found = page(floats(np.ones((9, 9))), floats(np.ones((9, 9)), "other"))
    assert found.left[0][0] == 1.0
    assert found.right[0][0] is None
    assert found.change[0][0] is None
    assert found.exact(4, 6) == ("1.0", "", "")


def test_what_cannot_be_read_says_why() -> None:
    known = floats(np.ones((9, 9)))
    gone = dossier(tensors=known.tensors)
    with pytest.raises(Refused, match="weights of B"):
        page(known, gone)
    with pytest.raises(NotFound, match="no such tensor"):
        finish(tensor_page(Comparison(known, known), "v", ROWS, COLUMNS))


def test_what_its_file_packs_is_read_from_the_begin(tmp_path: Path) -> None:
    values = np.random.default_rng(2).standard_normal((400, 800))
    np.savez_compressed(tmp_path / "packed.npz", w=values)
    with open_weights(tmp_path / "packed.npz") as source:
        found = finish(window(source, source.tensors()[0], range(397, 400), range(795, 800)))
    np.testing.assert_array_equal(found, values[397:, 795:])
