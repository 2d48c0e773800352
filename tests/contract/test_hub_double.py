"""The double of the Hub speaks as was recorded, and the official client takes it for a Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.job import finish
from diptych.remotes.hub import Hub as Remote
from stands import QUICK, files_of_a_model, shipment
from stands.hub import TOKEN, Hub, start
from stands.setting import Setting, contents

PROTOCOL = Path(__file__).parents[1] / "data" / "hub" / "protocol.jsonl"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    made = start(tmp_path_factory.mktemp("hub"))
    yield made
    made.close()


@pytest.fixture
def setting(hub: Hub, tmp_path: Path) -> Iterator[Setting]:
    made = Setting(hub, tmp_path)
    yield made
    made.close()


OFFICIAL = """
import json, sys
from huggingface_hub import HfApi
up, down, token = sys.argv[1:]
api = HfApi(token=token)
api.whoami()
repo = "ann/official"
api.create_repo(repo, private=True)
api.create_repo(repo, private=True, exist_ok=True)
first = api.upload_folder(repo_id=repo, folder_path=up, commit_message="one").oid
second = api.upload_folder(repo_id=repo, folder_path=up, commit_message="two").oid
api.create_tag(repo, tag="v1")
api.create_branch(repo, branch="trial")
pull = api.upload_file(path_or_fileobj=b"more", path_in_repo="more.txt", repo_id=repo, create_pr=True).pr_revision
refs = api.list_repo_refs(repo, include_pull_requests=True)
files = [each.path for each in api.list_repo_tree(repo, recursive=True)]
api.snapshot_download(repo, local_dir=down)
print(json.dumps({
    "first": first, "second": second, "pull": pull, "private": files,
    "tags": [each.name for each in refs.tags], "branches": [each.name for each in refs.branches],
}))
"""


def lacking(wanted: Any, told: Any, at: str = "") -> list[str]:
    """Where an answer has not the shape of the recorded one; more in it is no harm."""
    if isinstance(wanted, dict):
        if not isinstance(told, dict):
            return [at]
        return [fault for key in wanted for fault in lacking(wanted[key], told.get(key), f"{at}/{key}")]
    if isinstance(wanted, list):
        if not isinstance(told, list) or (wanted and not told):
            return [at]
        return lacking(wanted[0], told[-1], f"{at}/-1") if wanted else []
    return [] if type(told).__name__ == wanted else [at]


def test_it_answers_as_was_recorded(hub: Hub) -> None:
    lines = [json.loads(line) for line in PROTOCOL.read_text().splitlines()]
    commit = ""
    with httpx.Client(base_url=f"http://127.0.0.1:{hub.port}", trust_env=False) as client:
        for line in lines:
            headers = {"Authorization": f"Bearer {line.get('token', TOKEN)}"}
            url = line["path"].replace("{commit}", commit)
            answer = client.request(line["method"], url, headers=headers, content=line.get("body"))
            where = f"{line['method']} {line['path']}"
            assert answer.status_code == line["status"], where
            assert set(line.get("headers", ())) <= set(answer.headers), where
            assert answer.headers.get("x-error-code") == line.get("code"), where
            told = answer.json() if "answer" in line else {}
            if "answer" in line:
                assert lacking(line["answer"], told) == [], where
            commit = told.get("commitOid", commit) if isinstance(told, dict) else commit
            for each in told.get("objects", ()) if isinstance(told, dict) else ():
                if "actions" in each:
                    client.put(each["actions"]["upload"]["href"], content=b"weights").raise_for_status()
    assert len(lines) >= 20


def test_the_official_client_gets_back_what_it_uploads(hub: Hub, tmp_path: Path) -> None:
    files = files_of_a_model(3)
    shipment(tmp_path / "up", files)
    environment = {
        "PATH": os.environ["PATH"],
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.port}",
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", OFFICIAL, str(tmp_path / "up"), str(tmp_path / "down"), TOKEN],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    got = contents(tmp_path / "down")
    assert {name: got.get(name) for name in files} == files
    assert told["second"] == told["first"], "the second upload made a commit of its own"
    assert told["tags"] == ["v1"]
    assert told["branches"] == ["main", "trial"]
    assert told["pull"] == "refs/pr/1"
    assert sorted(told["private"]) == sorted([*files, ".gitattributes"])
    # and ours reads what theirs has written
    remote = Remote(parse(f"hf+http://127.0.0.1:{hub.port}/ann/official"), Secret(TOKEN), QUICK, {})
    finish(remote.pull("v1", tmp_path / "ours"))
    remote.close()
    assert {name: contents(tmp_path / "ours").get(name) for name in files} == files


def test_the_official_client_finds_what_we_push(setting: Setting, tmp_path: Path) -> None:
    setting.push()
    environment = {
        "PATH": os.environ["PATH"],
        "HF_ENDPOINT": f"http://127.0.0.1:{setting.stand.port}",
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    code = "import sys, huggingface_hub as h;h.snapshot_download(sys.argv[1], local_dir=sys.argv[2], token=sys.argv[3])"
    down = tmp_path / "theirs"
    subprocess.run(
        [sys.executable, "-c", code, f"ann/{setting.model}", str(down), TOKEN],
        env=environment,
        check=True,
        capture_output=True,
        timeout=100,
    )
    got = contents(down)
    assert {name: got.get(name) for name in setting.files} == setting.files
