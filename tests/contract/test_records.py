"""What every reader of records must do: know its own, leave the rest, and survive what is hostile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hostile_records import (
    ACCEPTED,
    FLAGGED,
    PARTIAL,
    REJECTED,
    Case,
    arguments,
    json_cases,
    lm_eval_cases,
    pickle_cases,
    torch_zip,
    trainer_state_cases,
)

import diptych
from diptych.domain import trust
from diptych.errors import DiptychError, NotFound, Refused
from diptych.records import RECORDS, Record, reader_for, within

GOOD: dict[str, tuple[str, bytes]] = {
    "config": ("config.json", b'{"model_type": "llama", "hidden_size": 128}'),
    "generation_config": ("generation_config.json", b'{"temperature": 0.7}'),
    "adapter_config": ("adapter_config.json", b'{"peft_type": "LORA", "r": 8, "base_model_name_or_path": "org/base"}'),
    "training_args": ("training_args.bin", torch_zip(arguments({"learning_rate": 0.001, "seed": 1}))),
    "training_args_text": ("training_args.json", b'{"learning_rate": 3e-4, "seed": 1}'),
    "trainer_state": ("trainer_state.json", b'{"global_step": 1, "log_history": [{"step": 1, "loss": 2.0}]}'),
    "lm_eval": (
        "results_2026-01-02T03-04-05.678901.json",
        b'{"results": {"arc": {"acc,none": 0.5}}, "config": {"model_args": "pretrained=org/base"}}',
    ),
    "trainer_results": ("all_results.json", b'{"eval_loss": 0.5, "eval_samples": 10}'),
    "card": ("README.md", b"---\nlicense: mit\nbase_model: org/base\n---\n# A model\n"),
    "eval_results": (
        ".eval_results/gsm8k.yaml",
        b"- dataset:\n    id: openai/gsm8k\n    task_id: gsm8k\n  value: 20.9\n",
    ),
    "download": (
        ".cache/huggingface/download/config.json.metadata",
        b"0123456789abcdef0123456789abcdef01234567\nabc\n1700000000.5\n",
    ),
}
JSON = (
    "config", "generation_config", "adapter_config", "training_args_text", "trainer_state", "lm_eval",
    "trainer_results",
)  # fmt: skip


def named(record: Record) -> str:
    return record.key.partition("/")[0]


def reader(name: str) -> Record:
    return next(record for record in RECORDS if named(record) == name)


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def judged(record: Record, path: Path) -> tuple[str, str]:
    """The verdict on a file, and its one line for people."""
    try:
        evidence = record.read(path)
    except DiptychError as error:
        line = error.message
    else:
        if not evidence.problems:
            return (PARTIAL if evidence.partial else ACCEPTED), ""
        (problem,) = evidence.problems
        return FLAGGED, str(problem)
    return REJECTED, line


def check(record: Record, case: Case, path: Path) -> None:
    verdict, line = judged(record, path)
    assert verdict == case.verdict, line
    if verdict in (REJECTED, FLAGGED):
        place, _, reason = line.partition(": ")
        assert place == str(path)
        assert case.says in reason
        assert reason.isprintable()
        assert len(reason) < 200


def test_readers_stand_in_the_order_in_which_they_are_believed() -> None:
    of_weight_files = {reader.partition("/")[0] for reader in (within.GGUF, within.CHECKPOINT)}
    assert of_weight_files < set(trust.ORDER)
    assert tuple(named(record) for record in RECORDS) == tuple(one for one in trust.ORDER if one not in of_weight_files)


def test_every_reader_has_a_good_sample() -> None:
    assert [named(record) for record in RECORDS if named(record) not in GOOD] == []
    assert len({record.key for record in RECORDS}) == len(RECORDS)


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_a_reader_knows_its_own(record: Record, tmp_path: Path) -> None:
    name, content = GOOD[named(record)]
    assert reader_for(name, content[:4096]) is record
    evidence = record.read(put(tmp_path, name, content))
    assert evidence.problems == ()
    assert not evidence.partial
    assert evidence.hyperparameters or evidence.metrics or evidence.series or evidence.facts


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_a_reader_leaves_what_belongs_to_others(record: Record) -> None:
    for other, (name, content) in GOOD.items():
        if other != named(record):
            assert not record.sniff(name, content[:4096]), other
    for name in ("model.safetensors", "pytorch_model.bin", "notes.txt", "data.json", "run.yaml", "x.metadata", "a.md"):
        assert not record.sniff(name, b"\x00" * 64)
        assert not record.sniff(name, b"")


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_every_value_has_a_source(record: Record, tmp_path: Path) -> None:
    name, content = GOOD[named(record)]
    path = put(tmp_path, name, content)
    evidence = record.read(path)
    for value in (
        *evidence.hyperparameters,
        *evidence.metrics,
        *evidence.series,
        *evidence.lineage,
        *evidence.datasets,
    ):
        assert value.source.file == str(path)
        assert value.source.reader == record.key
        assert value.source.pointer


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_no_reader_follows_links_or_waits_for_pipes(record: Record, tmp_path: Path) -> None:
    name, content = GOOD[named(record)]
    path = put(tmp_path, name, content)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="link"):
        record.read(path)
    path.unlink()
    with pytest.raises(NotFound):
        record.read(path)
    os.mkfifo(path)
    with pytest.raises(Refused, match="regular file"):
        record.read(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(Refused, match="link"):
        record.read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(Refused, match="regular file"):
        record.read(path)


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_a_link_of_the_hub_cache_is_followed_to_its_blob_only(record: Record, tmp_path: Path) -> None:
    name, content = GOOD[named(record)]
    repository = tmp_path / "models--org--name"
    blob = put(repository / "blobs", "0" * 40, content)
    path = repository / "snapshots" / ("a" * 40) / name
    path.parent.mkdir(parents=True)
    path.symlink_to(os.path.relpath(blob, path.parent))
    assert record.read(path).problems == ()
    outside = put(tmp_path, "outside", content)
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(Refused, match="link"):
        record.read(path)


@pytest.mark.parametrize("name", JSON)
@pytest.mark.parametrize("case", json_cases(), ids=lambda case: case.name)
def test_hostile_json(name: str, case: Case, tmp_path: Path) -> None:
    check(reader(name), case, put(tmp_path, GOOD[name][0], case.content()))


@pytest.mark.parametrize("name", JSON)
def test_a_cut_document_is_told_from_a_broken_one(name: str, tmp_path: Path) -> None:
    good = GOOD[name][1]
    for length in range(2, len(good) - 1):
        verdict, line = judged(reader(name), put(tmp_path, GOOD[name][0], good[:length]))
        if name == "trainer_state":
            assert verdict in (PARTIAL, FLAGGED), good[:length]
        else:
            assert verdict == REJECTED
            assert "ends in the middle" in line, good[:length]


@pytest.mark.parametrize("name", JSON)
def test_values_beyond_json_are_values(name: str, tmp_path: Path) -> None:
    file, content = GOOD[name]
    odd = content[:-1] + b', "a": NaN, "b": -Infinity, "c": 1e400, "d": null}'
    assert judged(reader(name), put(tmp_path, file, odd)) == (ACCEPTED, "")


@pytest.mark.parametrize("case", trainer_state_cases(), ids=lambda case: case.name)
def test_hostile_trainer_state(case: Case, tmp_path: Path) -> None:
    check(reader("trainer_state"), case, put(tmp_path, "trainer_state.json", case.content()))


@pytest.mark.parametrize("case", lm_eval_cases(), ids=lambda case: case.name)
def test_hostile_lm_eval(case: Case, tmp_path: Path) -> None:
    check(reader("lm_eval"), case, put(tmp_path, "results_2026-01-02T03-04-05.json", case.content()))


@pytest.mark.parametrize("case", pickle_cases(), ids=lambda case: case.name)
def test_hostile_pickle(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "system", lambda command: pytest.fail(f"ran {command}"))
    path = put(tmp_path, "training_args.bin", case.content())
    check(reader("training_args"), case, path)
    assert list(tmp_path.iterdir()) == [path]


HOSTILE_YAML = {
    "tag": "a: !!python/object/apply:os.system [touch CANARY]",
    "aliases": "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 20)),
    "nested": "a: " + "[" * 5000 + "]" * 5000,
    "twice": "a: 1\na: 2",
    "anchor twice": "a: &x 1\nb: &x 2",
    "broken": "a: [1, 2",
    "date": "a: 2026-13-45",
    "control": "a: \x07",
    "itself": "a: &a [*a]",
}


@pytest.mark.parametrize("yaml", HOSTILE_YAML.values(), ids=HOSTILE_YAML)
def test_hostile_yaml(yaml: str, tmp_path: Path) -> None:
    card = put(tmp_path, "README.md", f"---\n{yaml}\n---\n# Title\n".encode())
    verdict, line = judged(reader("card"), card)
    assert verdict == FLAGGED
    assert "\n" not in line
    results = put(tmp_path, ".eval_results/x.yaml", yaml.encode())
    verdict, line = judged(reader("eval_results"), results)
    assert verdict == REJECTED
    assert "\n" not in line


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_every_prefix_and_flipped_byte_is_survived(record: Record, tmp_path: Path) -> None:
    name, content = GOOD[named(record)]
    for place in range(0, len(content), 7):
        judged(record, put(tmp_path, name, content[:place]))
        flipped = bytearray(content)
        flipped[place] ^= 0x41
        judged(record, put(tmp_path, name, bytes(flipped)))


GUARD = textwrap.dedent(
    """
    import os, sys
    from pathlib import Path
    from diptych.errors import DiptychError
    from diptych.records import RECORDS

    reader = next(record for record in RECORDS if record.key.startswith("training_args/"))
    folder = Path(sys.argv[1])
    reader.read(folder / "warm" / "zip" / "training_args.bin")
    reader.read(folder / "warm" / "bare" / "training_args.bin")

    FORBIDDEN = ("exec", "compile", "import", "marshal.", "pickle.", "socket.", "os.system", "os.exec", "os.spawn",
                 "os.posix_spawn", "os.fork", "subprocess.", "ctypes.", "code.__new__", "shutil.", "os.remove")
    armed = True

    def guard(event, args):
        if not armed:
            return
        writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if event.startswith(FORBIDDEN) or writes:
            os.write(2, f"{event} {args}"[:300].encode())
            os._exit(86)

    sys.addaudithook(guard)
    read = 0
    for path in sorted(folder.glob("hostile/*/training_args.bin")):
        try:
            reader.read(path)
        except DiptychError:
            pass
        read += 1
    if sys.argv[2:]:
        os.system("true")
    armed = False
    print(read)
    """
)


def guarded(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(diptych.__file__).parents[1]), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", GUARD, str(folder), *more]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=folder, timeout=100, check=False
    )


def test_nothing_is_executed_imported_or_connected(tmp_path: Path) -> None:
    cases = pickle_cases()
    good = arguments({"a": 1})
    put(tmp_path, "warm/zip/training_args.bin", torch_zip(good))
    put(tmp_path, "warm/bare/training_args.bin", good)
    for number, case in enumerate(cases):
        put(tmp_path, f"hostile/{number}/training_args.bin", case.content())
    before = sorted(tmp_path.rglob("*"))
    outcome = guarded(tmp_path)
    assert (outcome.returncode, outcome.stdout.strip(), outcome.stderr) == (0, str(len(cases)), "")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_guard_would_notice(tmp_path: Path) -> None:
    good = arguments({"a": 1})
    put(tmp_path, "warm/zip/training_args.bin", torch_zip(good))
    put(tmp_path, "warm/bare/training_args.bin", good)
    outcome = guarded(tmp_path, "run something")
    assert outcome.returncode == 86
    assert "os.system" in outcome.stderr


def test_secrets_never_become_evidence(tmp_path: Path) -> None:
    token = "hf_" + "A1b2C3d4" * 4
    secrets = {
        "hub_token": "plain secret",
        "nested": {"api_key": "plain secret", "note": token},
        "list": [token, "kept"],
    }
    found = []
    for name in JSON:
        file, content = GOOD[name]
        extended = json.loads(content) | secrets
        if name == "lm_eval":
            extended["config"] = {
                "model_args": f"pretrained=a/b,token=plain secret,note={token}",
                "gen_kwargs": secrets,
            }
        found.append(reader(name).read(put(tmp_path, file, json.dumps(extended).encode())))
    args = torch_zip(arguments({**secrets, "push_to_hub_token": "plain secret", "seed": 1}))
    found.append(reader("training_args").read(put(tmp_path, "training_args.bin", args)))
    card = f"---\ntags: [{token}, kept]\n---\n## Training hyperparameters\n- hub_token: plain secret\n- a: {token}\n"
    found.append(reader("card").read(put(tmp_path, "README.md", card.encode())))
    everything = repr(found)
    assert "plain secret" not in everything
    assert token not in everything
    assert "kept" in everything
