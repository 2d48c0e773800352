"""`.eval_results/*.yaml`: results in a Hub repository, one list a file, as leaderboards read them."""

from __future__ import annotations

import re
from pathlib import Path

from diptych.domain.evidence import DatasetRef, Evidence, Metric, Plain
from diptych.domain.version import Source
from diptych.records.card import measure
from diptych.records.content import damaged, problem, read_bytes
from diptych.records.record import last_name
from diptych.records.values import kind, mapping, text
from diptych.records.yaml_text import NotYaml, parse_yaml

_BEGINS = re.compile(rb"(\s*#[^\n]*\n|\s*---\s*\n)*\s*-\s+dataset\s*:")
_MOST_BYTES = 2**20


class EvalResults:
    """Each entry as a metric of its data set; the unit is not stated, so the metric is called `score`."""

    key = "eval_results/1"

    def sniff(self, name: str, head: bytes) -> bool:
        """A YAML file in `.eval_results`, or one that begins as such files do."""
        if not last_name(name).endswith((".yaml", ".yml")):
            return False
        return ".eval_results" in name.split("/")[:-1] or bool(_BEGINS.match(head))

    def read(self, path: Path) -> Evidence:
        """Metrics and data sets; an entry without data set or number is a problem."""
        try:
            entries = parse_yaml(read_bytes(path, _MOST_BYTES).decode())
        except UnicodeDecodeError:
            raise damaged(path, "is not UTF-8 text") from None
        except NotYaml as fault:
            raise damaged(path, str(fault)) from None
        if not isinstance(entries, list):
            raise damaged(path, f"is {kind(entries)}, not a list of results")
        metrics: list[Metric] = []
        datasets: list[DatasetRef] = []
        faults: list[str] = []
        for index, entry in enumerate(entries):
            found = self._entry(mapping(entry), index, str(path))
            if found is None:
                faults.append(f"entry {index + 1} names no data set or no number")
            else:
                metrics.append(found[0])
                datasets.append(found[1])
        problems = (problem(path, faults[0]),) if faults else ()
        return Evidence(metrics=tuple(metrics), datasets=tuple(datasets), problems=problems)

    def _entry(self, entry: dict[str, Plain], index: int, file: str) -> tuple[Metric, DatasetRef] | None:
        dataset = mapping(entry.get("dataset"))
        name, task, revision = (text(dataset.get(key)) for key in ("id", "task_id", "revision"))
        measured = measure(entry.get("value"))
        if not name or measured is None:
            return None
        conditions = {"dataset": name, **({"dataset revision": revision} if revision else {})}
        value, error = measured
        metric = Metric(
            task or name, "score", value, Source(file, f"/{index}/value", self.key), stderr=error, conditions=conditions
        )
        return metric, DatasetRef(name, Source(file, f"/{index}/dataset/id", self.key), task, "", revision, "eval")
