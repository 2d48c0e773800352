"""Merged models, held against their base and adapter."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from adapting import (
    HEAD,
    UP,
    Q,
    adapter,
    compared,
    dora,
    merged_of,
    model,
    rows,
    said,
    thin,
    weights,
    wide,
    with_whole,
)
from diptych.domain.sheet import Status
from making import bfloat16


def test_a_merge_is_held_against_what_the_adapter_keeps_whole() -> None:
    base = wide()
    arrays, merged = with_whole(base)
    made = adapter(arrays, base=model(base))
    sheet = compared(made, model(merged, "merged/1"))
    assert {row.status for row in sheet.rows} == {Status.SAME}
    assert rows(sheet)[HEAD].note == "as in the adapter"
    assert len(said(sheet)) == 1
    other = compared(made, model(merged | {HEAD: base[HEAD]}, "merged/1"))
    assert "1 tensor not as kept whole by the adapter A" in said(other)


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_a_merge_is_exact_to_the_rounding_of_its_dtype(dtype: str) -> None:
    base = weights()
    made = adapter(thin(), base=model(base))
    merged = model(merged_of(base, thin()), "merged/1", dtype)
    for sheet, sides in ((compared(made, merged), "BA"), (compared(merged, made), "AB")):
        assert {row.status for row in sheet.rows} == {Status.SAME}
        assert said(sheet)[0].startswith(f"{sides[0]} is base/1 with the adapter {sides[1]} merged, exact to ")
        assert f"rounding to {dtype}" in said(sheet)[0]
        relative = rows(sheet)[f"{UP}.weight"].values["relative_change"]
        assert isinstance(relative, float)
        assert relative < (4e-3 if dtype == "BF16" else 1e-6)


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_a_merge_that_was_computed_in_its_own_dtype_is_within_rounding(dtype: str) -> None:
    random = np.random.default_rng(1)

    def stored_as(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return values if dtype == "F32" else (bfloat16(values).astype("u4") << 16).view(np.float32)

    shape, rank, name = (96, 64), 32, "model.layers.0.mlp.up_proj"
    base = {f"{name}.weight": stored_as(random.standard_normal(shape).astype(np.float32))}
    a, b = (stored_as(random.standard_normal(size).astype(np.float32)) for size in ((rank, 64), (96, rank)))
    arrays = {f"base_model.model.{name}.lora_A.weight": a, f"base_model.model.{name}.lora_B.weight": b}
    change = stored_as(stored_as(b @ a) * np.float32(0.3))
    whole = {f"{name}.weight": stored_as(base[f"{name}.weight"] + change)}
    made = adapter(arrays, {"adapter.lora_alpha": 0.3 * rank}, model(base, dtype=dtype))
    sheet = compared(made, model(whole, "merged/1", dtype))
    assert f"all of it rounding to {dtype}" in said(sheet)[0]
    whole[f"{name}.weight"][5, 5] *= np.float32(1.05)
    sheet = compared(made, model(whole, "merged/1", dtype))
    assert "; 1 element beyond rounding" in said(sheet)[0]


def test_a_merge_of_dora_is_recognised() -> None:
    base = weights()
    lengths, merged = dora(base, thin())
    sheet = compared(adapter(lengths, base=model(base)), model(merged, "merged/1"))
    assert "merged, exact to" in said(sheet)[0]


def test_a_merge_that_is_a_little_off_says_where() -> None:
    base = weights()
    merged = merged_of(base, thin())
    merged[f"{UP}.weight"][2, 3] += 1e-3
    merged["model.norm.weight"] = merged["model.norm.weight"] + np.float32(1)
    sheet = compared(adapter(thin(), base=model(base)), model(merged, "merged/1"))
    assert "1 element beyond rounding" in said(sheet)[0]
    assert "1 tensor changed that the adapter leaves alone" in said(sheet)
    row = rows(sheet)[f"{UP}.weight"]
    assert (row.status, row.values["beyond_rounding"]) == (Status.DIFFERS, 1)
    assert row.values["max_abs"] == pytest.approx(1e-3, rel=1e-2)


def test_another_model_is_no_merge() -> None:
    base = weights()
    sheet = compared(adapter(thin(), base=model(base)), model(weights(seed=9), "other/1"))
    assert any("the adapter changes 2 of 3 tensors" in text for text in said(sheet))
    assert "B is not base/1 with the adapter A merged: " in said(sheet)[-1]


def test_a_merge_at_another_scale_is_none_and_says_by_how_much() -> None:
    base = weights()
    half = {name: (base[name] + (array - base[name]) / 2) for name, array in merged_of(base, thin()).items()}
    sheet = compared(model(half, "half/1"), adapter(thin(), base=model(base)))
    assert said(sheet)[-1] == (
        f"A is not base/1 with the adapter B merged: {Q}.weight lies 0.5 times what the adapter adds away from that"
    )


def test_nothing_is_said_of_a_merge_without_the_base() -> None:
    base = weights()
    sheet = compared(adapter(thin()), model(merged_of(base, thin()), "merged/1"))
    assert said(sheet) == ["the adapter changes 2 of 3 tensors, rank 4"]
