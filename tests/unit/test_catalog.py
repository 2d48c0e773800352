"""What the catalog keeps, finds and gives back."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diptych.catalog import Catalog
from diptych.domain.evidence import DatasetRef, Evidence, HyperParameter, Metric, ModelRef, Plain, Series
from diptych.domain.found import Found, Record
from diptych.domain.tensor import Header, Layout
from diptych.domain.version import Artifact, Digest, Kind, Lineage, Problem, Relation, Role, Source, State
from diptych.errors import NotFound

SOURCE = Source("trainer_state.json", "/log_history/0", "trainer_state/1")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    kept = Catalog(tmp_path / "catalog.db")
    yield kept
    kept.close()


def evidence(step: int = 0, **metrics: float) -> Evidence:
    return Evidence(
        step=step,
        hyperparameters=(HyperParameter("train.learning_rate", 3e-4, SOURCE, "3e-4"),),
        metrics=tuple(Metric(name, "acc", value, SOURCE, step=step) for name, value in metrics.items()),
    )


def find(path: str | None, stamp: str = "one", **changes: Any) -> Found:
    place = None if path is None else Path(path)
    name = "/".join(place.parts[-2:]) if place else "org/elsewhere"
    plain = Found(
        place,
        name,
        name.split("/")[0],
        Kind.CHECKPOINT,
        State.COMPLETE,
        stamp,
        artifacts=(
            Artifact("model.safetensors", 100, 5, Role.WEIGHTS),
            Artifact("config.json", 10, 5, Role.CONFIG),
            Artifact("optimizer.pt", 10, 5, Role.RESUME),
        ),
    )
    return replace(plain, **changes)


def hashes(letter: str = "a") -> dict[str, Digest]:
    names = ("model.safetensors", "config.json", "optimizer.pt")
    return {name: Digest("sha256", letter * 64) for name in names}


def only(catalog: Catalog, query: str = "") -> int:
    (key,) = catalog.keys(query)
    return key


def test_a_find_comes_back_as_a_version(catalog: Catalog) -> None:
    layout = Layout("ab" * 32, (("w", "BF16", (2, 3), 0, 12), ("s", "F32", (), 12, 16)), 7, "BF16")
    base = Lineage(Relation.ADAPTER, "org/base", "main", SOURCE)
    found = find(
        "/data/sft/checkpoint-200",
        step=200,
        format="safetensors",
        family="llama",
        created=1.7e9,
        headers=(Header("model.safetensors", 64, layout, {"format": "pt"}),),
        base=base,
        problems=(Problem("README.md", "not UTF-8"),),
    )
    changes = catalog.store([found])
    (version,) = catalog.page()
    assert changes.added == {version.key}
    assert version.id.startswith("~")
    assert len(version.id) == 41
    assert (version.name, version.model, version.kind, version.state) == (
        "sft/checkpoint-200",
        "sft",
        Kind.CHECKPOINT,
        State.COMPLETE,
    )
    assert (version.step, version.format, version.dtype, version.family) == (200, "safetensors", "BF16", "llama")
    assert (version.parameters, version.bytes, version.created) == (7, 100, 1.7e9)
    assert version.base == base
    assert version.artifacts == found.artifacts
    assert version.places == (found.path,) == (version.path,)
    assert version.problems == found.problems
    assert catalog.headers(version.key) == found.headers


def test_evidence_is_kept_exactly_however_odd_it_is(catalog: Catalog) -> None:
    odd = Evidence(
        about=ModelRef("org/model", SOURCE, "abc", "lora"),
        step=2**70,
        hyperparameters=(
            HyperParameter("train.seed", 2**64, SOURCE),
            HyperParameter("train.name\ud800", "lone \udcff and \0", Source("a\udc80.json")),
            HyperParameter("train.nested", {"a": [1, None, True, 2.5], "b": {}}, SOURCE, "raw"),
            HyperParameter("train.low", float("-inf"), SOURCE),
        ),
        metrics=(
            Metric("mmlu", "acc", float("inf"), SOURCE, "strict", 0.01, 12, True, 3, "test", {"shots": "5"}),
            Metric("", "eval_loss", -0.0, SOURCE),
        ),
        series=(Series("loss", tuple(map(float, range(70_000))), (float("inf"),) * 70_000, SOURCE, (), "repaired"),),
        sample_files=(Path("/data/samples.jsonl"),),
        datasets=(DatasetRef("gsm8k", SOURCE, "main", "test", "r1", "eval"),),
        lineage=(Lineage(Relation.MERGE, "org/a", None, SOURCE),),
        facts={"family": "llama"},
        partial=True,
        problems=(Problem("x.json", "cut"),),
    )
    record = Record(Path("/data/sft/checkpoint-1/x\udc80.json"), "x/1", odd)
    catalog.store([find("/data/sft/checkpoint-1", records=(record,))])
    assert catalog.records(only(catalog)) == (record,)


def test_not_a_number_survives_in_evidence_curves_and_lists(catalog: Catalog) -> None:
    odd = Evidence(
        metrics=(Metric("mmlu", "acc", math.nan, SOURCE),), series=(Series("loss", (1.0,), (math.nan,), SOURCE),)
    )
    catalog.store([find("/data/a/b", records=(Record(Path("/data/a/b/x.json"), "x/1", odd),))])
    (version,) = catalog.page(sort="mmlu")
    (record,) = catalog.records(version.key)
    assert math.isnan(version.metrics["mmlu/acc"])
    assert math.isnan(record.evidence.metrics[0].value)
    assert math.isnan(record.evidence.series[0].values[0])


def test_hyperparameters_keep_their_types_in_lists(catalog: Catalog) -> None:
    values: dict[str, Any] = {
        "a": 1,
        "b": 1.0,
        "c": True,
        "d": None,
        "e": "1",
        "f": [1, "x"],
        "g": 2**64,
        "h": "x" * 2000,
    }
    told = Evidence(hyperparameters=tuple(HyperParameter(key, value, SOURCE) for key, value in values.items()))
    catalog.store([find("/data/a/b", records=(Record(Path("/data/a/b/x.json"), "x/1", told),))])
    (version,) = catalog.page()
    shown = version.hyperparameters
    assert {key: (type(value), value) for key, value in shown.items()} == {
        key: (type(value), value) for key, value in values.items() if key != "h"
    }


def test_a_place_whose_name_is_not_utf8_is_found_again(catalog: Catalog) -> None:
    place = Path(os.fsdecode(b"/data/caf\xe9/checkpoint-1"))
    catalog.store([find(str(place))])
    assert only(catalog) in catalog.store([find(str(place), "two")]).updated
    assert catalog.stamps() == {place: "two"}
    assert catalog.page()[0].path == place


def test_scanning_again_updates_an_unhashed_version_in_place(catalog: Catalog) -> None:
    catalog.store([find("/data/sft/checkpoint-1")])
    key, before = only(catalog), catalog.page()[0].id
    catalog.tag([key], ["keep"])
    changes = catalog.store([find("/data/sft/checkpoint-1", "two", step=7)])
    (version,) = catalog.page()
    assert changes.updated == {key} == {version.key}
    assert version.id != before
    assert (version.step, version.tags) == (7, {"keep"})


def test_hashing_gives_the_final_id_and_a_copy_becomes_a_further_place(catalog: Catalog) -> None:
    catalog.store([find("/data/a/one"), find("/data/b/two")])
    older, newer = sorted(catalog.keys())
    catalog.tag([newer], ["ship"])
    catalog.note(newer, "good")
    catalog.star([newer], 4)
    catalog.digests(Path("/data/a/one"), hashes())
    changes = catalog.digests(Path("/data/b/two"), hashes())
    (version,) = catalog.page()
    assert (changes.updated, changes.removed) == ({older}, {newer})
    assert version.hashed
    assert len(version.id) == 64
    assert version.key == older
    assert version.places == (Path("/data/a/one"), Path("/data/b/two"))
    assert (version.name, version.tags, version.note, version.stars) == ("a/one", {"ship"}, "good", 4)
    assert catalog.unhashed() == []


def test_a_hashed_version_that_moved_keeps_its_key_and_tags(catalog: Catalog) -> None:
    catalog.store([find("/data/a/one")])
    key = only(catalog)
    catalog.tag([key], ["ship"])
    catalog.digests(Path("/data/a/one"), hashes())
    catalog.store([find("/data/b/two")])
    assert catalog.missing(Path("/data"), [Path("/data/b/two")]).updated == {key}
    assert catalog.versions([key])[0].state is State.OFFLINE
    catalog.digests(Path("/data/b/two"), hashes())
    (version,) = catalog.page()
    assert (version.key, version.state, version.tags) == (key, State.COMPLETE, {"ship"})
    assert version.places == (Path("/data/b/two"),)
    assert version.name == "b/two"


def test_records_of_a_copy_are_not_counted_twice(catalog: Catalog) -> None:
    def with_record(path: str) -> Found:
        place = Path(path)
        files = (*find(path).artifacts, Artifact("eval.json", 5, 5, Role.RECORD))
        return find(path, artifacts=files, records=(Record(place / "eval.json", "x/1", evidence(mmlu=0.5)),))

    catalog.store([with_record("/data/a/one"), with_record("/data/b/two")])
    for place in ("/data/a/one", "/data/b/two"):
        catalog.digests(Path(place), {**hashes(), "eval.json": Digest("sha256", "c" * 64)})
    assert len(catalog.records(only(catalog))) == 1


def test_new_content_in_the_place_of_a_hashed_version_is_a_new_version(catalog: Catalog) -> None:
    catalog.store([find("/data/a/one")])
    old = only(catalog)
    catalog.digests(Path("/data/a/one"), hashes())
    other = (Artifact("model.safetensors", 100, 6, Role.WEIGHTS),)
    changes = catalog.store([find("/data/a/one", "two", artifacts=other)])
    (new,) = changes.added
    before, after = catalog.versions([old, new])
    assert (before.state, before.path, before.hashed) == (State.OFFLINE, None, True)
    assert (after.state, after.path, after.hashed) == (State.COMPLETE, Path("/data/a/one"), False)


def test_later_evaluations_do_not_make_a_hashed_version_new(catalog: Catalog) -> None:
    catalog.store([find("/data/a/one")])
    catalog.digests(Path("/data/a/one"), hashes())
    files = (*find("/data/a/one").artifacts, Artifact("eval_results.json", 9, 9, Role.RECORD))
    changes = catalog.store([find("/data/a/one", "two", artifacts=files)])
    (version,) = catalog.page()
    assert (changes.added, changes.updated) == (frozenset(), {version.key})
    assert version.hashed
    assert [one.digest is not None for one in version.artifacts] == [True, True, True, False]


def test_a_place_that_is_missing_is_offline_until_it_is_seen_again(catalog: Catalog) -> None:
    catalog.store([find("/data/a/one"), find("/data/ab/two"), find("/other/c")])
    changes = catalog.missing(Path("/data/a"), [])
    assert [version.name for version in catalog.versions(sorted(changes.updated))] == ["a/one"]
    assert catalog.count("state:offline") == 1
    assert Path("/data/a/one") not in catalog.stamps()
    assert catalog.places() == {
        path: catalog.resolve(str(path)).key for path in (Path("/data/ab/two"), Path("/other/c"))
    }
    catalog.store([], {Path("/data/a/one"): "one", Path("/data/notes"): "n"})
    assert catalog.count("state:offline") == 0
    assert catalog.stamps()[Path("/data/notes")] == "n"


def test_a_version_known_from_records_only_is_kept_once_and_hands_its_records_over(catalog: Catalog) -> None:
    told = replace(evidence(mmlu=0.7), about=ModelRef("org/elsewhere", SOURCE))
    record = Record(Path("/evals/results.json"), "lm_eval/1", told)
    nowhere = find(None, kind=Kind.RECORD, state=State.NO_WEIGHTS, artifacts=(), records=(record,))
    catalog.store([nowhere])
    assert catalog.store([nowhere]).added == frozenset()
    (about,) = catalog.records_about()
    assert (about.name, about.models, about.records) == ("org/elsewhere", (told.about,), (record,))
    catalog.store([find("/data/org/elsewhere")])
    (key,) = catalog.keys("state:complete")
    changes = catalog.attach(key, about.records)
    assert (changes.updated, changes.removed) == ({key}, {about.key})
    assert catalog.versions([key])[0].metrics == {"mmlu/acc": 0.7}
    catalog.store([find("/data/org/elsewhere", "two")])
    assert catalog.records(key) == (record,)


def test_attaching_to_a_version_that_is_gone_says_so(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match="version 99: no longer in the catalog"):
        catalog.attach(99, [])


def test_the_newest_record_decides_what_lists_show(catalog: Catalog) -> None:
    place = Path("/data/a/one")
    files = (Artifact("old.json", 1, 10**9, Role.RECORD), Artifact("new.json", 1, 9 * 10**9, Role.RECORD))
    records = (
        Record(place / "new.json", "x/1", evidence(100, mmlu=0.6)),
        Record(place / "old.json", "x/1", evidence(900, mmlu=0.9, gsm8k=0.1)),
    )
    catalog.store([find(str(place), artifacts=files, records=records)])
    assert catalog.page()[0].metrics == {"mmlu/acc": 0.6, "gsm8k/acc": 0.1}
    assert len(catalog.records(only(catalog))) == 2


def test_of_settings_the_record_to_be_believed_decides_not_the_newest(catalog: Catalog) -> None:
    place = Path("/data/a/one")
    files = tuple(
        Artifact(name, 1, moment, Role.RECORD) for name, moment in (("training_args.bin", 10**9), ("state", 9 * 10**9))
    )

    def given(epochs: Plain) -> Evidence:
        return Evidence(hyperparameters=(HyperParameter("train.num_train_epochs", epochs, SOURCE),))

    records = [
        Record(place / "state", "trainer_state/1", given(4)),
        Record(place / "training_args.bin", "training_args/1", given(3.0)),
    ]
    catalog.store([find(str(place), artifacts=files, records=tuple(records))])
    assert catalog.page()[0].hyperparameters == {"train.num_train_epochs": 3.0}
    records[1] = replace(records[1], evidence=given("too long for lists" * 100))
    catalog.store([find(str(place), "two", artifacts=files, records=tuple(records))])
    assert catalog.page()[0].hyperparameters == {}


def test_a_base_is_recognised_by_its_place_whenever_it_arrives(catalog: Catalog) -> None:
    adapter = find("/data/lora/one", base=Lineage(Relation.ADAPTER, "/data/org/base", None, SOURCE))
    catalog.store([adapter])
    assert catalog.page()[0].base == adapter.base
    catalog.store([find("/data/org/base")])
    catalog.digests(Path("/data/org/base"), hashes())
    base, lora = catalog.resolve("org/base"), catalog.resolve("lora/one")
    assert lora.base is not None
    assert lora.base.parent == base.id
    assert base.hashed


def test_a_base_is_recognised_by_a_name_only_if_no_other_has_it(catalog: Catalog) -> None:
    def child(name: str, base: str) -> Found:
        return find(f"/data/lora/{name}", base=Lineage(Relation.ADAPTER, base, None, SOURCE))

    catalog.store([child("one", "org/base"), child("two", "run"), child("three", "nothing like it")])
    catalog.store([find("/data/org/base"), find("/data/run/checkpoint-1"), find("/data/run/checkpoint-2")])
    catalog.store([child("four", "org/base")])
    parents = {row.name: row.base.parent for row in catalog.page("lora") if row.base}
    base = catalog.resolve("org/base").id
    assert parents == {"lora/one": base, "lora/two": None, "lora/three": None, "lora/four": base}


def test_a_base_can_be_told_where_its_name_says_too_little(catalog: Catalog) -> None:
    catalog.store([find("/data/lora/one", base=Lineage(Relation.ADAPTER, "../base", None, SOURCE)), find("/data/base")])
    (child,) = catalog.untied()
    assert (child.path, child.base) == (Path("/data/lora/one"), "../base")
    base = catalog.resolve("/data/base")
    assert catalog.tie({child.key: base.key, base.key: base.key}).updated >= {child.key}
    (lora,) = catalog.versions([child.key])
    assert lora.base is not None
    assert lora.base.parent == base.id
    assert catalog.resolve("/data/base").base is None
    assert catalog.untied() == ()


def test_pages_follow_one_another_and_lack_nothing(catalog: Catalog) -> None:
    finds = []
    for number in range(30):
        told = evidence(mmlu=number % 7) if number % 3 else Evidence()
        place = Path(f"/data/run/checkpoint-{number}")
        finds.append(find(str(place), step=number, records=(Record(place / "x.json", "x/1", told),)))
    catalog.store(finds)
    for sort in ("mmlu", "step", "name", "created", "lr", "nothing of this name"):
        for descending in (True, False):
            whole = catalog.keys("", sort, descending)
            parts = [key for start in range(0, 40, 8) for key in catalog.keys("", sort, descending, 8, start)]
            assert sorted(whole) == sorted(catalog.keys())
            assert parts == whole


def test_versions_without_a_value_come_last_both_ways_and_equal_ones_by_name(catalog: Catalog) -> None:
    scores = {"a": 0.5, "b": None, "c": 0.9, "d": 0.5}
    finds = []
    for name, score in scores.items():
        told = Evidence() if score is None else evidence(mmlu=score)
        finds.append(find(f"/data/run/{name}", records=(Record(Path(f"/data/run/{name}/x"), "x/1", told),)))
    catalog.store(finds)
    rising, falling = ([row.name[-1] for row in catalog.page(sort="mmlu", descending=way)] for way in (False, True))
    assert rising == ["a", "d", "c", "b"]
    assert falling == ["c", "a", "d", "b"]


def test_names_sort_by_their_numbers(catalog: Catalog) -> None:
    catalog.store([find(f"/data/run/checkpoint-{step}") for step in (1000, 200, 30)])
    names = [row.name for row in catalog.page(sort="name", descending=False)]
    assert names == ["run/checkpoint-30", "run/checkpoint-200", "run/checkpoint-1000"]


def test_columns_count_what_versions_have(catalog: Catalog) -> None:
    one = find("/data/a/one", family="llama", records=(Record(Path("/data/a/one/x"), "x/1", evidence(mmlu=1)),))
    catalog.store([one, find("/data/a/two", family="llama")])
    catalog.tag([min(catalog.keys())], ["ship"])
    for _ in range(2):
        columns = catalog.columns()
        assert columns.metrics == (("mmlu/acc", 1),)
        assert columns.hyperparameters == (("train.learning_rate", 1),)
        assert (columns.tags, columns.models, columns.families) == ((("ship", 1),), (("a", 2),), (("llama", 2),))
        catalog.store([replace(one, stamp="two")])
    catalog.store([replace(one, stamp="three", records=())])
    assert catalog.columns().metrics == ()


def test_resolving_a_reference(catalog: Catalog) -> None:
    catalog.store([find("/data/sft/checkpoint-20"), find("/data/sft/checkpoint-200"), find("/data/dpo/final")])
    catalog.digests(Path("/data/dpo/final"), hashes())
    final = catalog.resolve("dpo/final")
    assert catalog.resolve(final.id[:6]) == final
    assert catalog.resolve("FINAL") == final
    assert catalog.resolve("/data/dpo/final") == final
    assert catalog.resolve("sft/checkpoint-20").name == "sft/checkpoint-20"
    assert catalog.resolve("data/sft/checkpoint-20/").name == "sft/checkpoint-20"
    with pytest.raises(NotFound, match=r"checkpoint-2: fits 2 versions: sft/checkpoint-20 .* and sft/checkpoint-200"):
        catalog.resolve("checkpoint-2")
    for nothing in ("", "no such", "~~~", "\0", "x\ud800"):
        with pytest.raises(NotFound, match="no such version"):
            catalog.resolve(nothing)


def test_library_folders_are_counted_and_removed_with_what_lies_in_them(catalog: Catalog) -> None:
    assert catalog.add_root(Path("/data")).settings
    assert not catalog.add_root(Path("/data")).settings
    catalog.store([find("/data/a/one"), find("/data2/b")])
    (root,) = catalog.roots()
    assert (root.path, root.versions) == (Path("/data"), 1)
    assert root.scanned is not None
    assert len(catalog.remove_root(Path("/data")).removed) == 1
    assert catalog.roots() == ()
    assert [row.name for row in catalog.page()] == ["data2/b"]
    assert catalog.undo_label() == "Remove folder /data"
    catalog.undo()
    assert [root.path for root in catalog.roots()] == [Path("/data")]
    assert catalog.count() == 2


def test_only_whole_versions_with_weights_wait_for_hashing(catalog: Catalog) -> None:
    catalog.store(
        [
            find("/data/a/whole"),
            find("/data/a/growing", state=State.PARTIAL),
            find("/data/a/bare", artifacts=(Artifact("config.json", 1, 1, Role.CONFIG),)),
        ]
    )
    (place,) = catalog.unhashed()
    assert place.path == Path("/data/a/whole")
    assert len(place.artifacts) == 3
    assert catalog.unhashed([place.key]) == [place]
    assert catalog.unhashed([]) == []


def test_digests_of_an_unknown_place(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match="/nowhere: not in the catalog"):
        catalog.digests(Path("/nowhere"), {})


def test_each_thread_reads_while_another_writes(catalog: Catalog) -> None:
    catalog.store([find(f"/data/a/{number}") for number in range(50)])
    problems: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(30):
                assert len(catalog.page()) >= 50
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(50, 80):
        catalog.store([find(f"/data/a/{number}")])
    for thread in threads:
        thread.join()
    assert problems == []


def test_showing_the_first_page_needs_no_sqlalchemy(tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    Catalog(file).close()
    code = (
        "import sys, pathlib; from diptych.catalog import Catalog; "
        f"c = Catalog(pathlib.Path({str(file)!r})); c.page(); c.tag([1], ['x']); c.close(); "
        "print([name for name in sys.modules if name.partition('.')[0] in ('sqlalchemy', 'sqlmodel', 'pydantic')])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == "[]"
