"""The inert pickle machine against pickles that Python itself writes, in every protocol."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import io
import pickle
import sys
import types
from collections import OrderedDict
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.hostile_records import torch_zip
from diptych.pickles.inert import Inert, NotPickle, Pairs, Stand, Value
from diptych.pickles.machine import read_stream
from diptych.records.training_args import TrainingArguments

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def inert(content: bytes) -> Inert:
    stream = io.BytesIO(content)
    found = read_stream(stream, len(content))
    assert stream.read() == b""
    return found


def rebuilt(value: Value) -> object:
    """What the machine built as Python's own containers."""
    if isinstance(value, Pairs):
        return {key: rebuilt(each) for key, each in value.items}
    if isinstance(value, list):
        return [rebuilt(each) for each in value]
    if isinstance(value, tuple):
        return tuple(rebuilt(each) for each in value)
    if isinstance(value, Stand) and value.name.endswith(".encode"):
        return str(value.args[0]).encode("latin1") if isinstance(value.args, tuple) else b""
    return b"" if isinstance(value, Stand) and value.name.endswith(".bytes") else value


scalars = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | st.binary()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner, inner, inner),
    max_leaves=20,
)


@given(value=values, protocol=st.sampled_from(PROTOCOLS))
def test_plain_values_come_back(value: object, protocol: int) -> None:
    assert rebuilt(inert(pickle.dumps(value, protocol)).value) == value


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(NotPickle):
        read_stream(io.BytesIO(content), len(content))


class SchedulerType(enum.StrEnum):
    COSINE = "cosine"


class SaveStrategy(enum.Enum):
    STEPS = "steps"


@dataclasses.dataclass
class AcceleratorConfig:
    split_batches: bool = False


@dataclasses.dataclass
class SFTConfig:
    learning_rate: float = 2e-5
    seed: int = 42
    hub_token: str | None = None
    eos_token: str | None = "</s>"
    lr_scheduler_type: SchedulerType = SchedulerType.COSINE
    save_strategy: SaveStrategy = SaveStrategy.STEPS
    accelerator_config: AcceleratorConfig = dataclasses.field(default_factory=AcceleratorConfig)
    label_names: set[str] = dataclasses.field(default_factory=lambda: {"labels"})
    fsdp_config: dict[str, object] = dataclasses.field(default_factory=lambda: OrderedDict(xla=False))
    logging_dir: PurePosixPath = dataclasses.field(default_factory=lambda: PurePosixPath("runs/here"))
    _n_gpu: int = 2
    _private: int = 1


@pytest.fixture
def training_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classes above under the names that the training libraries give them."""
    for module, owned in {
        "transformers.trainer_utils": (SchedulerType, SaveStrategy),
        "transformers.trainer_pt_utils": (AcceleratorConfig,),
        "trl.trainer.sft_config": (SFTConfig,),
    }.items():
        parts = module.split(".")
        for length in range(1, len(parts)):
            package = ".".join(parts[:length])
            monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
        made = types.ModuleType(module)
        monkeypatch.setitem(sys.modules, module, made)
        for kind in owned:
            monkeypatch.setattr(kind, "__module__", module)
            setattr(made, kind.__name__, kind)


@pytest.mark.usefixtures("training_library")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arguments_of_every_protocol(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "training_args.bin"
    path.write_bytes(torch_zip(pickle.dumps(SFTConfig(hub_token="secret"), protocol)))
    evidence = TrainingArguments().read(path)
    found = {each.key: each.value for each in evidence.hyperparameters}
    assert evidence.problems == ()
    assert evidence.facts["trainer"] == "SFTConfig"
    assert found == {
        "train.learning_rate": 2e-5,
        "train.seed": 42,
        "train.eos_token": "</s>",
        "train.lr_scheduler_type": "cosine",
        "train.save_strategy": "steps",
        "train.accelerator_config.split_batches": False,
        "train.label_names": ["labels"],
        "train.fsdp_config.xla": False,
        "train.logging_dir": "runs/here",
        "train.n_gpu": 2,
    }


@pytest.mark.usefixtures("training_library")
def test_a_value_says_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "training_args.bin"
    path.write_bytes(torch_zip(pickle.dumps(SFTConfig(), 2)))
    sources = {each.key: each.source for each in TrainingArguments().read(path).hyperparameters}
    nested = sources["train.accelerator_config.split_batches"]
    assert nested.file == str(path)
    assert nested.pointer == "/accelerator_config/split_batches"
    assert nested.reader == TrainingArguments.key


def test_getattr_on_anything_but_an_enumeration_is_code() -> None:
    def fetched(module: str, name: str, member: str) -> tuple[str, ...]:
        return inert(f"cbuiltins\ngetattr\n(c{module}\n{name}\nS'{member}'\ntR.".encode()).names

    assert fetched("transformers.trainer_utils", "SaveStrategy", "STEPS") == (
        "transformers.trainer_utils.SaveStrategy",
    )
    assert "builtins.getattr" in fetched("os", "environ", "STEPS")
    assert "builtins.getattr" in fetched("transformers.trainer_utils", "SaveStrategy", "__class__")
    assert inert(b"cbuiltins\ngetattr\n.").names == ("builtins.getattr",)
