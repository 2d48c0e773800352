"""The command line on a terminal: a bar, headings, an end by Control-C."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from commands import diptych, environment, heed_signals, in_terminal
from making import make_model, weights, write_safetensors


def test_a_terminal_is_given_a_bar_while_it_takes_long(tmp_path: Path) -> None:
    (make_model(tmp_path / "tiny") / "extra.bin").write_bytes(bytes(300_000_000))
    diptych("scan", tmp_path)
    shown, code = in_terminal("hash")
    assert code == 0
    assert "█".encode() in shown
    assert b" MB of 300 MB" in shown
    assert shown.rstrip().splitlines()[-1].split(b"\x1b[K")[-1].endswith(b"300 MB")
    assert b"\r\x1b[K" in shown


def test_headings_stand_out_on_a_terminal_unless_that_is_unwanted(tmp_path: Path) -> None:
    make_model(tmp_path / "tiny")
    diptych("scan", tmp_path)
    assert b"\x1b[1m" in in_terminal("list")[0]
    assert b"\x1b[1m" not in in_terminal("list", NO_COLOR="1")[0]


def test_control_c_ends_a_job_at_once_and_the_catalog_is_whole(tmp_path: Path) -> None:
    (make_model(tmp_path / "tiny") / "extra.bin").touch()
    os.truncate(tmp_path / "tiny" / "extra.bin", 50_000_000_000)
    diptych("scan", tmp_path)
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "diptych", "hash"],
        env=environment(TERM="xterm"),
        stdout=follower,
        stderr=follower,
        preexec_fn=heed_signals,
    )
    os.close(follower)
    shown = b""
    while "█".encode() not in shown and "░".encode() not in shown:
        shown += os.read(leader, 65536)
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=20) == 130
    while b"Stopped" not in shown:
        shown += os.read(leader, 65536)
    os.close(leader)
    assert b"Traceback" not in shown
    assert diptych("doctor").returncode == 0


def test_control_c_while_it_starts_leaves_no_traceback() -> None:
    program = (
        "import sys; sys.argv = ['diptych', 'list']\n"
        "class Impatient:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'diptych.cli': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Impatient())\n"
        "from diptych.__main__ import main\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_texts_of_others_cannot_command_the_terminal(tmp_path: Path) -> None:
    make_model(tmp_path / "evil\x1b]0;owned\x07\u202ename")
    listed = diptych("scan", tmp_path).stdout + diptych("list").stdout + diptych("show", "evil").stdout
    assert "evil\\x1b]0;owned\\x07\\u202ename" in listed
    assert not {"\x1b", "\x07", "\u202e"} & set(listed)


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    for number in range(300):
        write_safetensors(tmp_path / f"style-{number}.safetensors", weights(layers=0, seed=number))
    diptych("scan", tmp_path)
    command = f"{sys.executable} -m diptych list --json | head -n 1 | cut -c 1-3; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, text=True, check=True)
    first, code = done.stdout.splitlines()
    assert first.startswith("[{")
    assert code in ("0", "141")
    assert done.stderr == ""


@pytest.mark.parametrize("width", [80, 200])
def test_names_of_tensors_are_told_apart_in_a_narrow_terminal(tmp_path: Path, width: int) -> None:
    for seed, name in enumerate(("one", "two")):
        make_model(tmp_path / name, seed=seed)
    diptych("scan", tmp_path)
    shown, code = in_terminal("compare", "one", "two", "--facet", "weights", COLUMNS=str(width))
    lines = shown.decode().splitlines()
    names = [line.split("◆")[1].split()[0] for line in lines if "◆" in line]
    assert code == 0
    assert set(weights()) >= set(names)
    assert len(set(names)) == len(names) > 3
    assert max(map(len, lines)) <= width
    assert any(line.strip().startswith("No room for ") for line in lines) is (width == 80)
