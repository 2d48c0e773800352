"""The language of the filter bar, parsed and answered."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.catalog import Catalog, query
from diptych.domain.evidence import Evidence, HyperParameter, Metric
from diptych.domain.found import Found, Record
from diptych.domain.tensor import Header, Layout
from diptych.domain.version import Artifact, Kind, Lineage, Relation, Role, Source, State

SOURCE = Source("results.json")


def find(number: int) -> Found:
    """Versions 0 to 9; each property depends on the number alone, so that answers can be counted by hand."""
    place = Path(f"/data/{'sft' if number < 6 else 'TinyLlama-dpo'}/checkpoint-{number * 100}")
    metrics = [
        Metric("mmlu", "acc", number / 10, SOURCE, filter="none"),
        Metric("", "eval_loss", 2 - number / 10, SOURCE),
    ]
    if number % 2:
        metrics += [Metric("gsm8k", "exact_match", number / 20, SOURCE, filter="strict-match")]
    parameters = [
        HyperParameter("train.learning_rate", 10.0**-number, SOURCE),
        HyperParameter("train.optim", "adamw_torch" if number < 5 else "100% sgd", SOURCE),
        HyperParameter("train.fp16", number == 3, SOURCE),
        HyperParameter("adapter.target_modules", ["q_proj", "v_proj"], SOURCE),
        HyperParameter("train.warmup_steps", number, SOURCE),
        HyperParameter("train.warmup_ratio", 0.1, SOURCE),
    ]
    layout = Layout(f"{number:064}", (), number * 10**9, "BF16" if number < 8 else "F32")
    return Found(
        place,
        "/".join(place.parts[-2:]),
        place.parts[-2],
        Kind.ADAPTER if number == 9 else Kind.CHECKPOINT,
        State.PARTIAL if number == 2 else State.NO_WEIGHTS if number == 4 else State.COMPLETE,
        "stamp",
        step=number * 100,
        format="safetensors",
        family="llama" if number < 7 else "qwen3",
        created=1_767_225_600.0 + number * 86_400 * 20,  # 2026-01-01 and every 20 days after
        artifacts=(Artifact("model.safetensors", number * 10**9, 0, Role.WEIGHTS),),
        headers=(Header("model.safetensors", 8, layout, {}),),
        records=(
            Record(place / "results.json", "x/1", Evidence(metrics=tuple(metrics), hyperparameters=tuple(parameters))),
        ),
        base=Lineage(Relation.FINE_TUNE, "org/Base-7B", None, SOURCE),
    )


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    kept = Catalog(tmp_path_factory.mktemp("query") / "catalog.db")
    kept.store([find(number) for number in range(10)])
    keys = kept.keys(sort="step", descending=False)
    kept.tag(keys[:3], ["Ship"])
    kept.tag(keys[3:4], ["best so far", "50%"])
    kept.note(keys[5], "a careful café note")
    kept.star(keys[8:], 4)
    yield kept
    kept.close()


ANSWERS = {
    "": "0123456789",
    "sft": "012345",
    "llama": "0123456789",  # as a family, or within TinyLlama
    "tiny": "6789",
    "tinyll": "6789",
    "check": "0123456789",
    "checkpoint-700": "7",
    '"checkpoint 70"': "",
    '"checkpoint 700"': "7",
    "cafe": "5",
    '"careful cafe"': "5",
    "sft adamw": "01234",
    "family:llama": "0123456",
    "family:LLAMA": "0123456",
    "family:qwen": "",
    "family:qwen*": "789",
    "family:llama,qwen3": "0123456789",
    "family!=llama": "789",
    "-family:llama": "789",
    "format:safetensors": "0123456789",
    "dtype:f32": "89",
    "kind:adapter": "9",
    "state:partial": "2",
    "state:no-weights": "4",
    'state:"no weights here"': "4",
    "model:sft": "012345",
    "model:llama": "6789",
    "name:500": "5",
    "name=sft/checkpoint-500": "5",
    "name=500": "",
    "name:sft*-500": "5",
    "base:base-7b": "0123456789",
    "path:/data/sft": "012345",
    "note:careful": "5",
    "tag:ship": "012",
    "tag:SHIP": "012",
    "tag:sh": "",
    "tag:sh*": "012",
    'tag:ship,"best so far"': "0123",
    'tag:"best so far"': "3",
    "tag:50%": "3",
    "tag:*": "0123",
    "-tag:ship": "3456789",
    "-tag:*": "456789",
    "-sft": "6789",
    "tag:ship OR step>700": "01289",
    "family:llama tag:ship OR step>400": "01256",
    "tag:ship OR -family:llama": "012789",
    "step>700": "89",
    "step>=700": "789",
    "step=700": "7",
    "step:700": "7",
    "step!=700": "012345689",
    "step<1e2": "0",
    "step>0.5k": "6789",
    "params>1B": "23456789",
    "params<=1,000,000,000": "01",
    "size<2GB": "01",
    "size>=2gib": "3456789",
    "stars>3": "89",
    "created>2026-02": "3456789",
    "created:2026-01": "01",
    "created<2026-01-02": "0",
    "created!=2026": "",
    "mmlu>0.65": "789",
    "mmlu>65%": "789",
    "mmlu/acc,none>0.65": "789",
    "acc>0.65": "789",
    "mmlu>0.65 -mmlu>0.85": "78",
    "eval_loss<1.25": "89",
    "gsm8k:*": "13579",
    "-gsm8k:*": "02468",
    "gsm8k>0.3 OR mmlu<0.15": "0179",
    "exact_match>0.3": "79",
    "eval_l<1.25": "89",
    "lr<1e-7": "89",
    "learning_rate<1e-7": "89",
    "train.learning_rate<1e-7": "89",
    "lr=0.001": "3",
    "lr!=0.001": "012456789",
    "optim:adamw": "01234",
    "optim=adamw": "",
    "optim=adamw_torch": "01234",
    'optim:"100%"': "56789",
    "optim:1%": "",
    "optim>5": "",
    "fp16:true": "3",
    "target_modules:q_proj": "0123456789",
    "warmup_steps>7": "89",
    "-": "0123456789",
    '"': "0123456789",
    "OR": "0123456789",
    "AND sft": "012345",
    "sft OR": "012345",
}


@pytest.mark.parametrize(("text", "answer"), ANSWERS.items())
def test_answers(catalog: Catalog, text: str, answer: str) -> None:
    for sort in ("step", "mmlu", "gsm8k", "optim"):
        for limit in (None, 5, 100):
            found = catalog.versions(catalog.keys(text, sort, limit=limit))
            steps = [(version.step or 0) // 100 for version in found]
            if limit == 5:
                assert len(steps) == min(5, len(answer))
                assert {str(step) for step in steps} <= set(answer)
            else:
                assert "".join(map(str, sorted(steps))) == answer
    assert catalog.count(text) == len(answer)
    assert catalog.explain(text) == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    {
        "nothing>1": "no metric or hyperparameter called “nothing”",
        "warmup>1": "no metric or hyperparameter called “warmup”",  # two begin like this
        "mmlu>": "“mmlu>” needs a value after it",
        "mmlu>high": "“high” is not a number",
        "mmlu>nan": "“nan” is not a number",
        "step>1e": "“1e” is not a number",
        "size>2 GB": "",
        "created>soon": "“soon” is not a date such as 2026-11-20",
        "created>2026-13": "“2026-13” is not a date such as 2026-11-20",
        "created>9999-12": "“9999-12” is not a date such as 2026-11-20",
        "family>llama": "text can be compared with “:”, “=” and “!=” only",
        "tag>a": "tags are asked for with “tag:”",
        "optim>adam": "“adam” is not a number",
        "word " * 101: "only the first 100 terms are looked at",
    }.items(),
)
def test_what_cannot_be_understood_is_explained_and_finds_nothing(catalog: Catalog, text: str, problem: str) -> None:
    assert catalog.explain(text) == problem
    if problem:
        assert catalog.keys(text) == []
        assert catalog.count(text) == 0


def test_sorting_is_explained_too(catalog: Catalog) -> None:
    assert catalog.explain("", "mmlu") == catalog.explain("", "lr") == catalog.explain("", "size") == ""
    assert catalog.explain("", "nothing") == "no column, metric or hyperparameter called “nothing”"


HOSTILE = st.text(
    st.sampled_from(list("ab:<>=!\"'*%_\\-,();\0\ud800\udc80 \n.0e9")) | st.characters(), max_size=40
) | st.lists(
    st.sampled_from(
        [
            "mmlu",
            "tag",
            "step",
            "family",
            "created",
            "lr",
            ">",
            "<",
            ":",
            "=",
            '"',
            "-",
            "OR",
            " ",
            "'; DROP TABLE",
            "*",
            "1e999",
            "2026-02",
        ]
    )
).map("".join)


@settings(max_examples=300, deadline=None)
@given(text=HOSTILE, sort=st.sampled_from(["step", "mmlu", "'", "v.key; --", "optim", "\ud800"]))
def test_no_text_breaks_the_search(catalog: Catalog, text: str, sort: str) -> None:
    found = catalog.keys(text, sort)
    assert len(found) == catalog.count(text) <= 10
    assert len(catalog.keys(text, sort, limit=4)) == min(4, len(found))
    if catalog.explain(text):
        assert found == []
    assert catalog.count() == 10


def test_the_two_plans_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    with_both = Catalog(tmp_path / "catalog.db")
    with_both.store([find(number) for number in range(10)])
    queries = [text for text in ANSWERS if text]
    for _ in range(60):
        text = " ".join(chance.sample(queries, 2))
        sort, descending = chance.choice(("mmlu", "gsm8k", "name", "lr", "family", "base")), chance.random() < 0.5
        limit, offset = chance.choice((None, 3, 20)), chance.choice((0, 1, 4))
        answers = []
        for few in (0, 1, 2000):
            monkeypatch.setattr("diptych.catalog.search._FEW", few)
            answers.append(with_both.keys(text, sort, descending, limit, offset))
        assert answers[0] == answers[1] == answers[2], (text, sort, descending, limit, offset)
    with_both.close()


@pytest.mark.parametrize(
    ("text", "value"),
    {
        "7": 7,
        "1e-4": 1e-4,
        ".5": 0.5,
        "-2": -2,
        "1_000": 1000,
        "7B": 7e9,
        "80%": 0.8,
        "inf": float("inf"),
        "x": None,
        "": None,
        "1x": None,
        "1e999": float("inf"),
    }.items(),
)
def test_numbers(text: str, value: float | None) -> None:
    assert query.number(text) == (value if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("text", "value"), {"2GB": 2e9, "2 gib": 2**31, "512m": 512e6, "7": 7, "3 parsecs": None}.items()
)
def test_sizes(text: str, value: float | None) -> None:
    assert query.size(text) == value
