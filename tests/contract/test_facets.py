"""What every facet must do, whatever two dossiers it is given."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from diptych.compare import FACETS, Facet, verdict
from diptych.compare.export import dumps
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Plain, Series
from diptych.domain.rules import Rules
from diptych.domain.sheet import Row, Sheet, Status
from diptych.domain.tensor import TensorInfo
from diptych.domain.tokenizer import Tokenizer
from diptych.domain.version import State
from diptych.errors import Damaged, NotFound
from diptych.job import Tick, finish
from dossiers import HERE, answering, artifact, dossier, metric, sample, version

UGLY = "\x1b[31m<script>alert(1)</script>\u202e&\n\ud800"


def tensor(name: str, shape: tuple[int, ...] = (2, 2), dtype: str = "F32") -> TensorInfo:
    return TensorInfo(name, dtype, shape, "model.safetensors", 0, 4 * math.prod(shape))


def full(mark: str = "a", **fields: Any) -> Dossier:
    """A dossier with something of everything; `mark` makes every value another one."""
    number = sum(map(ord, mark))
    settings: dict[str, Plain] = {
        "train.learning_rate": number * 1e-5, "train.optim": mark, "train.nested": {"a": [{"b": mark}]},
        "adapter.target_modules": [mark, "v"], "arch.hidden_size": number, "gen.top_p": number / 1000,
    }  # fmt: skip
    given: dict[str, Any] = {
        "version": version(f"run-{mark}/1", artifacts=(artifact("config.json", number, f"{number:x}"),)),
        "metrics": (metric(number / 1000, stderr=0.001, n=100, higher_is_better=True),),
        "series": (Series("loss", (1.0, 2.0), (float(number), 1.0), HERE),),
        "has_samples": True,
        "samples": answering([sample(1, mark), sample(2, "same")]),
        "tensors": (tensor("model.layers.0.mlp.up_proj.weight", (number, 2)), tensor("model.norm.weight")),
        "tokenizer": lambda: Tokenizer(HERE, kind=mark, vocabulary={mark: 0, "x": 1}, chat_template=mark),
    }
    return dossier(settings, **(given | fields))


def hostile() -> Dossier:
    return dossier(
        {f"train.{UGLY}": UGLY, "": 1, ".": None, "train.": [UGLY], UGLY: {UGLY: {UGLY: [UGLY]}}},
        version=version(UGLY, family=UGLY, dtype=UGLY, artifacts=(artifact(UGLY, 1),), state=State.DAMAGED),
        metrics=(metric(1.0, UGLY, UGLY, filter=UGLY, conditions={UGLY: UGLY}),),
        series=(Series(UGLY, (1.0,), (1.0,), HERE, note=UGLY), Series("empty", (), (), HERE)),
        has_samples=True,
        samples=answering([sample(1, UGLY, UGLY, filter=UGLY, prompt=UGLY, target=UGLY)]),
        tensors=(tensor(UGLY), tensor(""), tensor("..."), tensor("layers.9.x", ())),
        tokenizer=lambda: Tokenizer(HERE, UGLY, {UGLY: 0, "": 1}, (UGLY,), {}, {UGLY: UGLY}, {UGLY: UGLY}, UGLY),
    )


def not_numbers() -> Dossier:
    nan, inf = math.nan, math.inf
    return dossier(
        {"train.a": nan, "train.b": inf, "train.c": -inf, "train.learning_rate": nan, "train.max_steps": inf,
         "train.warmup_ratio": nan, "train.per_device_train_batch_size": inf, "train.d": [nan, inf],
         "train.e": 10**400},
        version=version("nan/1", step=0),
        metrics=(metric(nan, "a", stderr=nan), metric(inf, "b", stderr=inf, n=0), metric(-inf, "acc", n=1)),
        series=(Series("loss", (nan, 1.0, inf), (nan, inf, -inf), HERE, (nan, nan, nan)),),
        has_samples=True,
        samples=answering([sample(1, "", scores={"acc": nan}), sample(2, "x", scores={"acc": 1.0})]),
    )  # fmt: skip


def huge(mark: int) -> Dossier:
    return dossier(
        {f"train.key{number}": number + mark * (number % 2) for number in range(100_000)},
        version=version(f"huge/{mark}", artifacts=tuple(artifact(f"f{number}", number) for number in range(20_000))),
        metrics=tuple(metric(number + mark, f"m{number}", stderr=1.0, n=10) for number in range(20_000)),
        series=tuple(Series(f"s{number}", (1.0,), (float(mark),), HERE) for number in range(2_000)),
        has_samples=True,
        samples=answering([sample(number, f"answer {number + mark}") for number in range(20_000)]),
        tensors=tuple(tensor(f"model.layers.{number}.mlp.up_proj.weight", (mark + 1,)) for number in range(20_000)),
        tokenizer=lambda: Tokenizer(HERE, "BPE", {f"t{number}": number + mark for number in range(100_000)}),
    )


def unreadable() -> Dossier:
    def fail(*_: object) -> Any:
        raise Damaged(f"{UGLY}: cut short", "fetch it again")

    def gone(*_: object) -> Any:
        raise NotFound("the folder is gone")

    return full("u", samples=fail, tokenizer=gone, weights=fail)


def deep() -> Dossier:
    value: Plain = 1
    for _ in range(3_000):
        value = {"a": [value]}
    return dossier({"train.deep": value})


def twins() -> Dossier:
    """The same keys, files and questions several times over."""
    one = full("a")
    return replace(
        one,
        hyperparameters=one.hyperparameters * 2,
        metrics=one.metrics * 2,
        series=one.series * 2,
        tensors=one.tensors * 2,
        samples=answering([sample(1, "a"), sample(1, "b"), sample(1, "c", doc_id="1 (2)")]),
    )


CASES: dict[str, Callable[[], tuple[Dossier, Dossier]]] = {
    "identical": lambda: (full(), full()),
    "both empty": lambda: (dossier(), dossier()),
    "one empty": lambda: (full(), dossier(name="empty/1")),
    "everything differs": lambda: (full("a"), full("b")),
    "hostile": lambda: (hostile(), full()),
    "hostile twice": lambda: (hostile(), hostile()),
    "not numbers": lambda: (not_numbers(), full()),
    "not numbers twice": lambda: (not_numbers(), not_numbers()),
    "unreadable": lambda: (unreadable(), full()),
    "deep": lambda: (deep(), deep()),
    "repeated": lambda: (twins(), full()),
}
MIRROR = {Status.LEFT_ONLY: Status.RIGHT_ONLY, Status.RIGHT_ONLY: Status.LEFT_ONLY}


@pytest.fixture(params=FACETS, ids=lambda facet: facet.key)
def facet(request: pytest.FixtureRequest) -> Facet:
    found: Facet = request.param
    return found


@pytest.fixture(params=CASES)
def pair(request: pytest.FixtureRequest) -> tuple[Dossier, Dossier]:
    return CASES[request.param]()


def compared(facet: Facet, left: Dossier, right: Dossier) -> Sheet:
    return finish(facet.compare(left, right, Rules()))


def test_facets_stand_in_the_order_of_the_report() -> None:
    wanted = "summary hyperparameters metrics curves outputs weights tokenizer config files"
    assert " ".join(facet.key for facet in FACETS) == wanted
    assert {facet.key for facet in FACETS if facet.heavy} == {"curves", "outputs", "weights", "tokenizer", "files"}


def test_a_sheet_is_complete_and_holds_together(facet: Facet, pair: tuple[Dossier, Dossier]) -> None:
    sheet = compared(facet, *pair)
    assert sheet.complete
    assert sheet.key == facet.key
    assert sheet.title == facet.title
    keys = [row.key for row in sheet.rows]
    assert len(keys) == len(set(keys))
    assert sheet.differs + sheet.undecided + sheet.same + sheet.ignored == sheet.total
    for row in sheet.rows:
        assert (row.left is None) == (row.status is Status.RIGHT_ONLY)
        assert (row.right is None) == (row.status is Status.LEFT_ONLY)
        assert row.magnitude is None or -1 <= row.magnitude <= 1
        assert row.status is Status.DIFFERS or not row.ignored or facet.key != "files"
    if sheet.grid:
        shown = {key for cell in sheet.grid.cells for key in cell.keys}
        assert shown == set(keys)
        assert all(cell.row in sheet.grid.rows and cell.column in sheet.grid.columns for cell in sheet.grid.cells)


def test_a_version_beside_itself_has_no_difference(facet: Facet, pair: tuple[Dossier, Dossier]) -> None:
    for side in pair:
        sheet = compared(facet, side, side)
        assert sheet.differs == 0


def test_swapping_the_sides_mirrors_every_status(facet: Facet, pair: tuple[Dossier, Dossier]) -> None:
    left, right = pair
    forth = {row.key: row.status for row in compared(facet, left, right).rows}
    back = {row.key: MIRROR.get(row.status, row.status) for row in compared(facet, right, left).rows}
    assert forth == back


def test_the_same_input_gives_the_same_sheet(facet: Facet, pair: tuple[Dossier, Dossier]) -> None:
    first, second = compared(facet, *pair), compared(facet, *pair)
    assert [told(row) for row in first.rows] == [told(row) for row in second.rows]
    assert (first.clauses, first.notes, first.grid) == (second.clauses, second.notes, second.grid)


def told(row: Row) -> tuple[object, ...]:
    cells = [cell.text for cell in (row.left, row.right) if cell]
    return row.key, row.status, cells, row.group, row.change, row.note, list(row.values)


def test_what_people_read_hides_nothing(facet: Facet) -> None:
    sheet = compared(facet, hostile(), dossier())
    read = [*sheet.notes, *(clause.text for clause in sheet.clauses)]
    for row in sheet.rows:
        read += [row.label, row.group, row.change, row.note, *(cell.text for cell in (row.left, row.right) if cell)]
    for text in read:
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_it_ticks_and_can_be_stopped(facet: Facet) -> None:
    job = facet.compare(full("a"), full("b"), Rules())
    assert isinstance(next(job), Tick)
    job.close()


def test_json_and_verdict_follow_from_any_sheet(pair: tuple[Dossier, Dossier]) -> None:
    sheets = {facet.key: compared(facet, *pair) for facet in FACETS if facet.key != "summary"}
    found = json.loads(dumps({"summary": verdict(*pair, sheets)} | sheets, *pair))
    assert set(found["facets"]) == {facet.key for facet in FACETS}
    for each in found["facets"].values():
        assert {row["status"] for row in each["rows"]} <= {str(status) for status in Status}
    for row in found["facets"]["weights"]["rows"]:
        assert {"relative_change", "cosine", "max_abs", "changed_fraction"} <= row.keys()


def test_a_hundred_thousand_rows_take_seconds_and_ticks_keep_coming(facet: Facet) -> None:
    left, right = huge(0), huge(1)
    start = time.perf_counter()
    sheet = compared(facet, left, right)
    assert time.perf_counter() - start < 30
    least = {"hyperparameters": 100_000, "summary": 3, "config": 0, "tokenizer": 1_000, "curves": 2_000}
    assert sheet.total >= least.get(facet.key, 20_000)
