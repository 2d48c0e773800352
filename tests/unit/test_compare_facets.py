from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.compare import FACETS, relation, verdict
from diptych.compare.curves import Curves
from diptych.compare.decimate import decimate
from diptych.compare.export import dumps
from diptych.compare.files import Files
from diptych.compare.outputs import Outputs
from diptych.compare.tokenizer import Tokenizers
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Sample, Series
from diptych.domain.lineage import Edge, Verdict
from diptych.domain.rules import Rules
from diptych.domain.sheet import Row, Sheet, Status
from diptych.domain.tokenizer import Tokenizer
from diptych.domain.version import Lineage, Relation, State
from diptych.errors import Damaged
from diptych.job import finish
from dossiers import HERE, answering, artifact, dossier, metric, sample, version


def rows(sheet: Sheet) -> dict[str, Row]:
    return {row.key: row for row in sheet.rows}


# Outputs ----------------------------------------------------------------------------------------------------------


def outputs(left: list[Sample], right: list[Sample]) -> Sheet:
    sides = [dossier(has_samples=True, samples=answering(side)) for side in (left, right)]
    return finish(Outputs().compare(*sides, Rules()))


def test_answers_pair_by_hash_even_where_numbers_differ() -> None:
    sheet = outputs([sample(1, "yes")], [sample(7, "no", doc_hash="hash1")])
    assert sheet.notes[0] == "matched 1 of 1"
    assert rows(sheet)["arith/1"].status is Status.DIFFERS


def test_answers_pair_by_number_where_there_is_no_hash() -> None:
    sheet = outputs([sample(1, "yes", doc_hash="")], [sample(1, "yes", doc_hash="")])
    assert [row.status for row in sheet.rows] == [Status.SAME]


def test_answers_pair_by_text_then_number_where_one_side_has_no_hash() -> None:
    old = [sample(number, "yes", doc_hash="") for number in (1, 2, 3)] + [sample(9, "alone", doc_hash="")]
    new = [
        sample(5, "yes", prompt="Question 1"),
        sample(2, "no", prompt="Question 2"),
        sample(3, "yes", prompt="Asked otherwise"),
        sample(8, "alone", prompt="Question 8"),
    ]
    for left, right in ((old, new), (new, old)):
        sheet = outputs(left, right)
        assert sheet.notes[0].startswith("matched 3 of 4")
        assert "3 pairs: one side's records hold no hash" in sheet.notes[1]
        paired = [row for row in sheet.rows if row.left and row.right]
        assert [row.status for row in paired] == [Status.SAME, Status.DIFFERS, Status.SAME]
        assert [row.note for row in paired] == ["", "", "the prompts differ"]
    hashed = outputs([sample(1, "a")], [sample(1, "a", doc_hash="another")])
    assert hashed.notes[0].startswith("matched 0 of 1")


def test_answers_of_one_side_stand_alone_and_the_share_is_told() -> None:
    sheet = outputs([sample(1, "a"), sample(2, "b")], [sample(2, "b"), sample(3, "c")])
    assert {key: row.status for key, row in rows(sheet).items()} == {
        "arith/1": Status.LEFT_ONLY,
        "arith/2": Status.SAME,
        "arith/3": Status.RIGHT_ONLY,
    }
    assert sheet.notes[0].startswith("matched 1 of 2")


@pytest.mark.parametrize(
    ("left", "right", "flip"),
    [
        (1.0, 0.0, "A right, B wrong"),
        (0.0, 1.0, "A wrong, B right"),
        (1.0, 1.0, "both right"),
        (0.0, 0.0, "both wrong"),
        (0.5, 1.0, ""),
    ],
)
def test_who_was_right_follows_from_scores_of_nought_or_one(left: float, right: float, flip: str) -> None:
    sheet = outputs([sample(1, "a", scores={"acc": left})], [sample(1, "b", scores={"acc": right})])
    assert sheet.rows[0].values["flip"] == flip


def test_texts_stay_whole_and_hidden_signs_show() -> None:
    text = "line\nwith \u202e hidden " + "x" * 5000
    row = outputs([sample(1, text)], [sample(1, "short")]).rows[0]
    assert row.left is not None
    assert row.left.value == text
    assert "\\u202e" in row.left.text
    assert "\n" in row.left.text


def test_repeated_questions_keep_their_own_rows() -> None:
    twice = [sample(1, "a"), sample(1, "b")]
    sheet = outputs(twice, twice)
    assert len(rows(sheet)) == 2
    assert sheet.differs == 0


def test_a_file_that_breaks_leaves_what_was_read() -> None:
    def breaking() -> Iterator[Sample]:
        yield sample(1, "a")
        raise Damaged("samples.jsonl: line 2 is no JSON")

    sides = [dossier(has_samples=True, samples=each) for each in (answering([sample(1, "b")]), breaking)]
    sheet = finish(Outputs().compare(*sides, Rules()))
    assert len(sheet.rows) == 1
    assert "line 2 is no JSON" in sheet.notes[-1]


def test_without_samples_it_says_whose_are_missing() -> None:
    sheet = finish(Outputs().compare(dossier(), dossier(has_samples=True, samples=answering([])), Rules()))
    assert sheet.notes == ("no record of A holds samples",)
    assert finish(Outputs().compare(dossier(), dossier(), Rules())).notes == ()


# Curves -----------------------------------------------------------------------------------------------------------


def curve(values: list[float], name: str = "loss") -> Dossier:
    steps = tuple(10.0 * (place + 1) for place in range(len(values)))
    return dossier(series=(Series(name, steps, tuple(values), HERE),))


def test_a_curve_that_goes_on_is_told_apart_from_one_that_parts() -> None:
    longer = finish(Curves().compare(curve([3, 2]), curve([3, 2, 1]), Rules())).rows[0]
    assert longer.note == "equal up to step 20; B goes on to step 30"
    parted = finish(Curves().compare(curve([3, 2, 1]), curve([3, 2, 0]), Rules())).rows[0]
    assert parted.note == "equal up to step 20"
    assert parted.change == "−1"


def test_the_best_value_needs_a_direction() -> None:
    row = finish(Curves().compare(curve([3, 1, 2]), curve([3, 2, math.nan]), Rules())).rows[0]
    assert (row.values["best_left"], row.values["best_right"]) == (1, 2)
    odd = finish(Curves().compare(curve([3, 1], "oddness"), curve([3, 2], "oddness"), Rules())).rows[0]
    assert odd.values["best_left"] is None


def test_a_chart_holds_both_lines_as_logged() -> None:
    sheet = finish(Curves().compare(curve([3, math.nan]), curve([2]), Rules()))
    assert [(line.side, len(line.y)) for line in sheet.charts[0].lines] == [("left", 2), ("right", 1)]
    assert "gaps" in sheet.charts[0].note


def test_curves_with_equal_gaps_are_the_same() -> None:
    assert finish(Curves().compare(curve([3, math.nan]), curve([3, math.nan]), Rules())).differs == 0


def test_decimation_keeps_spikes_gaps_and_ends() -> None:
    x = np.arange(100_000.0)
    y = np.sin(x / 1000)
    y[51_234] = 50
    y[60_000:70_000] = np.nan
    few_x, few_y = decimate(x, y, 500)
    assert len(few_x) <= 1000
    assert np.nanmax(few_y) == 50
    assert np.isnan(few_y[(few_x > 60_500) & (few_x < 69_500)]).all()
    assert (np.diff(few_x) > 0).all()
    assert set(few_x.tolist()) <= set(x.tolist())


@pytest.mark.parametrize("count", [0, 1, 5])
def test_short_curves_are_not_decimated(count: int) -> None:
    x = np.arange(float(count))
    few_x, few_y = decimate(x, x, 100)
    assert few_x is x
    assert few_y is x


def test_a_curve_without_any_value_is_decimated_to_gaps() -> None:
    _, few = decimate(np.arange(1000.0), np.full(1000, np.nan), 10)
    assert np.isnan(few).all()


# Tokenizer --------------------------------------------------------------------------------------------------------


def tokenized(**fields: Any) -> Dossier:
    return dossier(tokenizer=lambda: Tokenizer(HERE, **fields))


def tokens(left: Dossier, right: Dossier) -> Sheet:
    return finish(Tokenizers().compare(left, right, Rules()))


def test_tokens_that_came_went_or_moved_have_rows() -> None:
    sheet = tokens(
        tokenized(vocabulary={"a": 0, "b": 1, "gone": 2}), tokenized(vocabulary={"a": 1, "b": 0, "new": 3, "d": 4})
    )
    found = rows(sheet)
    assert found["vocabulary"].change == "2 added, 1 removed, 2 moved"
    assert found["vocabulary.gone"].status is Status.LEFT_ONLY
    assert found["vocabulary.new"].status is Status.RIGHT_ONLY
    assert found["vocabulary.a"].status is Status.DIFFERS


def test_a_large_vocabulary_is_counted_beyond_some_rows() -> None:
    ours = tokenized(vocabulary={f"t{number}": number for number in range(5000)})
    sheet = tokens(ours, tokenized(vocabulary={}))
    assert len(sheet.rows) == 1001
    assert rows(sheet)["vocabulary"].values["removed"] == 5000
    assert "4,000 more tokens" in rows(sheet)["vocabulary"].note


def test_templates_kinds_special_tokens_and_merges_are_compared() -> None:
    ours = tokenized(kind="BPE", chat_template="{{ a }}", special={"eos_token": "</s>"}, merges=("a b", "c d"))
    theirs = tokenized(kind="BPE", chat_template="{{ b }}", special={"eos_token": "<end>"}, merges=("c d", "a b"))
    found = rows(tokens(ours, theirs))
    assert found["kind"].status is Status.SAME
    assert found["chat_template"].status is Status.DIFFERS
    assert found["chat_template"].left is not None
    assert found["chat_template"].left.value == "{{ a }}"
    assert found["special.eos_token"].status is Status.DIFFERS
    assert found["merges"].change == "other order"


def test_equal_tokenizers_say_so_in_a_word() -> None:
    same = tokenized(kind="BPE", vocabulary={"a": 0})
    assert [clause.text for clause in tokens(same, same).clauses] == ["tokenizer identical"]


def test_a_tokenizer_that_is_not_here_is_a_note_and_no_difference() -> None:
    tokenizer = Tokenizer(HERE, "BPE", {"a": 0})
    sheet = finish(Tokenizers().compare(dossier(), dossier(tokenizer=lambda: tokenizer), Rules()))
    assert (sheet.differs, sheet.notes) == (0, ("A has no tokenizer here",))
    assert finish(Tokenizers().compare(dossier(), dossier(), Rules())).notes == ()


def test_a_tokenizer_that_cannot_be_read_is_a_note() -> None:
    def broken() -> Tokenizer:
        raise Damaged("tokenizer.json: line 1 is no JSON")

    sheet = tokens(dossier(tokenizer=broken), tokenized())
    assert sheet.rows == ()
    assert sheet.notes == ("the tokenizer of A cannot be read: tokenizer.json: line 1 is no JSON",)


# Files ------------------------------------------------------------------------------------------------------------


def files(left: list[Any], right: list[Any]) -> dict[str, Row]:
    sides = [dossier(version=version(name, artifacts=tuple(side))) for name, side in (("a/1", left), ("b/1", right))]
    return rows(finish(Files().compare(*sides, Rules())))


def test_digests_decide_and_sizes_only_deny() -> None:
    found = files(
        [artifact("same", 10, "aa"), artifact("other", 10, "aa"), artifact("sized", 10), artifact("open", 10)],
        [artifact("same", 10, "aa"), artifact("other", 10, "bb"), artifact("sized", 12), artifact("open", 10, "aa")],
    )
    assert {key: row.status for key, row in found.items()} == {
        "same": Status.SAME,
        "other": Status.DIFFERS,
        "sized": Status.DIFFERS,
        "open": Status.NOT_COMPARABLE,
    }
    assert found["sized"].change == "+2 B"
    assert found["open"].note.startswith("same size, not hashed: ")


def test_files_without_a_digest_are_read_where_they_lie(tmp_path: Path) -> None:
    sides = []
    for side, text in (("a", "same size"), ("b", "size same")):
        folder = tmp_path / side
        folder.mkdir()
        (folder / "equal").write_bytes(b"x" * (3 << 20))
        (folder / "other").write_text(text)
        listed = (artifact("equal", 3 << 20), artifact("other", 9))
        sides.append(dossier(version=version(side, path=folder, artifacts=listed)))
    sheet = finish(Files().compare(*sides, Rules()))
    assert {key: row.status for key, row in rows(sheet).items()} == {"equal": Status.SAME, "other": Status.DIFFERS}
    assert (sheet.differs, sheet.undecided, sheet.same) == (1, 0, 1)


def test_a_file_equals_itself_even_where_it_cannot_be_read() -> None:
    side = dossier(version=version(artifacts=(artifact("gone", 10),)))
    assert [row.status for row in finish(Files().compare(side, side, Rules())).rows] == [Status.SAME]


def test_what_cannot_be_compared_is_no_difference() -> None:
    found = tuple(Row(status.value, status) for status in (Status.NOT_COMPARABLE, Status.DIFFERS, Status.SAME))
    sheet = Sheet("x", "X", "things", found)
    assert (sheet.differs, sheet.undecided, sheet.same) == (1, 1, 1)
    assert sheet.counts == "1 of 3 things differ · 1 not comparable · 1 the same"


def test_a_renamed_file_is_two_rows() -> None:
    found = files([artifact("a", 10, "aa")], [artifact("b", 10, "aa")])
    assert (found["a"].status, found["b"].status) == (Status.LEFT_ONLY, Status.RIGHT_ONLY)


# Relation and verdict ---------------------------------------------------------------------------------------------


def adapter_of(name: str, parent: str | None = None, kind: Relation = Relation.ADAPTER) -> Lineage:
    return Lineage(kind, name, None, HERE, parent)


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        (version("a/1"), version("a/1"), "A and B hold the same content"),
        (version("r/1", step=100), version("r/2", step=200), "B is 100 steps after A in r"),
        (version("r/2", step=200), version("r/1", step=199), "B is 1 step before A in r"),
        (version("r/1"), version("r/2"), "A and B belong to r"),
        (version("a/1"), version("b/1"), "no known relation"),
        (version("a/1"), version("b/1", base=adapter_of("x", version("a/1").id)), "B is an adapter of A"),
        (version("b/1", base=adapter_of("x", version("a/1").id)), version("a/1"), "A is an adapter of B"),
        (version("a/1"), version("b/1", base=adapter_of("runs/a/1")), "B is an adapter of A"),
        (version("a/1"), version("b/1", base=adapter_of("", None, Relation.MERGE)), "no known relation"),
        (
            version("b/1", base=adapter_of("org/m")),
            version("c/1", base=adapter_of("org/m")),
            "A and B are each an adapter of org/m",
        ),
    ],
)
def test_relations(left: Any, right: Any, words: str) -> None:
    assert relation(left, right) == words


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict.NONE, "B is a quantised copy of A, inferred from the weights (97 %)"),
        (Verdict.CONFIRMED, "B is a quantised copy of A, inferred from the weights (confirmed)"),
        (Verdict.REJECTED, "no known relation"),
    ],
)
def test_what_the_weights_tell_of_two_versions_is_their_relation(verdict: Verdict, words: str) -> None:
    left, right = version("a/1"), version("b/1")
    edge = Edge(right.id, (left.id,), Relation.QUANTIZED, 0.97, verdict=verdict)
    assert relation(left, right, (edge,)) == words
    assert relation(right, left, (edge,)) == words.translate(str.maketrans("AB", "BA"))
    declared = version("b/1", base=adapter_of("x", left.id))
    assert relation(left, declared, (edge,)) == "B is an adapter of A"


def test_identical_versions_have_one_big_line() -> None:
    side = dossier({"train.x": 1})
    sheet = verdict(side, side, {})
    assert (sheet.clauses[0].text, sheet.clauses[0].weight) == ("A and B are identical, byte for byte", 2)


def test_a_verdict_links_every_clause_and_leads_with_what_weighs_most() -> None:
    left = dossier({"train.learning_rate": 1e-3}, metrics=(metric(0.9, stderr=0.01, n=100, higher_is_better=True),))
    right = dossier(
        {"train.learning_rate": 2e-3},
        "run/checkpoint-200",
        metrics=(metric(0.1, stderr=0.01, n=100, higher_is_better=True),),
    )
    sheets = {facet.key: finish(facet.compare(left, right, Rules())) for facet in FACETS[1:]}
    sheet = verdict(left, right, sheets)
    assert sheet.clauses[0].text.startswith("arith acc −0.8, worse")
    assert [clause.weight for clause in sheet.clauses] == sorted((c.weight for c in sheet.clauses), reverse=True)
    for clause in sheet.clauses:
        assert clause.facet == "summary" or clause.facet in sheets
        if clause.row:
            assert clause.row in rows(sheets[clause.facet])
    assert [row.key for row in sheet.rows] == [facet.key for facet in FACETS[1:]]


def test_a_damaged_side_is_said_first() -> None:
    bad = dossier(version=version("a/1", state=State.DAMAGED))
    assert verdict(bad, dossier(), {}).clauses[0].text == "A is damaged"


def test_json_is_strict_whatever_the_values() -> None:
    left = dossier({"train.x": math.nan, "train.y": math.inf, "train.z": 10**400, "train.\ud800": "\ud800"})
    sheets = {facet.key: finish(facet.compare(left, dossier(), Rules())) for facet in FACETS[1:]}
    found = json.loads(dumps(sheets, left, dossier()))
    assert set(found) == {"left", "right", "facets"}
    assert {"differs", "total", "rows"} <= set(found["facets"]["hyperparameters"])
    by_key = {row["key"]: row for row in found["facets"]["hyperparameters"]["rows"]}
    assert (by_key["train.x"]["left"], by_key["train.y"]["left"]) == ("NaN", "Infinity")
    assert by_key["train.x"]["status"] == "left only"
