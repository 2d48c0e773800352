"""What the page of a version reads in workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from diptych.domain.dossier import Dossier
from diptych.domain.evidence import Sample
from diptych.domain.tokenizer import Tokenizer
from diptych.domain.version import Version
from diptych.errors import NotFound
from diptych.job import Job, Tick
from diptych.workbench import Workbench

SAMPLES_READ = 2000
"""Answers listed; a comparison reads them all."""


def read_dossier(workbench: Workbench, version: Version) -> Job[Dossier]:
    """Everything the catalog knows of a version."""
    yield Tick("Reading the records")
    dossier: Dossier = workbench.dossier(version)
    return dossier


def read_tokenizer(read: Callable[[], Tokenizer]) -> Job[Tokenizer]:
    """The tokenizer of a dossier."""
    yield Tick("Reading the tokenizer")
    return read()


def read_samples(read: Callable[[], Iterator[Sample]]) -> Job[list[Sample]]:
    """The first answers of a dossier, one more than are listed where there are more.

    Where some of its files are gone, those of the others; `NotFound` where all are.
    """
    found: list[Sample] = []
    try:
        for sample in read():
            found.append(sample)
            if len(found) > SAMPLES_READ:
                break
            if len(found) % 50 == 0:
                yield Tick("Reading answers", len(found))
    except NotFound:
        if not found:
            raise
    yield Tick("Reading answers", len(found))
    return found
