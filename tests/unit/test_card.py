"""Model cards: what is generated, what is never overwritten, and that nothing from a file becomes markup."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.domain.evidence import Metric
from diptych.domain.version import Source, Version
from diptych.errors import NotFound
from diptych.job import finish
from diptych.reports.card import Card
from diptych.reports.card_parts import interval, markdown
from diptych.workbench import Workbench, cards
from making import make_adapter, make_lm_eval, make_model, make_run

HERE = Source("x.json")


@pytest.fixture
def version(workbench: Workbench, tmp_path: Path) -> Version:
    """A checkpoint with hyperparameters and results."""
    make_run(tmp_path / "sft", (100,))
    make_lm_eval(tmp_path / "eval", "sft/checkpoint-100", {"arith": 0.66})
    finish(workbench.scan([tmp_path]))
    finish(workbench.hash())
    return workbench.resolve("sft/checkpoint-100")


def made(workbench: Workbench, version: Version) -> Card:
    return finish(cards.generated(workbench.catalog, version, workbench.settings.rules))


def test_a_card_tells_settings_results_and_id(workbench: Workbench, version: Version) -> None:
    card = made(workbench, version)
    assert card.text.count("# sft/checkpoint-100") == 1
    assert version.id in card.text
    assert "| `train.save_steps` | 100 |" in card.text
    assert "arith" in card.text
    assert "95 % interval" in card.text
    assert {"about", "hyperparameters", "results"} <= set(card.written)


def test_data_is_told_with_what_it_served_for(workbench: Workbench, version: Version) -> None:
    told = made(workbench, version).text
    assert "## Data\n" in told
    assert "- org/arith" in told
    assert "(evaluation)" in told
    assert "Training data" not in told


def test_generating_again_changes_nothing(workbench: Workbench, version: Version) -> None:
    first = made(workbench, version)
    cards.keep(workbench.catalog, version, first.text)
    again = made(workbench, version)
    assert again.text == first.text
    assert again.kept == ()


def test_what_people_wrote_stays_byte_for_byte(workbench: Workbench, version: Version) -> None:
    first = made(workbench, version)
    before, mark, rest = first.text.partition("<!-- diptych:begin results")
    mine = f"{before}My own words.\r\n\n{mark}{rest}\nA last line without a newline"
    mine = mine.replace("A checkpoint", "A checkpoint that I am proud of")
    cards.keep(workbench.catalog, version, mine)
    make_lm_eval(Path(str(version.path)).parents[1] / "eval2", "sft/checkpoint-100", {"capital": 0.9})
    finish(workbench.scan([Path(str(version.path)).parents[1]]))
    card = made(workbench, workbench.resolve("sft/checkpoint-100"))
    assert card.kept == ("about",)
    assert "A checkpoint that I am proud of" in card.text
    assert "My own words.\r\n\n" in card.text
    assert card.text.rstrip("\n").endswith("A last line without a newline")
    assert "capital" in card.text


def test_the_head_gets_only_what_it_lacks(workbench: Workbench, tmp_path: Path) -> None:
    base = make_model(tmp_path / "base")
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Base\n", "utf-8")
    adapter = make_adapter(tmp_path / "lora", "org/base")
    written = "---\nlicense: mit\ntags: [mine]  # kept\n---\n# Mine\n"
    (adapter / "README.md").write_text(written, "utf-8")
    finish(workbench.scan([tmp_path]))
    card = made(workbench, workbench.resolve("lora"))
    head = card.text.split("---\n")[1]
    assert head.startswith("license: mit\ntags: [mine]  # kept\n")
    assert 'base_model: "org/base"' in head
    assert 'base_model_relation: "adapter"' in head
    assert "apache" not in head
    assert card.text.count("# Mine") == 1


def test_changes_since_the_parent_are_named(workbench: Workbench, tmp_path: Path) -> None:
    base = make_model(tmp_path / "base")
    make_adapter(tmp_path / "lora", str(base), rank=8)
    finish(workbench.scan([tmp_path]))
    finish(workbench.hash())
    card = made(workbench, workbench.resolve("lora"))
    assert "Against base" in card.text
    assert str(tmp_path) not in card.text


def test_a_kept_card_can_be_taken_back(workbench: Workbench, version: Version) -> None:
    cards.keep(workbench.catalog, version, "# Mine\n")
    assert cards.existing(workbench.catalog, version) == "# Mine\n"
    cards.keep(workbench.catalog, version, None)
    assert cards.existing(workbench.catalog, version) != "# Mine\n"
    with pytest.raises(NotFound, match="no final id"):
        cards.keep(workbench.catalog, version._replace(id="~abc"), "x")


@pytest.mark.parametrize(
    ("metric", "low", "high", "how"),
    [
        (Metric("t", "acc", 0.5, HERE, stderr=0.1), 0.304, 0.696, "from the standard error"),
        # Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662
        (Metric("t", "acc", 81 / 263, HERE, n=263), 0.2553, 0.3662, "by Wilson's method from the number of items"),
        (Metric("t", "exact_match", 0.0, HERE, n=20), 0.0, 0.1611, "by Wilson's method from the number of items"),
    ],
)
def test_intervals_are_those_of_the_literature(metric: Metric, low: float, high: float, how: str) -> None:
    found = interval(metric)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert found.how == how


@pytest.mark.parametrize(
    "metric", [Metric("", "eval_loss", 2.0, HERE, n=9), Metric("t", "acc", float("nan"), HERE, n=9)]
)
def test_no_interval_where_none_can_be_told(metric: Metric) -> None:
    assert interval(metric) is None


@pytest.mark.parametrize(
    "hostile", ["<img src=file:///etc/passwd>", "[x](javascript:1)", "a|b\n| c |", "`x`", "\x1b[31m\u202e"]
)
def test_text_from_files_is_never_markup(hostile: str) -> None:
    shown = markdown(hostile)
    for sign in "<>[]|`":
        assert shown.count(sign) == shown.count(f"\\{sign}")
    assert "\n" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
