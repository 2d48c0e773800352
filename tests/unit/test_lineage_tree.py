"""The tree that the command line draws of a pedigree."""

from __future__ import annotations

from itertools import pairwise

from diptych.cli.lineage import tree
from diptych.domain.lineage import Edge, Pedigree
from diptych.domain.version import Relation, Version
from dossiers import version


def drawn(versions: list[Version], *edges: Edge) -> list[str]:
    """The lines of the tree, without what joins them."""
    return [line.partition("  (")[0] for line in tree(Pedigree(tuple(versions), edges, len(versions)))]


def descends(child: Version, parent: Version, relation: Relation) -> Edge:
    return Edge(child.id, (parent.id,), relation, 0.9)


def test_a_run_of_thousands_of_checkpoints_is_one_column() -> None:
    run = [version(f"run/checkpoint-{step}", step=step) for step in range(1, 3001)]
    lines = drawn(run, *(descends(after, before, Relation.RESUMED) for before, after in pairwise(run)))
    assert lines == [run[0].name, *(f"↓ {one.name}" for one in run[1:])]


def test_what_was_made_of_a_checkpoint_stands_before_the_run_goes_on() -> None:
    first, second, third = (version(f"run/checkpoint-{step}", step=step) for step in (1, 2, 3))
    tuned, quantised, merged = version("tuned/1"), version("quantised/1"), version("merged/1")
    lines = drawn(
        [third, merged, tuned, second, quantised, first],
        descends(second, first, Relation.RESUMED),
        descends(third, second, Relation.RESUMED),
        descends(tuned, second, Relation.FINE_TUNE),
        descends(quantised, tuned, Relation.QUANTIZED),
        descends(merged, third, Relation.MERGE),
    )
    assert lines == [
        "run/checkpoint-1",
        "↓ run/checkpoint-2",
        "├─ tuned/1",
        "│  └─ quantised/1",
        "↓ run/checkpoint-3",
        "└─ merged/1",
    ]


def test_versions_that_declare_one_another_are_told_once() -> None:
    one, two = version("one/1"), version("two/1")
    assert drawn([one, two], descends(one, two, Relation.FINE_TUNE), descends(two, one, Relation.FINE_TUNE)) == [
        "one/1",
        "└─ two/1",
    ]
