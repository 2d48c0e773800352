"""Weights that are not safetensors, as a scan meets them: the same facts, evidence and comparisons as any other."""

from __future__ import annotations

import zipfile
from pathlib import Path

import gguf
import numpy as np
import pytest

from diptych.domain.version import Relation, State, Version
from diptych.formats import open_weights
from diptych.job import finish
from diptych.workbench import Workbench
from making import make_model, weights, write_json
from making_torch import Module, Tensor, called, torch_pickle, write_torch

TINY = weights()
SYSTEM = called("posix", "system", "touch CANARY")


def found(workbench: Workbench, folder: Path) -> dict[str, Version]:
    finish(workbench.scan([folder]))
    return {version.name: version for version in workbench.versions(workbench.keys())}


def write_gguf(path: Path, seed: int = 0, names: tuple[str, ...] = ("a", "b"), quantised: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny")
    writer.add_context_length(128)
    writer.add_block_count(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_file_type(7)
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, "Tiny")
    writer.add_base_model_organization(0, "org")
    writer.add_base_model_repo_url(0, "https://huggingface.co/org/tiny")
    values = np.random.default_rng(seed).standard_normal((2, 32)).astype(np.float32)
    for name in names:
        kind = gguf.GGMLQuantizationType.Q8_0
        if quantised:
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_file_is_a_version_with_what_it_says_about_itself(workbench: Workbench, tmp_path: Path) -> None:
    write_gguf(tmp_path / "lib" / "tiny-Q8.gguf", quantised=True)
    (version,) = found(workbench, tmp_path / "lib").values()
    assert (version.format, version.dtype, version.parameters) == ("gguf", "Q8_0", 128)
    assert (version.state, version.family) == (State.COMPLETE, "llama")
    assert version.base is not None
    assert (version.base.relation, version.base.name) == (Relation.QUANTIZED, "org/tiny")
    given = {one.key: one for one in workbench.dossier(version).hyperparameters}
    assert given["arch.max_position_embeddings"].value == 128
    assert given["arch.rms_norm_eps"].value == 1e-6
    assert given["arch.quantisation"].value == "Q8_0"
    source = given["arch.num_hidden_layers"].source
    assert (Path(source.file).name, source.pointer) == ("tiny-Q8.gguf", "llama.block_count")


def test_several_gguf_files_are_a_version_each_and_a_split_one_is_whole(workbench: Workbench, tmp_path: Path) -> None:
    write_gguf(tmp_path / "lib" / "tiny-F32.gguf")
    write_gguf(tmp_path / "lib" / "tiny-Q8.gguf", quantised=True)
    write_gguf(tmp_path / "lib" / "big-00001-of-00002.gguf", names=("a",))
    write_gguf(tmp_path / "lib" / "big-00002-of-00002.gguf", names=("b",))
    write_json(tmp_path / "lib" / "config.json", {"model_type": "llama", "hidden_size": 32})
    versions = found(workbench, tmp_path / "lib")
    assert set(versions) == {"tiny-F32", "tiny-Q8", "big-00001-of-00002"}
    whole = versions["big-00001-of-00002"]
    assert (whole.parameters, len(whole.artifacts), whole.state) == (128, 2, State.COMPLETE)
    assert whole.path is not None
    with open_weights(whole.path) as source:
        assert [one.name for one in source.tensors()] == ["a", "b"]
    finish(workbench.hash())
    assert all(version.hashed for version in found(workbench, tmp_path / "lib").values())


def test_a_missing_part_of_a_split_file_is_told(workbench: Workbench, tmp_path: Path) -> None:
    write_gguf(tmp_path / "lib" / "big-00001-of-00002.gguf", names=("a",))
    (version,) = found(workbench, tmp_path / "lib").values()
    assert version.state is State.PARTIAL
    assert "missing" in version.problems[0].reason


def test_quantised_files_beside_the_model_are_versions_of_their_own(workbench: Workbench, tmp_path: Path) -> None:
    write_gguf(make_model(tmp_path / "lib" / "tiny") / "tiny-Q8.gguf", quantised=True)
    versions = found(workbench, tmp_path / "lib")
    assert {version.format for version in versions.values()} == {"safetensors", "gguf"}


def test_shards_of_pytorch_are_one_version_held_against_their_index(workbench: Workbench, tmp_path: Path) -> None:
    folder = tmp_path / "lib" / "old"
    make_model(folder)
    (folder / "model.safetensors").unlink()
    names = list(TINY)
    shards = {name: f"pytorch_model-0000{1 + (at > 5)}-of-00002.bin" for at, name in enumerate(names)}
    for shard in set(shards.values()):
        write_torch(folder / shard, {name: TINY[name] for name in names if shards[name] == shard})
    write_json(folder / "pytorch_model.bin.index.json", {"metadata": {}, "weight_map": shards})
    version = found(workbench, tmp_path / "lib")["old"]
    assert (version.format, version.dtype, version.state) == ("pytorch", "F32", State.COMPLETE)
    assert version.parameters == sum(values.size for values in TINY.values())
    (folder / "pytorch_model-00002-of-00002.bin").unlink()
    assert found(workbench, tmp_path / "lib")["old"].state is State.PARTIAL


def test_weights_of_two_formats_compare_by_value(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "lib" / "new")
    write_torch(tmp_path / "lib" / "old" / "pytorch_model.bin", TINY)
    comparison = workbench.compare(tmp_path / "lib" / "new", tmp_path / "lib" / "old")
    rows = finish(comparison.sheet("weights")).rows
    assert len(rows) == len(TINY)
    assert {row.status.value for row in rows} == {"same"}


def test_safetensors_are_preferred_to_their_twin(workbench: Workbench, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "lib" / "both")
    write_torch(folder / "pytorch_model.bin", {"x": np.ones(3, "f4")})
    (version,) = found(workbench, tmp_path / "lib").values()
    assert version.format == "safetensors"
    with open_weights(folder) as source:
        assert {one.name for one in source.tensors()} == set(TINY)


def test_a_checkpoint_tells_its_settings_and_keeps_no_secret(workbench: Workbench, tmp_path: Path) -> None:
    said = {"lr": 0.001, "api_key": "hf_abcdefghijklmnopqrstuvwxyz"}
    values = {"state_dict": TINY, "hyper_parameters": said, "global_step": 40, "optimizer_states": [dict(TINY)]}
    write_torch(tmp_path / "lib" / "run" / "last.ckpt", values)
    (version,) = found(workbench, tmp_path / "lib").values()
    assert (version.step, version.parameters) == (40, sum(each.size for each in TINY.values()))
    given = {one.key: one.value for one in workbench.dossier(version).hyperparameters}
    assert given["train.lr"] == 0.001
    assert not any("key" in key for key in given)


def test_code_is_named_and_not_opened(workbench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_torch(tmp_path / "lib" / "bad" / "pytorch_model.bin", {**TINY, "x": SYSTEM})
    report = finish(workbench.scan([tmp_path / "lib"]))
    assert [problem.reason for problem in report.problems] == ["contains code — not opened: posix.system"]
    (version,) = workbench.versions(workbench.keys())
    assert (version.state, version.format, version.parameters) == (State.UNREAD, "pytorch", None)
    assert not (tmp_path / "CANARY").exists()


def test_arrays_of_numpy_are_a_version(workbench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "lib" / "mlx").mkdir(parents=True)
    np.savez(tmp_path / "lib" / "mlx" / "weights.npz", **TINY)
    (version,) = found(workbench, tmp_path / "lib").values()
    assert (version.format, version.dtype, version.state) == ("numpy", "F32", State.COMPLETE)


def test_what_cannot_be_compared_is_told_and_stops_nothing(workbench: Workbench, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "lib" / name).mkdir(parents=True)
        np.savez_compressed(tmp_path / "lib" / name / "weights.npz", a=np.ones((2, 3), "f4"))
        values = {"a": np.asfortranarray(np.ones((2, 3), "f4")), "b": np.ones(2, "f4")}
        np.savez(tmp_path / "lib" / name / "weights.npz", **values)
    comparison = workbench.compare(tmp_path / "lib" / "one", tmp_path / "lib" / "two")
    rows = {row.label: row for row in finish(comparison.sheet("weights")).rows}
    assert rows["b"].status.value == "same"


def test_tied_tensors_have_fingerprints(workbench: Workbench, tmp_path: Path) -> None:
    one = Tensor(np.arange(64, dtype="<f4").tobytes(), "F32", (8, 8))
    write_torch(tmp_path / "lib" / "tied" / "pytorch_model.bin", {"embed": one, "head": one, "norm": np.ones(8, "f4")})
    found(workbench, tmp_path / "lib")
    finish(workbench.fingerprint())
    (version,) = workbench.versions(workbench.keys())
    assert version.hashed


def test_torchscript_is_read_and_said_to_hold_code(workbench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "lib" / "scripted" / "model.pt"
    write_torch(path, Module("__torch__", "Model", {"weight": np.ones((2, 3), "f4")}))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model/code/__torch__.py", b"import os\n")
        archive.writestr("model/constants.pkl", torch_pickle(()))
    report = finish(workbench.scan([tmp_path / "lib"]))
    assert [problem.reason for problem in report.problems] == [
        "holds code (TorchScript), which is never run here; its weights are read"
    ]
    (version,) = workbench.versions(workbench.keys())
    assert (version.state, version.parameters) == (State.COMPLETE, 6)


def test_turned_and_packed_tensors_are_compared_by_value_in_the_workbench(workbench: Workbench, tmp_path: Path) -> None:
    values = np.random.default_rng(2).standard_normal((6, 4)).astype("f4")
    turned = Tensor(values.T.tobytes(), "F32", (6, 4), (1, 6))
    write_torch(tmp_path / "one" / "pytorch_model.bin", {"a": turned})
    (tmp_path / "two").mkdir()
    np.savez_compressed(tmp_path / "two" / "weights.npz", a=np.asfortranarray(values))
    finish(workbench.scan([tmp_path / "one", tmp_path / "two"]))
    finish(workbench.fingerprint())
    comparison = workbench.compare(tmp_path / "one", tmp_path / "two")
    (row,) = finish(comparison.sheet("weights")).rows
    assert row.status.value == "same"
    assert row.values["dtype_left"] == "F32"


def test_a_state_of_an_earlier_release_is_understood() -> None:
    assert State("format not read yet") is State.UNREAD
