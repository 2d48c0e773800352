"""The command line as a user and as a script meet it, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from commands import answer, diptych, environment
from making import make_adapter, make_lm_eval, make_model, make_run

Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]
STABLE = {
    "id", "name", "model", "step", "format", "dtype", "parameters", "bytes", "path", "base", "tags", "metrics",
    "hyperparameters",
}  # fmt: skip


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    make_run(folder / "runs" / "sft", (100, 200))
    make_adapter(folder / "adapters" / "haiku", "runs/sft/checkpoint-200")
    make_lm_eval(folder / "eval", "runs/sft/checkpoint-100", {"arith": 0.33})
    make_lm_eval(folder / "eval", "runs/sft/checkpoint-200", {"arith": 0.66})
    assert diptych("scan", folder, "--quiet").returncode == 0
    return folder


def test_a_scan_says_what_it_found(tmp_path: Path) -> None:
    make_run(tmp_path / "sft", (100,))
    done = diptych("scan", tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("9 files · 1 version · 1 new")
    assert done.stderr == ""
    assert answer("scan", tmp_path) == answer("scan") | {"seconds": pytest.approx(0, abs=60)}  # type: ignore[operator]


def test_a_scan_that_finds_nothing_says_why(tmp_path: Path) -> None:
    assert "diptych scan FOLDER" in diptych("scan").stderr
    (tmp_path / "empty").mkdir()
    done = diptych("scan", tmp_path / "empty")
    assert (done.returncode, done.stdout.partition(" · ")[0]) == (0, "0 files")
    assert "empty is a model" in done.stderr
    assert answer("scan", tmp_path / "empty")["versions"] == 0  # type: ignore[index]


def test_list_and_show_give_the_stable_json(library: Path) -> None:
    listed = answer("list", "--sort", "name")
    assert isinstance(listed, list)
    assert [entry["name"] for entry in listed] == ["haiku", "sft/checkpoint-100", "sft/checkpoint-200"]
    assert all(entry.keys() >= STABLE for entry in listed)
    last = listed[2]
    assert (last["model"], last["step"], last["format"], last["dtype"]) == ("sft", 200, "safetensors", "F32")
    assert last["metrics"]["arith/acc"] == 0.66
    assert last["hyperparameters"]["arch.num_hidden_layers"] == 2
    assert listed[0]["base"] == {
        "relation": "adapter of",
        "name": "runs/sft/checkpoint-200",
        "revision": None,
        "id": last["id"],
    }
    shown = answer("show", "sft/checkpoint-200")
    assert isinstance(shown, dict)
    assert {name: shown[name] for name in STABLE} == {name: last[name] for name in STABLE}
    assert {file["path"] for file in shown["files"]} >= {"model.safetensors", "config.json"}


def test_list_finds_sorts_and_limits(library: Path) -> None:
    def names(*arguments: str) -> list[str]:
        listed = answer("list", *arguments)
        assert isinstance(listed, list)
        return [entry["name"] for entry in listed]

    assert names("step>100") == ["sft/checkpoint-200"]
    assert names("model:sft", "--sort", "arith/acc") == ["sft/checkpoint-200", "sft/checkpoint-100"]
    assert names("model:sft", "--sort", "arith/acc", "--reverse") == ["sft/checkpoint-100", "sft/checkpoint-200"]
    assert names("--sort", "name", "--limit", "1") == ["haiku"]
    assert names("nothing-is-called-so") == []


def test_people_get_columns_that_line_up(library: Path) -> None:
    done = diptych("list", "model:sft", "--sort", "arith/acc")
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["ID", "NAME", "STEP", "STATE", "PARAMETERS", "DTYPE", "SIZE", "WRITTEN", "ARITH/ACC"]
    assert [row.index("sft/") for row in rows] == [head.index("NAME")] * 2
    assert [row.split()[-1] for row in rows] == ["0.66", "0.33"]
    assert "\x1b" not in done.stdout


def test_compare_gives_the_stable_json(library: Path) -> None:
    compared = answer("compare", "sft/checkpoint-100", "sft/checkpoint-200")
    assert isinstance(compared, dict)
    assert [compared[side]["name"] for side in ("left", "right")] == ["sft/checkpoint-100", "sft/checkpoint-200"]
    facets = compared["facets"]
    assert list(facets) == [
        "summary", "hyperparameters", "metrics", "curves", "outputs", "weights", "tokenizer", "config", "files",
    ]  # fmt: skip
    for facet in facets.values():
        assert facet["total"] == len(facet["rows"])
        assert {row["status"] for row in facet["rows"]} <= {
            "same", "differs", "left only", "right only", "not comparable",
        }  # fmt: skip
        assert all(row.keys() >= {"key", "left", "right"} for row in facet["rows"])
    moved = next(row for row in facets["weights"]["rows"] if row["key"] == "model.embed_tokens.weight")
    assert moved["status"] == "differs"
    assert all(moved[key] > 0 for key in ("relative_change", "max_abs", "changed_fraction"))
    assert -1 <= moved["cosine"] <= 1
    assert facets["config"]["differs"] == 0


def test_compare_takes_folders_that_were_never_scanned(tmp_path: Path) -> None:
    left = make_model(tmp_path / "left")
    right = make_model(tmp_path / "right", config={"rope_theta": 5e5})
    done = diptych("compare", left, right, "--facet", "config", "--facet", "weights", "--json")
    facets = json.loads(done.stdout)["facets"]
    assert list(facets) == ["weights", "config"]
    assert (facets["weights"]["differs"], facets["config"]["differs"]) == (0, 1)
    assert answer("list") == []


@pytest.mark.parametrize(("facet", "code"), [("weights", 0), ("config", 1)])
def test_compare_answers_like_diff_when_asked(tmp_path: Path, facet: str, code: int) -> None:
    left = make_model(tmp_path / "left")
    right = make_model(tmp_path / "right", config={"rope_theta": 5e5})
    assert diptych("compare", left, right, "--facet", facet, "--exit-code").returncode == code
    assert diptych("compare", left, right, "--facet", facet).returncode == 0


def test_compare_decomposes_the_change_of_one_tensor(library: Path) -> None:
    name = "model.layers.0.self_attn.q_proj.weight"
    sides = ("sft/checkpoint-100", "sft/checkpoint-200")
    told = answer("compare", *sides, "--facet", "weights", "--spectrum", name)
    assert isinstance(told, dict)
    assert (told["tensor"], told["shape"], len(told["singular_values"])) == (name, [8, 8], 8)
    assert told["singular_values"] == sorted(told["singular_values"], reverse=True)
    assert told["energy_at_rank"][-1] == pytest.approx(1, abs=1e-4)
    assert 1 <= told["rank_at"]["0.5"] <= told["rank_at"]["0.99"] <= 8
    done = diptych("compare", *sides, "--spectrum", "model.norm.weight")
    assert done.returncode == 6
    assert "two dimensions" in done.stderr
    assert diptych("compare", *sides, "--spectrum", "no such").returncode == 3


def test_compare_writes_a_report(library: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    done = diptych("compare", "sft/checkpoint-100", "sft/checkpoint-200", "--html", file)
    assert done.stdout.strip() == str(file)
    assert "checkpoint-100" in file.read_text("utf-8")
    done = diptych("compare", "sft/checkpoint-100", "sft/checkpoint-200", "--html", tmp_path / "no" / "such.html")
    assert (done.returncode, done.stdout) == (6, "")


def test_tags_and_notes_are_kept(library: Path) -> None:
    assert diptych("tag", "sft/checkpoint-100", "haiku", "--add", "ship", "--add", "best").returncode == 0
    assert diptych("tag", "sft/checkpoint-100").stdout == "sft/checkpoint-100: best, ship\n"
    assert diptych("tag", "haiku", "--remove", "best").stdout == "haiku: ship\n"
    assert answer("tag", "sft/checkpoint-100") == [
        {"id": pytest.approx, "name": "sft/checkpoint-100", "tags": ["best", "ship"]}
        | {"id": answer("show", "sft/checkpoint-100")["id"]}  # type: ignore[index]
    ]
    diptych("note", "haiku", "two\nlines")
    assert diptych("note", "haiku").stdout == "two\nlines\n"
    assert "note away" in diptych("note", "haiku", "").stderr
    assert diptych("note", "haiku").stderr == "no note\n"
    assert diptych("list", "tag:best").stdout.count("\n") == 2


def test_removed_versions_come_back_with_the_next_scan(library: Path) -> None:
    known = answer("show", "haiku")
    assert answer("remove", "haiku") == [{key: known[key] for key in ("id", "name")}]
    assert diptych("show", "haiku").returncode == 3
    assert (library / "adapters" / "haiku" / "adapter_config.json").exists()
    diptych("scan")
    assert diptych("show", "haiku").returncode == 0


def test_nothing_is_written_when_one_name_is_wrong(library: Path) -> None:
    done = diptych("tag", "haiku", "nowhere", "--add", "x")
    assert done.returncode == 3
    assert diptych("list", "tag:x").stdout == ""


def test_hashing_gives_final_ids_and_finds_copies(library: Path) -> None:
    make_adapter(library / "copy-of-haiku", "runs/sft/checkpoint-200")
    diptych("scan")
    report = answer("hash")
    assert isinstance(report, dict)
    assert (report["duplicates"], report["problems"]) == (1, [])
    listed = answer("list")
    assert isinstance(listed, list)
    assert all(len(entry["id"]) == 64 for entry in listed)
    assert diptych("hash").stdout == "nothing to hash\n"
    assert diptych("show", listed[0]["id"][:8]).returncode == 0


def test_the_doctor_looks_around(library: Path) -> None:
    checks = answer("doctor")
    assert isinstance(checks, list)
    assert {check["name"] for check in checks} >= {"SQLite", "catalog", "library folders", "window"}
    library.rename(library.with_name("away"))
    done = diptych("doctor")
    assert done.returncode == 1
    assert "NO  library folders" in done.stdout


def test_options_stand_before_the_verb_or_after_it(library: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    make_model(tmp_path / "tiny")
    diptych("--catalog", other, "scan", tmp_path / "tiny")
    for arguments in (("--catalog", other, "--json", "list"), ("list", "--json", "--catalog", other)):
        assert [entry["name"] for entry in json.loads(diptych(*arguments).stdout)] == ["tiny"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "nowhere"], 3, "diptych: nowhere: no such version"),
        (["show", "checkpoint"], 3, "diptych: checkpoint: fits 2 versions"),
        (["compare", "haiku", "/no/such/folder"], 3, "/no/such/folder"),
        (["compare", "haiku", "./missing"], 3, "missing: no such file or folder"),
        (["show", "/no/such/folder"], 3, "diptych: /no/such/folder: no such file or folder"),
        (["list", "--limit", "-1"], 2, "-1 is no number of versions"),
        (["scan", ""], 2, "an empty path"),
        (["scan", "/no/such/folder"], 3, "diptych: /no/such/folder: no such folder"),
        (["show", "x" * 5000], 3, "no such version"),
        (["show", "~nobody-of-that-name/model"], 3, "no such version"),
        (["scan", "~nobody-of-that-name/model"], 3, "no such folder"),
        (["list", "step>many"], 2, "diptych list: "),
        (["list", "--limit", "many"], 2, "many is no number of versions"),
        (["frobnicate"], 2, "invalid choice"),
        (["compare", "haiku", "haiku", "--facet", "colour"], 2, "invalid choice"),
        ([], 6, "diptych: there is no display to open a window on"),
        (["sample"], 6, "diptych: there is no display to open a window on"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_mistakes_are_told_in_words(library: Path, arguments: list[str], code: int, said: str) -> None:
    done = diptych(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("content", "code"), [(b"not a database, and longer than a page\n" * 200, 4), (b"", 0)], ids=["damaged", "empty"]
)
def test_a_catalog_that_is_none(tmp_path: Path, content: bytes, code: int) -> None:
    file = tmp_path / "catalog.db"
    file.write_bytes(content)
    done = diptych("--catalog", file, "list")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    if code:
        assert file.read_bytes() == content


def test_a_bug_is_told_as_one(tmp_path: Path) -> None:
    program = (
        "import sys; from diptych import cli; from diptych.workbench import Workbench\n"
        "Workbench.count = Workbench.keys = lambda *rest: 1 / 0\n"
        "sys.exit(cli.main(['list'], None))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 70
    assert "This is a bug in Diptych" in done.stderr
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize("ending", ["list >&-", "list --json >&-", "list --json >/dev/full", "list >/dev/full"])
def test_an_answer_that_cannot_be_written_is_one_line(library: Path, ending: str) -> None:
    command = f"{sys.executable} -m diptych {ending}"
    done = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert done.stderr.startswith("diptych: the answer cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_terms_may_exclude(library: Path) -> None:
    diptych("tag", "haiku", "--add", "old")
    for term, gone, kept in (("-checkpoint-100", "sft/checkpoint-100", "haiku"), ("-tag:old", "haiku", "sft/")):
        listed = answer("list", term)
        assert isinstance(listed, list)
        names = [entry["name"] for entry in listed]
        assert gone not in names
        assert any(name.startswith(kept) for name in names)


def test_the_summary_alone_tells_how_two_are_related_and_what_differs(library: Path) -> None:
    told = diptych("compare", "sft/checkpoint-100", "sft/checkpoint-200", "--facet", "summary").stdout.splitlines()
    assert told[told.index("Summary") + 1] == "  B is 100 steps after A in sft"
    assert any("layers moved" in line for line in told)
    compared = answer("compare", "sft/checkpoint-100", "sft/checkpoint-200", "--facet", "summary")
    assert isinstance(compared, dict)
    facets = compared["facets"]
    assert list(facets) == ["summary"]
    assert len(facets["summary"]["rows"]) == 8


def test_a_version_that_was_never_hashed_equals_itself(library: Path) -> None:
    assert diptych("compare", "haiku", "haiku", "--exit-code").returncode == 0


@pytest.mark.parametrize("settings", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}, {}])
def test_any_locale_will_do(tmp_path: Path, settings: dict[str, str]) -> None:
    make_model(tmp_path / "modèle-模型")
    diptych("scan", tmp_path)
    done = diptych("list", **settings)
    assert done.returncode == 0
    assert "mod" in done.stdout


def test_listing_loads_nothing_that_is_slow(library: Path) -> None:
    program = (
        "import sys; from diptych import cli; code = cli.main(['list'], None)\n"
        "slow = {'numpy', 'numba', 'matplotlib', 'PySide6', 'sqlalchemy', 'sqlmodel', 'keyring', 'ijson'}\n"
        "print(sorted(slow & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


def test_without_qt_the_command_line_works_and_the_window_says_why(library: Path) -> None:
    program = (
        "import sys\n"
        "for name in ('PySide6', 'shiboken6', 'matplotlib', 'qtawesome'): sys.modules[name] = None\n"
        "from diptych.__main__ import main; sys.argv = ['diptych', *sys.argv[1:]]; sys.exit(main())"
    )
    for arguments, code, said in ((["list"], 0, ""), ([], 6, "the window needs PySide6, which is not installed")):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == code
        assert said in done.stderr


def test_help_names_every_verb() -> None:
    done = diptych("--help")
    assert done.returncode == 0
    for verb in ("scan", "list", "show", "compare", "tag", "note", "remove", "hash", "doctor", "sample"):
        assert f"\n    {verb} " in done.stdout
        assert diptych(verb, "--help").returncode == 0
