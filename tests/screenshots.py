"""Every page as a picture: light and dark, two sizes, with real and with ugly data.

Run: python tests/screenshots.py FOLDER [--rows 100000]
The pictures are for looking at; `--readme` also renews those that README shows.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from diptych.domain.evidence import Evidence, HyperParameter, Metric
from diptych.domain.found import Found, Record
from diptych.domain.tensor import Header, Layout
from diptych.domain.version import Kind, Problem, Source, State
from diptych.job import finish
from diptych.places import resources
from diptych.ui.gallery import LARGE, SMALL, opened, picture, settle
from diptych.ui.mainwindow import MainWindow
from diptych.ui.pages.compare import ComparePage
from diptych.ui.pane import Pane
from diptych.ui.panes.curves import CurvesPane
from diptych.ui.panes.weights import WeightsPane
from diptych.workbench import Workbench
from making import write_safetensors
from walking import long_run

PAIR = ("base-pretrain/checkpoint-600", "sft/checkpoint-200")
UGLY_NAMES = (
    "a-very-long-name-that-somebody-thought-was-a-good-idea-at-the-time-v2-final-FINAL",
    "نموذج-لغوي-صغير",
    "模型版本-第三次微调",
    "🚀🔥-moe-8x7b-✨",
    "line\nbreak\tand\x1b[31mescape",
    "<img src=file:///etc/passwd>",
    "x",
)


def fill(workbench: Workbench, rows: int, seed: int = 7) -> None:
    """Put `rows` versions into the catalog that no designer would choose."""
    chance = random.Random(seed)
    layout = Layout("0" * 64, (("w", "BF16", (8, 8), 0, 128),), 8_030_261_248, "BF16")
    found = []
    for number in range(rows):
        model = f"{UGLY_NAMES[number // 40 % len(UGLY_NAMES)]}-{number // 40}"
        step = (number % 40 + 1) * 500
        place = Path("/nowhere") / str(number)
        source = Source(str(place / "trainer_state.json"), "/log_history/0", "trainer_state/1")
        missing = chance.random() < 0.3
        metrics = () if missing else tuple(
            Metric(task, name, chance.choice([chance.random(), 1e-12, 123456.789, float("nan")]), source)
            for task, name in (("mmlu", "acc"), ("gsm8k", "exact_match"), ("", "eval_loss"), ("arc", "acc_norm"))
        )  # fmt: skip
        evidence = Evidence(metrics=metrics, hyperparameters=(HyperParameter("train.learning_rate", 3e-4, source),))
        state = chance.choice([State.COMPLETE] * 6 + [State.PARTIAL, State.DAMAGED, State.NO_WEIGHTS])
        problems = (Problem(str(place / "model.safetensors"), "is cut"),) if state is State.DAMAGED else ()
        found.append(
            Found(place, f"{model}/checkpoint-{step}", model, Kind.CHECKPOINT, state, str(number), step, "safetensors",
                  "llama", 1.7e9 + number * 60, (), (Header("model.safetensors", 8, layout, {}),),
                  (Record(place / "trainer_state.json", "trainer_state/1", evidence),), None, problems)
        )  # fmt: skip
        if len(found) == 5000:
            workbench.catalog.store(found)
            found = []
    workbench.catalog.store(found)


def shoot(workbench: Workbench, folder: Path, prefix: str, pages: dict[str, Callable[[MainWindow], object]]) -> None:
    """Take every page in both appearances and sizes."""
    for appearance in ("light", "dark"):
        for size in (SMALL, LARGE):
            with opened(workbench, appearance, size) as window:
                for name, show in pages.items():
                    show(window)
                    picture(window, folder / f"{prefix}-{name}-{appearance}-{size.width()}.png")


def mixture(folder: Path, moved: bool) -> Path:
    """A mixture of 60 layers with 128 experts each, in tiny tensors under long names; two thirds of it moved."""
    fixed, chance = np.random.default_rng(1), np.random.default_rng(2)
    stem = "a_wrapper_that_somebody_thought_was_a_good_idea_at_the_time.and_another_one.model.layers"
    own = ("self_attn.q_proj", "self_attn.o_proj", "input_layernorm", "mlp.gate")
    experts = [f"mlp.experts.{at}.{name}_proj" for at in range(128) for name in ("gate", "up", "down")]
    tensors = {}
    for number, name in enumerate(f"{stem}.{layer}.{each}.weight" for layer in range(60) for each in (*own, *experts)):
        values = fixed.standard_normal((2, 4)).astype(np.float32)
        if moved and number % 3:
            values += chance.standard_normal((2, 4)).astype(np.float32) * np.float32(10 ** chance.uniform(-4, -1))
        tensors[name] = values
    write_safetensors(folder / "model.safetensors", tensors)
    return folder


def alone(window: MainWindow, section: str, left: object, right: object) -> Pane:
    """Show one section of a comparison on the whole page."""
    window.compare(left, right)
    page = window.findChild(ComparePage)
    assert page is not None
    settle(lambda: page.view is not None and not page.view.facets.busy())
    assert page.view is not None
    page.view.focus_section(section)
    pane = page.view.sections[section].pane
    assert pane is not None
    return pane


def weights(left: object, right: object, act: Callable[[WeightsPane], object]) -> Callable[[MainWindow], object]:
    """Show the weights of two versions on the whole page, and do something there."""

    def show(window: MainWindow) -> None:
        pane = alone(window, "weights", left, right)
        assert isinstance(pane, WeightsPane)
        pane.select(pane.changes()[len(pane.changes()) // 2])
        act(pane)

    return show


def smooth_curves(window: MainWindow) -> None:
    """Show the curves of two versions on the whole page, smoothed."""
    pane = alone(window, "curves", *PAIR)
    assert isinstance(pane, CurvesPane)
    pane.bar.slider.setValue(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        empty = Workbench.open(Path(place) / "empty.db")
        shoot(empty, options.folder, "empty", {
            "library": lambda window: window.show_page("library"),
            "compare": lambda window: window.show_page("compare"),
            "activity": lambda window: window.show_page("activity"),
        })  # fmt: skip
        sample = Workbench.open(Path(place) / "sample.db")
        finish(sample.scan([sample.sample_library()]))
        finish(sample.hash())
        shoot(sample, options.folder, "unread", {
            "timelapse": lambda window: window.show_timelapse("base-pretrain"),
        })  # fmt: skip
        finish(sample.fingerprint())
        finish(sample.infer_lineage())
        shoot(sample, options.folder, "sample", {
            "library": lambda window: window.show_page("library"),
            "version": lambda window: window.show_version(sample.resolve(PAIR[1]).key),
            "settings": lambda window: window.show_page("settings"),
            "compare": lambda window: window.compare(*PAIR),
            "weights": weights(*PAIR, lambda pane: pane.zoom(1)),
            "values": weights(*PAIR, lambda pane: pane.show_values()),
            "curves": smooth_curves,
            "timelapse": lambda window: window.show_timelapse("base-pretrain"),
            "lineage": lambda window: window.show_page("lineage"),
        })  # fmt: skip
        ugly = Workbench.open(Path(place) / "ugly.db")
        fill(ugly, options.rows)
        keys = ugly.keys(limit=2)
        left, right = ugly.versions(keys)
        shoot(ugly, options.folder, "ugly", {
            "library": lambda window: window.show_page("library"),
            "version": lambda window: window.show_version(keys[0]),
            "compare": lambda window: window.compare(left, right),
        })  # fmt: skip
        sides = [mixture(Path(place) / side / "a-mixture-of-experts", side == "b") for side in ("a", "b")]
        shoot(ugly, options.folder, "mixture", {
            "weights": weights(*sides, lambda pane: None),
            "layer": weights(*sides, lambda pane: [pane.zoom(1) for _ in range(8) if not pane.line]),
        })  # fmt: skip
        long = Workbench.open(Path(place) / "long.db")
        long_run(long, UGLY_NAMES[0], 100, 40, unread=(7, 8, 50))
        shoot(long, options.folder, "long", {
            "timelapse": lambda window: window.show_timelapse(UGLY_NAMES[0], 25_000),
        })  # fmt: skip
        walk = Workbench.open(Path(place) / "walk.db")
        long_run(walk, "pretrain", 40, 24)
        shoot(walk, options.folder, "walk", {"timelapse": lambda window: window.show_timelapse("pretrain", 9_000)})
        for workbench in (empty, sample, ugly, long, walk):
            workbench.catalog.close()
    if options.readme:
        shown = resources() / "screenshots"
        shown.mkdir(exist_ok=True)
        for picture_of in ("sample-compare", "sample-library", "walk-timelapse"):
            for appearance in ("light", "dark"):
                source = options.folder / f"{picture_of}-{appearance}-{SMALL.width()}.png"
                (shown / f"{picture_of.partition('-')[2]}-{appearance}.png").write_bytes(source.read_bytes())


if __name__ == "__main__":
    main()
