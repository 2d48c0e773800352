"""The verbs of the workbench on small real files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from diptych import places
from diptych.domain.sheet import Sheet, Status
from diptych.domain.version import State
from diptych.errors import NotFound
from diptych.job import Tick, finish
from diptych.settings import Settings
from diptych.workbench import Workbench
from diptych.workbench.comparing import Comparison, TensorDetail, turned
from diptych.workbench.naming import Names
from diptych.workbench.roles import role
from making import make_adapter, make_lm_eval, make_model, make_run, make_snapshot, weights, write_safetensors
from scanning import scan

# dossiers


def test_a_dossier_opens_what_it_tells_of(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "sft", (100,))
    make_lm_eval(tmp_path / "eval", "sft/checkpoint-100", {"arith": 0.66})
    scan(workbench, tmp_path)
    dossier = workbench.dossier("sft/checkpoint-100")
    assert {series.name for series in dossier.series} >= {"loss", "eval_loss"}
    assert dossier.weights is not None
    with dossier.weights() as source:
        assert [tensor.name for tensor in source.tensors()] == [tensor.name for tensor in dossier.tensors]
    assert dossier.samples is not None
    assert [sample.output for sample in dossier.samples()] == ["4", "8", "not 10"]
    assert dossier.tokenizer is not None
    assert dossier.tokenizer().vocabulary["abc"] == 6


def test_a_bare_path_needs_no_catalog(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "tiny")
    dossier = workbench.dossier(tmp_path / "tiny")
    assert (dossier.version.key, dossier.version.id, dossier.version.name) == (0, "", "tiny")
    assert dossier.version.parameters == sum(tensor.size for tensor in weights().values())
    assert workbench.count() == 0
    assert workbench.roots() == ()


def test_a_bare_path_and_the_catalog_say_the_same(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "sft", (100,), results=False)
    bare = workbench.dossier(tmp_path / "sft" / "checkpoint-100")
    scan(workbench, tmp_path)
    known = workbench.dossier(tmp_path / "sft" / "checkpoint-100")
    assert known.version._replace(key=0, id="") == bare.version
    for part in ("hyperparameters", "metrics", "series", "datasets", "tensors", "problems"):
        assert getattr(known, part) == getattr(bare, part)


def test_a_file_that_is_a_version_by_itself(workbench: Workbench, tmp_path: Path) -> None:
    for seed, name in enumerate(("one", "two")):
        write_safetensors(tmp_path / f"{name}.safetensors", weights(seed=seed))
    assert workbench.dossier(tmp_path / "two.safetensors").version.name == "two"
    with pytest.raises(NotFound, match=r"holds 2 versions: one\.safetensors and two\.safetensors"):
        workbench.dossier(tmp_path)


def test_a_run_names_its_checkpoints(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "sft", (100, 200), results=False)
    with pytest.raises(NotFound) as raised:
        workbench.dossier(tmp_path / "sft")
    assert raised.value.hint == "This is a run; name one of its checkpoints: checkpoint-100 and checkpoint-200."


def test_weights_that_are_gone_are_not_offered(workbench: Workbench, tmp_path: Path) -> None:
    library = tmp_path / "library"
    make_model(library / "tiny")
    scan(workbench, library)
    (library / "tiny").rename(tmp_path / "away")
    scan(workbench, library)
    dossier = workbench.dossier("tiny")
    assert dossier.version.state is State.OFFLINE
    assert dossier.weights is dossier.tokenizer is None
    assert dossier.tensors


# comparisons


def settled(comparison: Comparison) -> dict[str, Sheet]:
    """Every sheet, the summary last."""
    keys = sorted((facet.key for facet in comparison.facets), key="summary".__eq__)
    return {key: finish(comparison.sheet(key)) for key in keys}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    left = make_model(tmp_path / "left")
    right = make_model(
        tmp_path / "right",
        config={"rope_theta": 5e5},
        tensors={"model.norm.weight": np.full(8, 2, np.float32), "extra": np.ones(3, np.float32)},
    )
    return left, right


def test_a_comparison_keeps_its_answers(workbench: Workbench, pair: tuple[Path, Path]) -> None:
    comparison = workbench.compare(*pair)
    assert comparison.sheets() == {}
    first = finish(comparison.sheet("weights"))
    assert finish(comparison.sheet("weights")) is first
    assert list(comparison.sheets()) == ["weights"]


def test_a_swap_computes_nothing_again_and_says_what_a_new_comparison_would(
    workbench: Workbench, pair: tuple[Path, Path]
) -> None:
    comparison = workbench.compare(*pair)
    settled(comparison)
    swapped = comparison.swapped()
    other = settled(workbench.compare(*reversed(pair)))
    assert swapped.swapped() is comparison
    assert (swapped.left, swapped.right) == (comparison.right, comparison.left)
    kept = swapped.sheets()
    assert kept.keys() >= other.keys() - {"summary"}
    for key in kept.keys() - {"summary"}:
        assert {(row.key, row.status) for row in kept[key].rows} == {(row.key, row.status) for row in other[key].rows}
        assert (kept[key].differs, kept[key].total) == (other[key].differs, other[key].total)
    norm, fresh = (
        next(row for row in sheet.rows if row.key == "model.norm.weight")
        for sheet in (kept["weights"], other["weights"])
    )
    assert norm.values["relative_change"] == pytest.approx(fresh.values["relative_change"])
    assert (norm.left, norm.right) == (fresh.left, fresh.right)


def test_a_swap_says_of_curves_and_answers_what_a_new_comparison_would(workbench: Workbench) -> None:
    finish(workbench.scan([workbench.sample_library()]))
    pair = ("base-pretrain/checkpoint-400", "base-pretrain/checkpoint-600")
    comparison = workbench.compare(*pair)
    settled(comparison)
    kept, fresh = comparison.swapped().sheets(), settled(workbench.compare(*reversed(pair)))
    for key in ("curves", "outputs"):
        assert [clause.text for clause in kept[key].clauses] == [clause.text for clause in fresh[key].clauses], key
        told = {row.key: (row.change, row.values.get("flip")) for row in fresh[key].rows}
        assert {row.key: (row.change, row.values.get("flip")) for row in kept[key].rows} == told
    words = [clause.text for clause in kept["outputs"].clauses]
    assert [text.split()[:2] for text in words] == [["B", "breaks"], ["B", "fixes"]]


def test_a_sheet_turned_twice_is_itself(workbench: Workbench, pair: tuple[Path, Path]) -> None:
    for key, sheet in settled(workbench.compare(*pair)).items():
        again = turned(turned(sheet))
        assert [(row.key, row.status, row.left, row.right) for row in again.rows] == [
            (row.key, row.status, row.left, row.right) for row in sheet.rows
        ], key
        sides = [row.status for row in turned(sheet).rows if row.status in (Status.LEFT_ONLY, Status.RIGHT_ONLY)]
        assert len(sides) == sum(row.status in (Status.LEFT_ONLY, Status.RIGHT_ONLY) for row in sheet.rows)


def test_the_summary_speaks_of_what_is_known_so_far(workbench: Workbench, pair: tuple[Path, Path]) -> None:
    comparison = workbench.compare(*pair)
    finish(comparison.sheet("config"))
    before = finish(comparison.sheet("summary"))
    finish(comparison.sheet("weights"))
    after = finish(comparison.sheet("summary"))
    assert {row.key for row in before.rows} == {"config"}
    assert {row.key for row in after.rows} == {"config", "weights"}


def test_an_unknown_facet_names_those_there_are(workbench: Workbench, pair: tuple[Path, Path]) -> None:
    with pytest.raises(NotFound, match="colour"):
        finish(workbench.compare(*pair).sheet("colour"))


@pytest.mark.parametrize(
    ("key", "there"),
    [("model.norm.weight", (True, True, True)), ("extra", (False, True, False))],
)
def test_one_tensor_in_detail(
    workbench: Workbench, pair: tuple[Path, Path], key: str, there: tuple[bool, bool, bool]
) -> None:
    detail = finish(workbench.tensor(workbench.compare(*pair), key))
    assert tuple(histogram is not None for histogram in detail.histograms) == there
    counted = [sum(histogram.counts) for histogram in detail.histograms if histogram is not None]
    assert counted == [3 if key == "extra" else 8] * len(counted)


def test_the_change_of_one_tensor_is_told_first(workbench: Workbench, pair: tuple[Path, Path]) -> None:
    ticks: list[Tick] = []
    key = "model.norm.weight"
    detail = finish(workbench.tensor(workbench.compare(*pair), key), ticks.append)
    known = [tick.partial for tick in ticks if tick.partial is not None]
    assert known
    assert all(each == TensorDetail(key, (None, None, detail.histograms[2])) for each in known)


def test_the_rules_are_those_of_the_settings(workbench: Workbench, pair: tuple[Path, Path]) -> None:
    workbench.settings = Settings(ignored=("*rope_theta",))
    sheet = finish(workbench.compare(*pair).sheet("config"))
    assert (sheet.differs, sheet.ignored) == (0, 1)


# hashing


# around


def test_the_sample_library_is_there(workbench: Workbench) -> None:
    scan(workbench, workbench.sample_library())
    assert workbench.count("state:complete") >= 3
    assert workbench.sample_library() == places.resources() / "sample"


def test_usual_places_are_those_where_models_lie(workbench: Workbench, home: Path) -> None:
    make_snapshot(home / ".cache" / "huggingface" / "hub", "org/name", "a" * 40)
    make_run(home / "runs" / "sft", (100, 200))
    (home / "models").mkdir()
    found = {place.path: place.models for place in finish(workbench.usual_places())}
    assert found.keys() == {home / ".cache" / "huggingface" / "hub", home / "runs"}
    assert found[home / ".cache" / "huggingface" / "hub"] == 1


def test_the_doctor_finds_what_is_wrong(workbench: Workbench, tmp_path: Path) -> None:
    make_model(tmp_path / "drive" / "tiny")
    scan(workbench, tmp_path / "drive")
    assert all(check.ok for check in finish(workbench.doctor()))
    (tmp_path / "drive").rename(tmp_path / "away")
    (wrong,) = (check for check in finish(workbench.doctor()) if not check.ok)
    assert wrong.name == "library folders"
    assert "drive" in wrong.text
    assert wrong.hint


def test_it_lives_without_qt() -> None:
    program = (
        "import sys\n"
        "for name in ('PySide6', 'shiboken6', 'matplotlib', 'qtawesome'): sys.modules[name] = None\n"
        "import diptych.workbench, diptych.workbench.scan, diptych.workbench.comparing, diptych.workbench.doctor\n"
    )
    app = Path(__file__).parents[2] / "app"
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(app)}, check=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model-00001-of-00002.safetensors", "weights"),
        ("pytorch_model.bin", "weights"),
        ("tiny.gguf", "weights"),
        ("optimizer.pt", "resume"),
        ("rng_state_3.pth", "resume"),
        ("scheduler.pt", "resume"),
        ("config.json", "config"),
        ("model.safetensors.index.json", "config"),
        ("tokenizer.json", "tokenizer"),
        ("special_tokens_map.json", "tokenizer"),
        ("chat_template.jinja", "tokenizer"),
        ("vocab.txt", "tokenizer"),
        ("trainer_state.json", "record"),
        ("training_args.bin", "record"),
        ("samples_arith.jsonl", "record"),
        ("README.md", "card"),
        ("modeling_tiny.py", "code"),
        ("picture.png", "other"),
        ("train.bin", "other"),
    ],
)
def test_files_have_roles(name: str, expected: str) -> None:
    assert role(name, {"model-00001-of-00002.safetensors"}) == expected


def test_names_are_as_short_as_they_can_be() -> None:
    names = Names({})
    paths = [
        Path(path) for path in ("/a/llama", "/b/llama", "/c/b/llama", "/runs/sft/checkpoint-1", "/old/sft", "/x/final")
    ]
    names.expect(paths)
    assert [names.of(path)[0] for path in paths] == [
        "a/llama", "b/llama", "c/b/llama", "sft/checkpoint-1", "old/sft", "x/final",
    ]  # fmt: skip


def test_no_two_places_share_a_name() -> None:
    names = Names({})
    paths = [Path(f"/{a}/{b}/model") for a in "xyz" for b in "xyz"] + [Path("/"), Path("/x"), Path("/model")]
    names.expect(paths)
    given = [names.of(path)[0] for path in paths]
    assert len(set(given)) == len(given)


def test_an_adapter_is_compared_with_its_base_in_words(workbench: Workbench, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "sft", (100,))
    make_adapter(tmp_path / "adapters" / "haiku", "runs/sft/checkpoint-100")
    scan(workbench, tmp_path)
    assert workbench.compare("sft/checkpoint-100", "haiku").relation == "B is an adapter of A"
