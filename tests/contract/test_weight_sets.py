"""Folders of weights: indexes, shards that miss or clash, and which files belong together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hostile_safetensors import ACCEPTED, Case, index_cases, one_line

from diptych.domain.tensor import TensorSource
from diptych.errors import Damaged, NotFound
from diptych.formats import open_weights, read_index, weight_sets
from making import write_safetensors

INDEXES = list(index_cases())


def of(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", INDEXES, ids=of)
def test_a_strange_index_is_refused_in_one_line_or_flagged(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    case.write(path)
    if case.verdict == ACCEPTED:
        index = read_index(path)
        assert index.files == ("model.safetensors",)
        assert index.total_size is None
        assert case.reason in str(index.problems[0])
        return
    with pytest.raises(Damaged) as caught:
        read_index(path)
    assert case.reason in one_line(caught.value, path)


def sharded(folder: Path, total: int = 3, stem: str = "model") -> Path:
    shards = {f"t{at}": f"{stem}-{at:05}-of-{total:05}.safetensors" for at in range(1, total + 1)}
    for name, shard in shards.items():
        write_safetensors(folder / shard, {name: np.full(3, float(name[1:]), "f4")})
    index = {"metadata": {"total_size": 12 * total}, "weight_map": shards}
    (folder / f"{stem}.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    return folder


def held(source: TensorSource) -> list[str]:
    with source:
        return [tensor.name for tensor in source.tensors()]


def test_a_sharded_folder_is_one_source(tmp_path: Path) -> None:
    index = read_index(sharded(tmp_path) / "model.safetensors.index.json")
    assert (len(index.files), index.total_size, index.problems) == (3, 36, ())
    with open_weights(tmp_path) as source:
        assert [(tensor.name, tensor.file[:11]) for tensor in source.tensors()] == [
            ("t1", "model-00001"), ("t2", "model-00002"), ("t3", "model-00003"),
        ]  # fmt: skip
        np.testing.assert_array_equal(next(source.read("t2")), [2, 2, 2])
        with pytest.raises(NotFound, match="t9"):
            source.raw("t9")


def test_a_missing_shard_leaves_the_rest(tmp_path: Path) -> None:
    sharded(tmp_path)
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    for keep_index in (True, False):
        if not keep_index:
            (tmp_path / "model.safetensors.index.json").unlink()
        (found,) = weight_sets([path.name for path in tmp_path.iterdir()])
        assert found.missing == ("model-00002-of-00003.safetensors",)
        assert bool(found.index) is keep_index
        assert held(open_weights(tmp_path)) == ["t1", "t3"]


def test_an_index_without_any_shard_is_not_found(tmp_path: Path) -> None:
    sharded(tmp_path)
    for shard in tmp_path.glob("*.safetensors"):
        shard.unlink()
    with pytest.raises(NotFound, match="none of its 3 shards"):
        open_weights(tmp_path)


def test_an_index_names_shards_as_it_likes(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "first.safetensors", {"a": np.ones(1, "f4")})
    write_safetensors(tmp_path / "model.safetensors", {"stray": np.ones(1, "f4")})
    index = {"weight_map": {"a": "first.safetensors", "b": "second.safetensors"}}
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps(index), "utf-8")
    found = weight_sets([each.name for each in tmp_path.iterdir()], {path.name: read_index(path)})
    by_index = next(each for each in found if each.index)
    assert (by_index.files, by_index.missing) == (("first.safetensors",), ("second.safetensors",))
    assert {each.stem for each in found} == {"model"}


def test_a_tensor_in_two_shards_is_damage(tmp_path: Path) -> None:
    for at in (1, 2):
        write_safetensors(tmp_path / f"model-0000{at}-of-00002.safetensors", {"a": np.ones(1, "f4")})
    with pytest.raises(Damaged, match="in another shard too"):
        open_weights(tmp_path)


def test_an_index_that_cannot_be_trusted_leaves_the_names_of_shards(tmp_path: Path) -> None:
    sharded(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map":{"t1":"../x"}}', "utf-8")
    assert held(open_weights(tmp_path)) == ["t1", "t2", "t3"]


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["model.safetensors"], ["model"]),
        (["model.fp16.safetensors", "model.safetensors"], ["model", "model.fp16"]),
        (["adapter_model.safetensors", "adapter_config.json"], ["adapter_model"]),
        (["zebra/adapter_model.safetensors"], ["zebra/adapter_model"]),
        (["diffusion_pytorch_model.safetensors"], ["diffusion_pytorch_model"]),
        (["consolidated.safetensors", "model-00001-of-00001.safetensors"], ["model", "consolidated"]),
        (["model.safetensors.index.fp16.json", "model.fp16-00001-of-00001.safetensors"], ["model.fp16"]),
        (["0000100_adapters.safetensors", "adapters.safetensors"], ["0000100_adapters", "adapters"]),
        (["config.json", "pytorch_model.bin"], ["pytorch_model"]),
        (["model-00001-of-00000.safetensors"], ["model"]),
        (["model-00001-of-999999.safetensors"], ["model"]),
    ],
)
def test_files_are_grouped_into_sets(names: list[str], stems: list[str]) -> None:
    assert [each.stem for each in weight_sets(names)] == stems


def test_an_adapter_in_a_folder_of_its_own_name_is_opened(tmp_path: Path) -> None:
    (tmp_path / "french").mkdir()
    write_safetensors(tmp_path / "french" / "adapter_model.safetensors", {"lora_A": np.ones(2, "f4")})
    assert held(open_weights(tmp_path)) == ["lora_A"]


def test_a_folder_without_weights_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    with pytest.raises(NotFound, match="holds no weights"):
        open_weights(tmp_path)
