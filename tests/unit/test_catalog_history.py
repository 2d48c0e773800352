"""Undo and redo of what people do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.catalog import Catalog
from diptych.domain.evidence import Evidence, HyperParameter, Metric
from diptych.domain.found import Found, Record
from diptych.domain.version import Kind, Lineage, Relation, Source, State

SOURCE = Source("results.json")


def find(name: str, base: str = "") -> Found:
    place = Path("/data") / name
    told = Evidence(
        metrics=(Metric("mmlu", "acc", 0.5, SOURCE),), hyperparameters=(HyperParameter("train.optim", "adamw", SOURCE),)
    )
    return Found(
        place,
        name,
        "run",
        Kind.CHECKPOINT,
        State.COMPLETE,
        "stamp",
        records=(Record(place / "results.json", "x/1", told),),
        base=Lineage(Relation.FINE_TUNE, f"/data/{base}", None, SOURCE) if base else None,
    )


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    kept = Catalog(tmp_path / "catalog.db")
    kept.store([find("one"), find("two", base="one"), find("three")])
    yield kept
    kept.close()


def key(catalog: Catalog, name: str) -> int:
    return catalog.resolve(name).key


def test_tags_stars_and_notes_go_back_and_forth(catalog: Catalog) -> None:
    one = key(catalog, "one")
    everything = sorted(catalog.keys())
    states = [catalog.versions(everything)]
    for work in (
        lambda: catalog.tag(everything, ["ship", " "], ["never there"]),
        lambda: catalog.star([one], 9),
        lambda: catalog.note(one, "remember\nthis"),
        lambda: catalog.tag([one], remove=["SHIP"]),
    ):
        assert work().updated <= set(everything)
        states.append(catalog.versions(everything))
    assert states[-1][0].stars == 5
    labels = ["Tag 3 versions", "Rate 1 version", "Edit note", "Untag 1 version"]
    for label, state in zip(reversed(labels), reversed(states[:-1]), strict=True):
        assert catalog.undo_label() == label
        undone = catalog.undo()
        assert undone is not None
        assert undone.label == label
        assert catalog.versions(everything) == state
    assert catalog.undo() is None
    for state in states[1:]:
        assert catalog.redo() is not None
        assert catalog.versions(everything) == state
    assert catalog.redo() is None
    assert catalog.count("remember") == 1


def test_a_write_that_changes_nothing_leaves_nothing_to_undo(catalog: Catalog) -> None:
    catalog.tag([key(catalog, "one")], remove=["never there"])
    catalog.tag([999], ["ship"])
    assert catalog.undo_label() == ""


def test_a_new_step_forgets_what_was_undone(catalog: Catalog) -> None:
    one = key(catalog, "one")
    catalog.tag([one], ["a"])
    catalog.undo()
    catalog.note(one, "b")
    assert catalog.redo_label() == ""
    assert catalog.undo_label() == "Edit note"


def test_removed_versions_come_back_complete(catalog: Catalog) -> None:
    one, two = key(catalog, "one"), key(catalog, "two")
    catalog.tag([one], ["ship"])
    before = catalog.versions([one, two])
    records = catalog.records(one)
    columns = catalog.columns()
    assert before[1].base is not None
    assert before[1].base.parent == before[0].id
    assert catalog.remove([one]).removed == {one}
    assert (catalog.count(), catalog.count("ship"), catalog.count("mmlu>0")) == (2, 0, 2)
    assert catalog.versions([two])[0].base is not None
    assert catalog.undo_label() == "Remove 1 version"
    catalog.undo()
    assert catalog.versions([one, two]) == before
    assert catalog.records(one) == records
    assert catalog.columns() == columns
    assert (catalog.count("ship"), catalog.count("mmlu>0"), catalog.count("optim:adam")) == (1, 3, 3)
    catalog.redo()
    assert catalog.versions([one]) == []


def test_undoing_a_removal_after_the_folder_was_scanned_again(catalog: Catalog) -> None:
    one = key(catalog, "one")
    catalog.tag([one], ["ship"])
    catalog.remove([one])
    (again,) = catalog.store([find("one")]).added
    undone = catalog.undo()
    assert undone is not None
    assert (undone.changes.added, undone.changes.removed) == ({one}, {again})
    assert catalog.resolve("one").tags == {"ship"}
    assert catalog.count() == 3


def test_removing_parent_and_child_together_restores_their_tie(catalog: Catalog) -> None:
    everything = sorted(catalog.keys(), reverse=True)
    before = catalog.versions(everything)
    catalog.remove(everything)
    assert catalog.count() == 0
    catalog.undo()
    assert catalog.versions(everything) == before


def test_the_folders_of_removed_versions_are_to_be_read_again(catalog: Catalog) -> None:
    folder = Path("/data")
    catalog.store([], {folder: "unchanged", Path("/data/four"): "unchanged", Path("/other"): "unchanged"})
    catalog.remove([key(catalog, "one")])
    assert not {folder, Path("/data/one")} & set(catalog.stamps())
    assert {Path("/data/four"), Path("/other"), Path("/data/two")} <= set(catalog.stamps())
