"""The sample library: small, whole, and true to what its files say of one another."""

from __future__ import annotations

import importlib.util
import json
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "resources" / "sample"
FILES = sorted(path for path in SAMPLE.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def make_sample() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample", ROOT / "packaging" / "make_sample.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def header(path: Path) -> dict[str, dict[str, object]]:
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length])


def test_it_is_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in FILES) <= 8_000_000


def test_every_evaluation_names_a_version_that_is_here() -> None:
    results = [path for path in FILES if path.name.startswith("results_")]
    assert len(results) >= 5
    for path in results:
        config = json.loads(path.read_text("utf-8"))["config"]["model_args"]
        for key in ("pretrained", "peft"):
            if key in config:
                assert (SAMPLE / config[key]).is_dir(), f"{path}: {config[key]}"


def test_every_adapter_finds_its_base_with_weights() -> None:
    configs = [path for path in FILES if path.name == "adapter_config.json"]
    assert len(configs) >= 2
    for path in configs:
        base = json.loads(path.read_text("utf-8"))["base_model_name_or_path"]
        assert (SAMPLE / base / "model.safetensors").is_file()


def test_runs_have_checkpoints_with_weights_and_without() -> None:
    for run, kept in (("base-pretrain", 2), ("sft", 1), ("lora-json", 1), ("sft-highlr", 0)):
        folders = list((SAMPLE / "runs" / run).glob("checkpoint-*"))
        assert sum(1 for folder in folders if any(folder.glob("*.safetensors"))) == kept
        assert len(folders) > kept


def test_weights_are_what_their_config_says() -> None:
    for path in (path for path in FILES if path.suffix == ".safetensors"):
        dtypes = {entry["dtype"] for name, entry in header(path).items() if name != "__metadata__"}
        assert dtypes == {"BF16"}
        config = path.with_name("config.json")
        if config.exists():
            assert json.loads(config.read_text("utf-8"))["dtype"] == "bfloat16"


def test_nothing_to_resume_a_training_with_is_kept() -> None:
    assert [path for path in FILES if path.name in ("optimizer.pt", "scheduler.pt", "rng_state.pth")] == []


def test_rounding_is_to_nearest_with_ties_to_even(make_sample: ModuleType) -> None:
    bits = np.array(
        [0x3F800000, 0x3F807FFF, 0x3F808000, 0x3F808001, 0x3F818000, 0x80000000, 0x7F7FFFFF, 0xFF800000, 0x00000001],
        np.uint32,
    )
    expected = [0x3F80, 0x3F80, 0x3F80, 0x3F81, 0x3F82, 0x8000, 0x7F80, 0xFF80, 0x0000]
    assert make_sample.bfloat16(bits.view(np.float32)).tolist() == expected


@pytest.mark.parametrize("bits", [0x7F800001, 0xFF800001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_nan_stays_a_nan_of_its_sign(make_sample: ModuleType, bits: int) -> None:
    (rounded,) = make_sample.bfloat16(np.array([bits], np.uint32).view(np.float32)).tolist()
    assert rounded & 0x7F80 == 0x7F80
    assert rounded & 0x007F
    assert rounded >> 15 == bits >> 31


def test_converting_keeps_names_shapes_order_and_metadata(make_sample: ModuleType, tmp_path: Path) -> None:
    values = np.arange(6, dtype="<f4")
    entries = {
        "__metadata__": {"format": "pt"},
        "late": {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]},
        "early": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    }
    text = json.dumps(entries).encode()
    (tmp_path / "wide").write_bytes(struct.pack("<Q", len(text)) + text + values.tobytes())
    make_sample.convert(tmp_path / "wide", tmp_path / "narrow")
    data = (tmp_path / "narrow").read_bytes()
    assert header(tmp_path / "narrow") == {
        "__metadata__": {"format": "pt"},
        "early": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]},
        "late": {"dtype": "BF16", "shape": [2], "data_offsets": [8, 12]},
    }
    assert (len(data) - 12) % 8 == 0
    assert np.frombuffer(data[-12:], "<u2").tolist() == [value >> 16 for value in values.view(np.uint32).tolist()]
