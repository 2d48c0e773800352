"""Answers to single items, as the lm-evaluation-harness logs them: one line each, or one array (0.4.0 to 0.4.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from diptych import display
from diptych.domain.evidence import Plain, Sample
from diptych.domain.version import Problem, Source
from diptych.errors import Damaged, DiptychError
from diptych.records.content import open_record, problem
from diptych.records.json_stream import Cut, JsonText, parse_json, read_object
from diptych.records.lm_eval import STAMP
from diptych.records.scrub import cleaned
from diptych.records.values import kind, mapping, number, text

_READER = "lm_eval_samples/1"
_MOST_LINE = 64 * 2**20
_DATED = re.compile(rf"samples_(?P<task>.+)_{STAMP.pattern}\.jsonl")
_NOT_SCORES = frozenset({"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"})


def read_samples(path: Path, problems: list[Problem] | None = None) -> Iterator[Sample]:
    """Each answer in the file, in its order.

    A line that cannot be used is skipped and told in `problems`, as is a last line that is cut. Raises `NotFound`,
    `Refused`, or `Damaged` where the file holds no samples at all.
    """
    told = [] if problems is None else problems
    row = _Row(path, task_of(path))
    with open_record(path) as file:
        first = _first(file)
        rows = _array(file, path, told) if first == b"[" else _lines(file, path, told)
        for place, value in rows:
            if isinstance(value, dict) and ("doc_id" in value or "doc" in value):
                yield row.sample(value, place)
            else:
                told.append(problem(path, f"{place}: is {kind(value)}, not a sample"))


def task_of(path: Path) -> str:
    """The task of a sample file, from its name; undated names need the results file beside them."""
    dated = _DATED.fullmatch(path.name)
    if dated:
        return dated["task"]
    try:
        tasks = list(mapping(read_object(path.with_name("results.json")).get("results")))
    except DiptychError:
        tasks = []
    fitting = [task for task in tasks if path.stem.endswith(f"_{task}")]
    return max(fitting, key=len, default=path.stem)


def _first(file: BinaryIO) -> bytes:
    start = file.read(4096).lstrip()[:1]
    file.seek(0)
    return start


def _array(file: BinaryIO, path: Path, told: list[Problem]) -> Iterator[tuple[str, Plain]]:
    document = JsonText(file, display.path(path))
    try:
        for index in document.elements():
            yield f"/{index}", document.value()
        document.end()
    except Cut:
        told.append(problem(path, "ends in the middle, as while it is being written"))


def _lines(file: BinaryIO, path: Path, told: list[Problem]) -> Iterator[tuple[str, Plain]]:
    number_of = 0
    while line := file.readline(_MOST_LINE):
        number_of += 1
        place = f"line {number_of}"
        if line.isspace():
            continue
        if len(line) == _MOST_LINE and not line.endswith(b"\n"):
            told.append(problem(path, f"{place}: is longer than {display.size(_MOST_LINE)}"))
            while (rest := file.readline(_MOST_LINE)) and not rest.endswith(b"\n"):
                continue
            continue
        try:
            value = parse_json(line, place)
        except Damaged as error:
            last = not line.endswith(b"\n")
            told.append(problem(path, f"{place}: is cut, as while it is being written" if last else error.message))
            continue
        yield place, value


@dataclass(frozen=True, slots=True)
class _Row:
    """How the rows of one file become samples."""

    path: Path
    task: str

    def sample(self, row: dict[str, Plain], place: str) -> Sample:
        prompts = _arguments(row.get("arguments"))
        chosen = text(row.get("filter"))
        return Sample(
            task=self.task,
            doc_id=_plain(row.get("doc_id")),
            prompt=cleaned(prompts[0][0]) if prompts else "",
            target=cleaned(_plain(row.get("target"))),
            output=cleaned(_output(row, prompts)),
            source=Source(str(self.path), place, _READER),
            filter="" if chosen == "none" else chosen,
            doc_hash=text(row.get("doc_hash")),
            prompt_hash=text(row.get("prompt_hash")),
            scores=_scores(row),
        )


def _arguments(stated: Plain) -> list[tuple[str, str]]:
    """Prompt and continuation of each request; the continuation is empty where it is a setting, not a text."""
    pairs: list[tuple[str, str]] = []
    requests = list(stated.values()) if isinstance(stated, dict) else stated if isinstance(stated, list) else []
    for request in requests:
        parts = list(request.values()) if isinstance(request, dict) else request
        if isinstance(parts, list) and parts:
            pairs.append((_plain(parts[0]), text(parts[1]) if len(parts) > 1 else ""))
        elif isinstance(parts, str):
            pairs.append((parts, ""))
    return pairs


def _output(row: dict[str, Plain], prompts: list[tuple[str, str]]) -> str:
    """The filtered answer; for multiple choice the likeliest option, where options and likelihoods match."""
    answers = row.get("filtered_resps", row.get("resps"))
    if not isinstance(answers, list):
        return _plain(answers)
    likelihoods = [_likelihood(answer) for answer in answers]
    options = [continuation for _, continuation in prompts]
    known = [likelihood for likelihood in likelihoods if likelihood is not None]
    if len(known) == len(answers) == len(options) > 1 and all(options):
        return options[known.index(max(known))].strip()
    if len(answers) == 1:
        return _plain(answers[0])
    return _plain(answers)


def _likelihood(answer: Plain) -> float | None:
    """The log-likelihood of `[log-likelihood, is greedy]`, as numbers or as the text that the harness writes."""
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, list) or len(answer) != 2 or str(answer[1]) not in ("True", "False"):
        return None
    try:
        return float(str(answer[0]))
    except ValueError:
        return None


def _scores(row: dict[str, Plain]) -> dict[str, float]:
    """The named metrics; before 0.4.7 every number that is no part of the item."""
    named = row.get("metrics")
    names = [text(name) for name in named] if isinstance(named, list) else [n for n in row if n not in _NOT_SCORES]
    scores = {}
    for name in names:
        stated = row.get(name)
        value = float(stated) if isinstance(stated, bool) else number(stated)
        if value is not None:
            scores[name] = value
    return scores


def _plain(value: Plain) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
