"""Fingerprints in the catalog: they come back whole, and tell which versions lie near."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from diptych.catalog import Catalog
from diptych.catalog.fingerprints import vector_of
from diptych.domain.fingerprint import Fingerprint, TensorPrint
from diptych.tensors import sketch


def printed(name: str, values: np.ndarray) -> TensorPrint:
    flat = values.reshape(-1).astype(np.float32)
    cells = np.zeros(sketch.cells(flat.size))
    sketch.add(flat, 0, cells)
    return TensorPrint(
        name, "F32", values.shape, hashlib.sha256(flat.tobytes()).hexdigest()[:32], float(flat.mean()),
        float(flat.std()), float(np.linalg.norm(flat)), float(np.abs(flat).max()), (0.0, 0.1, 0.2, 0.3, 0.4), 0, 0, 1,
        cells.astype(np.float32),
    )  # fmt: skip


def fingerprint(tensors: Mapping[str, np.ndarray]) -> Fingerprint:
    return Fingerprint({name: printed(name, values) for name, values in tensors.items()}, 1000)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with closing(Catalog(tmp_path / "catalog.db")) as catalog:
        yield catalog


def weights(seed: int, names: int = 6) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {f"layers.{at}.weight": random.normal(size=(64, 48)).astype(np.float32) for at in range(names)}


def moved(tensors: Mapping[str, np.ndarray], by: float, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: values + by * random.normal(size=values.shape).astype(np.float32) for name, values in tensors.items()}


def test_a_fingerprint_comes_back_whole(catalog: Catalog) -> None:
    made = fingerprint({**weights(1), "strange \ud800": np.ones((3,), np.float32)})
    catalog.fingerprints.keep("a" * 64, made)
    back = catalog.fingerprints.of("a" * 64)
    assert back is not None
    assert list(back.tensors) == list(made.tensors)
    for one, other in zip(made.tensors.values(), back.tensors.values(), strict=True):
        assert (one.digest, one.shape, one.quantiles, one.zeros) == (
            other.digest, other.shape, other.quantiles, other.zeros,
        )  # fmt: skip
        assert (one.mean, one.std, one.norm, one.absmax) == (other.mean, other.std, other.norm, other.absmax)
        np.testing.assert_array_equal(one.sketch, other.sketch)
    assert catalog.fingerprints.known() == {"a" * 64}
    assert catalog.fingerprints.of("b" * 64) is None


def test_the_nearest_come_first_with_their_distance(catalog: Catalog) -> None:
    base = weights(1)
    near, far = moved(base, 0.01, 2), moved(base, 0.1, 3)
    for key, tensors in (("base", base), ("near", near), ("far", far), ("twin", base), ("other", weights(9))):
        catalog.fingerprints.keep(key, fingerprint(tensors))
    catalog.fingerprints.keep("smaller", fingerprint(weights(1, names=2)))
    found = catalog.fingerprints.neighbours("base")
    assert [one.version_id for one in found] == ["twin", "near", "far", "other"]
    assert found[0].distance == 0
    for one, other in zip(found[1:3], (near, far), strict=True):
        true = np.sqrt(sum(np.sum((other[name] - base[name]) ** 2) for name in base))
        true /= np.sqrt(sum(np.sum(values**2) for values in base.values()))
        assert one.distance == pytest.approx(float(true), rel=0.2)
    assert catalog.fingerprints.neighbours("nobody") == ()


def test_values_that_are_not_finite_survive(catalog: Catalog) -> None:
    one = TensorPrint("t", "F32", (1,), "d", float("nan"), 0.0, float("inf"), 0.0, (float("-inf"),), 1, 0, 0,
                      np.zeros(0, np.float32))  # fmt: skip
    catalog.fingerprints.keep("x", Fingerprint({"t": one}, 4))
    back = catalog.fingerprints.of("x")
    assert back is not None
    assert np.isnan(back.tensors["t"].mean)
    assert back.tensors["t"].norm == float("inf")
    assert back.tensors["t"].quantiles == (float("-inf"),)


def test_values_beyond_float32_leave_distances_numbers(catalog: Catalog) -> None:
    def huge(norms: Mapping[str, float], cell: float) -> Fingerprint:
        cells = np.full(512, cell, np.float32)
        return Fingerprint(
            {
                name: TensorPrint(name, "F64", (512,), "d", 0.0, 0.0, norm, 0.0, (), 0, 0, 0, cells)
                for name, norm in norms.items()
            },
            4,
        )

    catalog.fingerprints.keep("huge", huge({"a": 1e300, "b": 1e200, "c": float("nan")}, 3e38))
    catalog.fingerprints.keep("near", huge({"a": 1e300, "b": float("inf"), "c": 0.0}, 3e38))
    catalog.fingerprints.keep("far", huge({"a": 3.0, "b": 4.0, "c": float("nan")}, 1e30))
    found = catalog.fingerprints.neighbours("huge")
    assert [one.version_id for one in found] == ["near", "far"]
    assert np.isfinite([one.distance for one in found]).all()
    assert vector_of(huge({"a": 3.0, "b": 4.0, "c": float("nan")}, 1.0))[-1] == 5


def test_the_catalog_grows_by_little(catalog: Catalog) -> None:
    from diptych.catalog.fingerprints import packed

    random = np.random.default_rng(1)
    tensors = {
        f"model.layers.{at}.mlp.down_proj.weight": TensorPrint(
            f"model.layers.{at}.mlp.down_proj.weight", "BF16", (2048, 2048), f"{at:032x}", 0.1, 0.2, 0.3, 0.4,
            (0.1, 0.2, 0.3, 0.4, 0.5), 0, 0, 0, random.normal(size=1024).astype(np.float32),
        )
        for at in range(300)
    }  # fmt: skip
    head, sketches = packed(Fingerprint(tensors, 300 * 2048 * 2048 * 2))
    assert len(head) + len(sketches) < 0.005 * 300 * 2048 * 2048 * 2


def test_a_thousand_versions_are_searched_quickly(catalog: Catalog) -> None:
    base = fingerprint({"w": np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)})
    for at in range(1000):
        catalog.fingerprints.keep(f"{at:064x}", base)
    begun = time.process_time()
    assert len(catalog.fingerprints.neighbours(f"{7:064x}")) == 20
    assert time.process_time() - begun < 1  # the benchmark holds it to less
