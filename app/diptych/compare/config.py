"""What the two models are built like and how they are meant to be sampled: `config.json` and its companions."""

from __future__ import annotations

from diptych.compare import absent, settings
from diptych.compare.hyperparameters import sentence
from diptych.domain.dossier import Dossier
from diptych.domain.evidence import HyperParameter
from diptych.domain.rules import Rules
from diptych.domain.sheet import Clause, Sheet, Status
from diptych.job import Job, Tick

_GROUPS = {"arch": "Architecture", "gen": "Generation", "proc": "Processor"}

_FIRST = (
    "model_type", "architectures", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "intermediate_size", "vocab_size", "max_position_embeddings", "dtype", "tie_word_embeddings",
    "quantization_config", "temperature", "top_p", "top_k", "do_sample", "eos_token_id",
)  # fmt: skip

_RANK = {name: place for place, name in enumerate(_FIRST)}


class Config:
    """Settings of the architecture, of generation and of processors."""

    key = "config"
    title = "Config"
    heavy = False

    def compare(self, left: Dossier, right: Dossier, rules: Rules) -> Job[Sheet]:
        """Every setting of either side by value."""
        yield Tick("Comparing configurations")
        ours = settings.by_key(filter(_belongs, left.hyperparameters), rules)
        theirs = settings.by_key(filter(_belongs, right.hyperparameters), rules)
        notes = [
            absent.configuration(each, side)
            for side, each, mine in (("A", left, ours), ("B", right, theirs))
            if not mine and (ours or theirs)
        ]
        if notes:
            # what a side has that is compared with nothing is no difference
            return Sheet(self.key, self.title, "config values", notes=tuple(notes))
        rows = tuple(settings.rows(ours, theirs, rules, _group, _order))
        both = [row for row in rows if row.differs and row.status is Status.DIFFERS and row.key.startswith("arch.")]
        clauses = [Clause(sentence(row), self.key, row.key, 1) for row in both if row.key[5:] in _RANK][:3]
        return Sheet(self.key, self.title, "config values", rows, clauses=tuple(clauses))


def _belongs(setting: HyperParameter) -> bool:
    return setting.key.startswith(("arch.", "gen.", "proc."))


def _group(key: str) -> str:
    return _GROUPS.get(key.partition(".")[0], "Other")


def _order(key: str) -> tuple[object, ...]:
    first, _, rest = key.partition(".")
    groups = list(_GROUPS)
    return groups.index(first) if first in groups else len(groups), _RANK.get(rest, len(_RANK)), key
