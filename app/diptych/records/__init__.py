"""Run records on disk, read into evidence: one tool a file, and the table `RECORDS`."""

from __future__ import annotations

from diptych.records.adapter import AdapterConfig
from diptych.records.card import Card
from diptych.records.config import Config, GenerationConfig
from diptych.records.download import Download
from diptych.records.eval_results import EvalResults
from diptych.records.lm_eval import LmEval
from diptych.records.record import Record
from diptych.records.samples import read_samples
from diptych.records.tokenizer import has_tokenizer, read_tokenizer
from diptych.records.trainer_results import TrainerResults
from diptych.records.trainer_state import TrainerState
from diptych.records.training_args import TrainingArguments
from diptych.records.training_args_text import TrainingArgumentsText

RECORDS: tuple[Record, ...] = (
    Config(),
    GenerationConfig(),
    AdapterConfig(),
    TrainingArguments(),
    TrainingArgumentsText(),
    TrainerState(),
    LmEval(),
    TrainerResults(),
    Card(),
    EvalResults(),
    Download(),
)
"""In the order of `domain.trust`."""


def reader_for(name: str, head: bytes) -> Record | None:
    """The reader of a file, by its name (a folder may precede it) and the first bytes of its content."""
    return next((record for record in RECORDS if record.sniff(name, head)), None)


__all__ = ["RECORDS", "Record", "has_tokenizer", "read_samples", "read_tokenizer", "reader_for"]
