"""Results and samples of the lm-evaluation-harness of every age."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.domain.evidence import Evidence, Sample
from diptych.domain.version import Problem
from diptych.errors import NotFound
from diptych.records import read_samples, reader_for

STAMP = "2026-11-21T01-26-18.233188"

OLDEST = {
    "results": {"lambada_openai": {"ppl": 5.6, "ppl_stderr": 0.13, "acc": 0.61, "acc_stderr": 0.006}},
    "versions": {"lambada_openai": 0},
    "config": {
        "model": "hf-causal",
        "model_args": "pretrained=EleutherAI/pythia-160m,revision=step1000",
        "num_fewshot": 0,
        "limit": None,
    },
}
FIRST_0_4 = {
    "results": {"arc": {"acc,none": 0.5, "acc_stderr,none": 0.01, "alias": "arc"}},
    "configs": {"arc": {"dataset_path": "allenai/ai2_arc", "dataset_name": "ARC-Easy", "test_split": "test",
                        "num_fewshot": 5, "metric_list": [{"metric": "acc", "higher_is_better": True}]}},
    "versions": {"arc": 1.0},
    "n-shot": {"arc": 5},
    "config": {"model": "hf", "model_args": "pretrained=org/base,peft=org/lora,dtype=float16", "limit": 10.0},
    "git_hash": "abc123",
}  # fmt: skip
NEWEST = {
    "results": {
        "gsm8k": {"name": "gsm8k", "alias": "gsm8k", "sample_len": 60, "exact_match,strict-match": 0.6,
                  "exact_match_stderr,strict-match": "N/A", "exact_match,flexible-extract": 0.7,
                  "exact_match_stderr,flexible-extract": 0.02},
    },
    "groups": {"math": {"acc,none": 0.4, "acc_stderr,none": 0.03}},
    "configs": {"gsm8k": {"dataset_path": "json"}},
    "versions": {"gsm8k": 3.0},
    "n-shot": {"gsm8k": 0},
    "higher_is_better": {"gsm8k": {"exact_match": True}},
    "n-samples": {"gsm8k": {"original": 1319, "effective": 60}},
    "config": {"model": "hf", "model_args": {"pretrained": "org/base", "dtype": "float32"}, "model_sha": "c0ffee",
               "model_revision": "main", "limit": 60, "gen_kwargs": {"temperature": 0.0}, "batch_size": "16"},
    "git_hash": None,
    "date": 1795224373.65,
    "task_hashes": {"gsm8k": "h1"},
    "chat_template_sha": "t1",
    "model_name": "org/base",
    "lm_eval_version": "0.4.12",
}  # fmt: skip


def read(folder: Path, name: str, results: object) -> Evidence:
    path = folder / name
    path.write_text(json.dumps(results, indent=2))
    record = reader_for(name, path.read_bytes()[:4096])
    assert record is not None
    assert record.key.startswith("lm_eval/")
    evidence = record.read(path)
    assert evidence.problems == ()
    return evidence


def test_the_oldest_results(tmp_path: Path) -> None:
    evidence = read(tmp_path, "results.json", OLDEST)
    assert evidence.about is not None
    assert (evidence.about.name, evidence.about.revision, evidence.about.adapter) == (
        "EleutherAI/pythia-160m",
        "step1000",
        "",
    )
    found = {each.key: (each.value, each.stderr, each.n, each.higher_is_better) for each in evidence.metrics}
    assert found == {"lambada_openai/ppl": (5.6, 0.13, None, None), "lambada_openai/acc": (0.61, 0.006, None, None)}
    assert evidence.metrics[0].conditions == {"task version": "0", "shots": "0"}


def test_results_of_0_4_0(tmp_path: Path) -> None:
    (tmp_path / "pretrained__org__base_arc.jsonl").write_text("[]")
    (tmp_path / "pretrained__org__base_other.jsonl").write_text("[]")
    evidence = read(tmp_path, "results.json", FIRST_0_4)
    assert evidence.about is not None
    assert (evidence.about.name, evidence.about.adapter) == ("org/base", "org/lora")
    (metric,) = evidence.metrics
    assert (metric.key, metric.stderr, metric.higher_is_better, metric.n) == ("arc/acc", 0.01, True, None)
    assert metric.conditions == {"task version": "1", "shots": "5", "limit": "10", "harness commit": "abc123"}
    (dataset,) = evidence.datasets
    assert (dataset.name, dataset.config, dataset.split, dataset.role) == (
        "allenai/ai2_arc",
        "ARC-Easy",
        "test",
        "eval",
    )
    assert [path.name for path in evidence.sample_files] == ["pretrained__org__base_arc.jsonl"]


def test_results_of_0_4_12(tmp_path: Path) -> None:
    for name in (f"samples_gsm8k_{STAMP}.jsonl", "samples_gsm8k_2025-01-01T00-00-00.0.jsonl", "notes.txt"):
        (tmp_path / name).write_text("")
    evidence = read(tmp_path, f"results_{STAMP}.json", NEWEST)
    assert evidence.about is not None
    assert (evidence.about.name, evidence.about.revision) == ("org/base", "c0ffee")
    found = {each.key: each for each in evidence.metrics}
    assert set(found) == {"gsm8k/exact_match,strict-match", "gsm8k/exact_match,flexible-extract", "math/acc"}
    flexible = found["gsm8k/exact_match,flexible-extract"]
    assert (flexible.value, flexible.stderr, flexible.n, flexible.higher_is_better) == (0.7, 0.02, 60, True)
    assert found["gsm8k/exact_match,strict-match"].stderr is None
    assert flexible.conditions == {
        "task version": "3",
        "shots": "0",
        "task hash": "h1",
        "chat template hash": "t1",
        "limit": "60",
        "gen_kwargs": '{"temperature": 0.0}',
    }
    assert found["math/acc"].source.pointer == "/groups/math/acc,none"
    assert evidence.datasets == ()
    assert [path.name for path in evidence.sample_files] == [f"samples_gsm8k_{STAMP}.jsonl"]
    settings = {each.key: each.value for each in evidence.hyperparameters}
    assert settings["eval.gen_kwargs"] == {"temperature": 0.0}
    assert settings["eval.model_args.dtype"] == "float32"


def test_other_tools_results_are_left_alone() -> None:
    lighteval = b'{"config_general": {"lighteval_sha": "x"}, "results": {"all": {}}}'
    assert reader_for(f"results_{STAMP}.json", lighteval) is None
    assert reader_for("results.json", b'{"scores": [1]}') is None


CHOICE = {
    "doc_id": 3,
    "doc": {"q": "Capital of Italy?"},
    "target": "1",
    "arguments": {"gen_args_0": {"arg_0": "Q", "arg_1": " Cairo"}, "gen_args_1": {"arg_0": "Q", "arg_1": " Rome"}},
    "resps": [[["-7.9", "False"]], [["-0.1", "True"]]],
    "filtered_resps": [["-7.9", "False"], ["-0.1", "True"]],
    "filter": "none",
    "metrics": ["acc"],
    "doc_hash": "d1",
    "prompt_hash": "p1",
    "acc": 1.0,
    "not_a_metric": 5.0,
}
OLD_CHOICE = {
    "doc_id": 3,
    "doc": {},
    "target": 1,
    "arguments": [["Q", " Cairo"], ["Q", " Rome"]],
    "resps": [[[-7.9, False]], [[-0.1, True]]],
    "filtered_resps": [[-7.9, False], [-0.1, True]],
    "acc": 1.0,
    "acc_norm": 0.0,
    "bleu": ["a", "b"],
}
ANSWER = {
    "doc_id": 0,
    "doc": {},
    "target": "5",
    "arguments": {"gen_args_0": {"arg_0": "2+3", "arg_1": {"until": ["\n"]}}},
    "resps": [[" It is 5"]],
    "filtered_resps": ["5"],
    "filter": "strict-match",
    "metrics": ["exact_match"],
    "exact_match": 1.0,
}


def samples(
    folder: Path, content: str, name: str = f"samples_arc_easy_{STAMP}.jsonl"
) -> tuple[list[Sample], list[Problem]]:
    path = folder / name
    path.write_text(content)
    problems: list[Problem] = []
    return list(read_samples(path, problems)), problems


def test_a_multiple_choice_sample(tmp_path: Path) -> None:
    (sample,), problems = samples(tmp_path, json.dumps(CHOICE) + "\n")
    assert problems == []
    assert (sample.task, sample.doc_id, sample.prompt, sample.target, sample.output) == (
        "arc_easy",
        "3",
        "Q",
        "1",
        "Rome",
    )
    assert sample.scores == {"acc": 1.0}
    assert sample.pairing == ("arc_easy", "", "d1")
    assert sample.source.pointer == "line 1"


def test_a_generated_answer_is_the_filtered_one(tmp_path: Path) -> None:
    (sample,), _ = samples(tmp_path, json.dumps(ANSWER) + "\n")
    assert (sample.prompt, sample.output, sample.filter) == ("2+3", "5", "strict-match")
    assert sample.pairing == ("arc_easy", "strict-match", "0")


def test_options_that_do_not_match_stay_raw(tmp_path: Path) -> None:
    odd = {**CHOICE, "filtered_resps": [["-1", "False"], ["-2", "True"], ["-3", "True"]]}
    (sample,), _ = samples(tmp_path, json.dumps(odd) + "\n")
    assert json.loads(sample.output) == odd["filtered_resps"]


def test_samples_before_0_4_7_without_filters(tmp_path: Path) -> None:
    found, _ = samples(tmp_path, "".join(json.dumps(OLD_CHOICE) + "\n" for _ in range(2)))
    assert [each.output for each in found] == ["Rome", "Rome"]
    assert [each.filter for each in found] == ["", ""]
    assert found[0].scores == {"acc": 1.0, "acc_norm": 0.0}
    assert found[0].target == "1"


def test_the_array_of_0_4_0(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps({"results": {"easy": {}, "arc_easy": {}}}))
    name = "pretrained__org__base_arc_easy.jsonl"
    whole = json.dumps([OLD_CHOICE, {**OLD_CHOICE, "doc_id": 4}], indent=2)
    found, problems = samples(tmp_path, whole, name)
    assert [(each.task, each.doc_id, each.source.pointer) for each in found] == [
        ("arc_easy", "3", "/0"),
        ("arc_easy", "4", "/1"),
    ]
    assert problems == []
    found, problems = samples(tmp_path, whole[:-40], name)
    assert [each.doc_id for each in found] == ["3"]
    assert [each.reason for each in problems] == ["ends in the middle, as while it is being written"]


def test_bad_lines_are_skipped_and_told(tmp_path: Path) -> None:
    good = json.dumps(ANSWER)
    content = "\n".join([good, "{bad}", "", "[1]", '"text"', '{"doc_id": "\\ud800"}', good, good[:50]])
    found, problems = samples(tmp_path, content)
    assert [each.source.pointer for each in found] == ["line 1", "line 7"]
    lines = [each.reason for each in problems]
    assert [line.partition(":")[0] for line in lines] == ["line 2", "line 4", "line 5", "line 6", "line 8"]
    assert "is cut" in lines[-1]
    assert all(each.file.endswith(".jsonl") for each in problems)


def test_secrets_in_answers_are_removed(tmp_path: Path) -> None:
    token = "hf_" + "x" * 30
    (sample,), _ = samples(tmp_path, json.dumps({**ANSWER, "filtered_resps": [f"use {token} now"]}) + "\n")
    assert sample.output == "use [removed] now"


def test_samples_come_before_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / f"samples_arc_{STAMP}.jsonl"
    path.write_text((json.dumps(ANSWER) + "\n") * 5 + "{bad")
    stream = read_samples(path)
    assert next(stream).doc_id == "0"
    stream.close()
    with pytest.raises(NotFound):
        next(read_samples(tmp_path / "absent.jsonl"))
