"""What the filter field offers to finish the word under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from diptych import display
from diptych.catalog import Columns
from diptych.domain.version import Kind, State
from diptych.ui.models.partners import quoted
from diptych.ui.widgets.filterfield import Suggestion

MOST = 12
"""Suggestions offered at once."""
FIELDS = (
    ("tag:", "versions that carry a tag"),
    ("model:", "part of a run or repository"),
    ("name:", "part of a name"),
    ("family:", "architecture family"),
    ("state:", "complete, partial, offline …"),
    ("kind:", "model, checkpoint, adapter, record"),
    ("format:", "file format"),
    ("dtype:", "most common dtype"),
    ("base:", "what it was made from"),
    ("note:", "words in your notes"),
    ("path:", "part of a path"),
    ("step>", "training step"),
    ("params>", "parameters, as 1B"),
    ("size>", "bytes of weights, as 2GB"),
    ("stars>", "your stars"),
    ("created>", "a date, as 2026-11"),
)
_OPERATORS = (">", "<", ":", "=")


class Vocabulary(NamedTuple):
    """The names that queries may use in this library."""

    columns: Columns

    def suggest(self, word: str) -> Sequence[Suggestion]:
        """Ways to finish `word`."""
        minus = "-" if word.startswith("-") and len(word) > 1 else ""
        asked = word[len(minus) :]
        place = min((asked.find(sign) for sign in _OPERATORS if sign in asked), default=-1)
        if place > 0 and not asked.startswith('"'):
            return self._values(minus, asked[:place], asked[place], asked[place + 1 :])
        return self._names(minus, asked)

    def _values(self, minus: str, field: str, sign: str, begun: str) -> Sequence[Suggestion]:
        known = self._known(field.casefold())
        text = begun.strip('"').casefold()
        fitting = [(name, note) for name, note in known if text in name.casefold()]
        fitting.sort(key=lambda pair: not pair[0].casefold().startswith(text))
        return [Suggestion(f"{minus}{field}{sign}{quoted(name)}", note) for name, note in fitting[:MOST]]

    def _known(self, field: str) -> Sequence[tuple[str, str]]:
        counted = {
            "tag": self.columns.tags,
            "model": self.columns.models,
            "name": self.columns.models,
            "family": self.columns.families,
        }.get(field)
        if counted is not None:
            return [(name, display.plural(count, "version")) for name, count in counted if name]
        if field == "state":
            return [(state.value, "") for state in State]
        if field == "kind":
            return [(kind.value, "") for kind in Kind]
        return ()

    def _names(self, minus: str, begun: str) -> Sequence[Suggestion]:
        text = begun.strip('"').casefold()
        fields = [Suggestion(minus + name, note, final=False) for name, note in FIELDS if name.startswith(text)]
        tags = [
            Suggestion(f"{minus}tag:{quoted(name)}", display.plural(count, "version"))
            for name, count in self.columns.tags
            if name.casefold().startswith(text)
        ]
        named = [
            Suggestion(f"{minus}{quoted_name(name)}>", f"{kind}, {display.plural(count, 'version')}", final=False)
            for kind, counted in (("metric", self.columns.metrics), ("hyperparameter", self.columns.hyperparameters))
            for name, count in counted
            if _fits(name, text)
        ]
        return (fields + tags[:4] + named)[:MOST]


def quoted_name(name: str) -> str:
    """A metric or hyperparameter as the query language wants it on the left of a sign."""
    plain = not set(name) & set(' :<>=!"')
    return name if plain and not name.startswith("-") else '"' + name.replace('"', "") + '"'


def _fits(name: str, text: str) -> bool:
    folded = name.casefold()
    return folded.startswith(text) or any(part.startswith(text) for part in folded.replace("/", ".").split("."))
