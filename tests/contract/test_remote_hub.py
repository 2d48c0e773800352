"""What only the Hub has: pull requests, branches and tags, rights, files that git itself keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from diptych.domain.address import parse
from diptych.domain.evidence import DatasetRef, Evidence, Metric
from diptych.domain.secret import Secret
from diptych.domain.shipping import Fate, Standing
from diptych.domain.version import Source
from diptych.errors import Conflict, Damaged, NeedsSecret, NotFound, Offline, Refused
from diptych.job import finish
from diptych.records.yaml_text import parse_yaml
from diptych.remotes.hub import Hub as Remote
from diptych.remotes.hub_results import results
from stands import QUICK, Place, noise, shipment
from stands.hub import OTHER, READER, Hub, start
from stands.hub_state import Entry, Repository
from stands.proxy import Fault, Reply, Request, proxied
from stands.setting import Setting, contents

SLOW = dataclasses.replace(QUICK, bytes_per_second=4 << 20)


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
    assert hub.state.leaks == 0, "storage was shown a token"


def wished(setting: Setting, **changes: Any) -> Setting:
    setting.wishes = dataclasses.replace(setting.wishes, **changes)
    return setting


class TestPush:
    """Branches, tags, pull requests."""

    def test_the_tag_comes_last_and_names_the_commit(self, setting: Setting, hub: Hub) -> None:
        receipt = wished(setting, tag="v1").push()
        repository = hub.state.repositories[f"ann/{setting.model}"]
        assert repository.tags == {"v1": receipt.reference}
        assert repository.private
        assert receipt.ids == {"commit": receipt.reference, "branch": "main", "tag": "v1"}
        assert receipt.url.endswith(f"/ann/{setting.model}/tree/v1")
        assert setting.plan().done
        names = [(ref.name, ref.kind) for ref in finish(setting.remote().refs())]
        assert names == [("main", "branch"), ("v1", "tag")]

    def test_a_tag_that_is_taken_is_not_moved(self, setting: Setting) -> None:
        wished(setting, tag="v1").push()
        later = shipment(setting.folder / "later", {**setting.files, "config.json": b"{}"})
        with pytest.raises(Conflict, match="tag v1 is there already"):
            setting.plan(later)

    def test_without_its_tag_nothing_is_done(self, setting: Setting, hub: Hub) -> None:
        """A push that ends between commit and tag is taken up there."""
        wished(setting, tag="v1")
        with proxied(hub.port) as proxy:
            remote = setting.through(proxy)
            plan = setting.plan(remote=remote)
            fault = proxy.add(Fault(lambda request: "/tag/" in request.path, times=-1, cut=0))
            with pytest.raises(Offline):
                finish(remote.push(plan, setting.notes))
            assert fault.hits == QUICK.attempts
        assert not setting.plan().done
        receipt = finish(setting.remote().push(plan, setting.notes))
        assert receipt.sent == 0
        assert hub.state.repositories[f"ann/{setting.model}"].tags == {"v1": receipt.reference}

    def test_a_new_branch_begins_at_the_main_one(self, setting: Setting, hub: Hub) -> None:
        setting.push()
        before = setting.visible()["main"]
        wished(setting, reference="trial/1")
        later = shipment(setting.folder / "later", {**setting.files, "config.json": b"{}"})
        assert setting.plan(later).count(Fate.REPLACE) == 1
        receipt = setting.push(later)
        assert setting.visible() == {"main": before, "trial/1": receipt.reference}
        assert {file.name for file in finish(setting.remote().files("trial/1"))} >= set(setting.files)

    def test_a_pull_request_leaves_the_branch_alone(self, setting: Setting) -> None:
        setting.push()
        before = setting.visible()
        later = shipment(setting.folder / "later", {**setting.files, "config.json": b"{}"})
        receipt = wished(setting, pull_request=True).push(later)
        assert setting.visible() == {**before, "refs/pr/1": receipt.reference}
        assert receipt.ids["pull_request"] == "refs/pr/1"
        assert receipt.url.endswith("/discussions/1")
        assert not finish(setting.remote().verify(receipt)).drifted

    @pytest.mark.parametrize("restart", [False, True])
    def test_a_pull_request_is_opened_once(self, setting: Setting, hub: Hub, restart: bool) -> None:
        """Though the answer that it was opened is lost."""
        setting.push()
        wished(setting, pull_request=True)
        later = shipment(setting.folder / "later", {**setting.files, "config.json": b"{}"})
        with proxied(hub.port) as proxy:
            network = dataclasses.replace(QUICK, attempts=1) if restart else QUICK
            remote = setting.through(proxy, network)
            plan = setting.plan(later, remote)
            fault = proxy.add(Fault(lambda request: "create_pr" in request.path, drop=True))
            if restart:
                proxy.add(Fault(lambda request: fault.hits > 0, cut_reply=0))
                with pytest.raises(Offline):
                    finish(remote.push(plan, setting.notes))
            receipt = finish((setting.through(proxy) if restart else remote).push(plan, setting.notes))
            assert fault.hits == 1
        assert list(hub.state.repositories[f"ann/{setting.model}"].pulls) == ["refs/pr/1"]
        assert receipt.ids["pull_request"] == "refs/pr/1"
        assert setting.notes.kept == {}

    def test_somebody_elses_commit_is_not_overwritten(self, setting: Setting, hub: Hub) -> None:
        setting.push()
        later = shipment(setting.folder / "later", {**setting.files, "config.json": b"{}"})
        plan = setting.plan(later)
        repository = hub.state.repositories[f"ann/{setting.model}"]
        theirs = hub.state.commit(repository, "main", {}, "theirs")
        with pytest.raises(Conflict, match="moved by somebody else"):
            finish(setting.remote().push(plan, setting.notes))
        assert setting.visible() == {"main": theirs}

    def test_a_commit_in_the_last_moment_is_not_overwritten(self, setting: Setting, hub: Hub) -> None:
        """The server itself compares the parent."""
        setting.push()
        later = shipment(setting.folder / "later", {**setting.files, "config.json": b"{}"})
        plan = setting.plan(later)
        repository = hub.state.repositories[f"ann/{setting.model}"]
        moved: list[str] = []

        def commits(request: Request) -> bool:
            if "/commit/" in request.path and not moved:
                moved.append(hub.state.commit(repository, "main", {}, "theirs"))
            return False

        with proxied(hub.port) as proxy:
            proxy.add(Fault(commits))
            with pytest.raises(Conflict):
                finish(setting.through(proxy).push(plan, setting.notes))
        assert setting.visible() == {"main": moved[0]}

    def test_what_the_version_lacks_stays_and_is_told(self, setting: Setting) -> None:
        setting.push()
        less = {name: content for name, content in setting.files.items() if name != "empty.txt"}
        plan = setting.plan(shipment(setting.folder / "less", less))
        assert [(caution.key, caution.files) for caution in plan.cautions] == [("kept", ("empty.txt",))]

    def test_ignored_files_are_told_and_sent(self, setting: Setting, hub: Hub) -> None:
        setting.push(shipment(setting.folder / "first", {".gitignore": b"*.safetensors\n"}))
        plan = setting.plan()
        ignored = {caution.key: caution.files for caution in plan.cautions}["ignored"]
        assert ignored == ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
        assert not plan.harmless
        setting.push()
        finish(setting.remote().pull("main", setting.folder / "pulled"))
        assert contents(setting.folder / "pulled").items() >= setting.files.items()

    def test_a_public_repository_is_warned_of(self, setting: Setting, hub: Hub) -> None:
        plan = wished(setting, private=False).plan()
        assert [caution.key for caution in plan.cautions] == ["visibility"]
        setting.push()
        assert not hub.state.repositories[f"ann/{setting.model}"].private

    def test_many_small_files_are_one_commit(self, setting: Setting, hub: Hub) -> None:
        hub.state.page = 100
        try:
            many = shipment(setting.folder / "many", {f"notes/{at}.txt": b"%d" % at for at in range(600)})
            setting.push(many)
            assert setting.plan(many).done
        finally:
            hub.state.page = 1000
        repository = hub.state.repositories[f"ann/{setting.model}"]
        assert len(repository.commits) == 2
        assert len(repository.commits[repository.branches["main"]]) == 601


class TestRights:
    """Who may do what, and how it is said."""

    @pytest.mark.parametrize(
        ("token", "error", "says"),
        [
            (None, NeedsSecret, "does not exist, or is private"),
            ("hf_wrong", NeedsSecret, "does not accept the login"),
            (OTHER, NotFound, "may not see it"),
        ],
    )
    def test_a_private_repository(self, setting: Setting, token: str | None, error: type[Exception], says: str) -> None:
        setting.push()
        address = setting.stand.place(setting.model).address
        remote = setting.remote(Place(address, Secret(token) if token else None))
        with pytest.raises(error, match=says):
            finish(remote.files("main"))

    def test_a_token_that_only_reads(self, setting: Setting) -> None:
        remote = setting.remote(Place(setting.stand.place(setting.model).address, Secret(READER)))
        assert finish(remote.check()).can_write is False
        with pytest.raises(Refused, match="may not write"):
            setting.plan(remote=remote)
        setting.push()
        assert finish(remote.files("main"))

    def test_a_public_repository_needs_no_token_to_read(self, setting: Setting) -> None:
        wished(setting, private=False).push()
        remote = setting.remote(Place(setting.stand.place(setting.model).address))
        finish(remote.pull("main", setting.folder / "pulled"))
        assert contents(setting.folder / "pulled").items() >= setting.files.items()

    def test_a_gated_repository(self, setting: Setting, hub: Hub) -> None:
        setting.push()
        hub.state.repositories[f"ann/{setting.model}"].gated = True
        with pytest.raises(Refused, match="agree to its terms"):
            finish(setting.remote().pull("main", setting.folder / "pulled"))
        assert not (setting.folder / "pulled").exists()

    @pytest.mark.parametrize("name", ["a/b/c", "a/-b", "a/b..c", "a/b c", "x" * 97])
    def test_names_of_repositories(self, name: str) -> None:
        with pytest.raises(Refused, match="no name of a repository"):
            Remote(parse(f"hf+http://127.0.0.1:1/{name}"), None, QUICK, {})

    def test_a_quota_that_is_used_up_is_waited_for(self, setting: Setting, hub: Hub) -> None:
        limit = Reply(
            429, {"ratelimit": '"api";r=0;t=1', "content-type": "application/json"}, b'{"error": "slow down"}'
        )
        with proxied(hub.port) as proxy:
            fault = proxy.add(Fault(lambda request: request.method == "POST", answer=limit, times=2))
            finish(setting.through(proxy).push(setting.plan(), setting.notes))
            assert fault.hits == 2
        assert setting.visible()


class TestHostile:
    """What a server may say that nobody should believe."""

    @pytest.mark.parametrize("name", ["../up.txt", "/etc/x", "a\\b", "con", "CONFIG.json", ".git/hooks/x"])
    def test_names_do_not_leave_the_folder(self, setting: Setting, hub: Hub, name: str) -> None:
        setting.push()
        repository = hub.state.repositories[f"ann/{setting.model}"]
        files = repository.commits[repository.branches["main"]]
        hub.state.commit(repository, "main", {**files, name: hub.state.regular(repository, b"x")}, "worse")
        with pytest.raises(Refused):
            finish(setting.remote().pull("main", setting.folder / "pulled"))
        assert not (setting.folder / "pulled").exists()

    def test_a_small_file_is_checked_by_its_git_digest(self, setting: Setting, hub: Hub) -> None:
        receipt = setting.push()
        hub.tamper(setting.model, setting.parcel("config.json"))
        with pytest.raises(Damaged, match=r"config\.json"):
            finish(setting.remote().pull("main", setting.folder / "pulled"))
        verified = finish(setting.remote().verify(receipt))
        assert [name for name, standing, _ in verified.files if standing is Standing.DIFFERS] == ["config.json"]

    def test_a_commit_that_holds_something_else_is_found_out(
        self, setting: Setting, hub: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan = setting.plan()
        usual = hub.state.large

        def other(repository: Repository, sha256: str) -> Entry:
            return dataclasses.replace(usual(repository, sha256), sha256="0" * 64)

        monkeypatch.setattr(hub.state, "large", other)
        with pytest.raises(Conflict, match="not in the commit as it was sent"):
            finish(setting.remote().push(plan, setting.notes))

    def test_an_upload_elsewhere_must_not_be_plain(self, setting: Setting, hub: Hub) -> None:
        def away(reply: Reply) -> Reply:
            return dataclasses.replace(reply, body=reply.body.replace(b"http://localhost", b"http://192.0.2.1"))

        plan = setting.plan()
        with proxied(hub.port) as proxy:
            proxy.add(Fault(lambda request: request.path.endswith("/batch"), alter=away, times=-1))
            with pytest.raises(Refused, match="not https"):
                finish(setting.through(proxy).push(plan, setting.notes))
        assert setting.visible() == {}


def test_parts_that_have_arrived_are_not_sent_after_a_restart(setting: Setting, hub: Hub) -> None:
    with proxied(hub.port) as proxy:
        remote = setting.through(proxy, SLOW)
        plan = setting.plan(remote=remote)
        job = remote.push(plan, setting.notes)
        while proxy.sent("/parts/") < 5 << 19:
            next(job)
        job.close()
        before = proxy.sent("/parts/")
        remote.close()
        again = setting.through(proxy)
        finish(again.push(plan, setting.notes))
        assert proxy.sent("/parts/") - before <= (3 << 20) - (5 << 19) + hub.chunk
    assert setting.notes.kept == {}


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("step", ["/parts/", "/api/complete", "/verify", "/branch/", "/commit/", "/tag/"])
def test_a_lost_answer_is_no_second_try(setting: Setting, hub: Hub, step: str, restart: bool) -> None:
    """Each step has gone through when its answer is lost; the push finds that out, in this life or in the next."""
    wished(setting, reference="trial", tag="v1")
    with proxied(hub.port) as proxy:
        remote = setting.through(proxy, dataclasses.replace(QUICK, attempts=1) if restart else QUICK)
        plan = setting.plan(remote=remote)
        fault = proxy.add(Fault(lambda request: step in request.path, drop=True))
        if restart:
            with suppress(Offline):  # a commit is looked up even by the last try
                finish(remote.push(plan, setting.notes))
            assert fault.hits == 1
            remote = setting.through(proxy)
        finish(remote.push(plan, setting.notes))
        assert fault.hits == 1
        assert setting.notes.kept == {}
        assert proxy.sent("/parts/") <= (3 << 20) + (hub.chunk if step == "/parts/" else 0)
    assert len(hub.state.repositories[f"ann/{setting.model}"].commits) == 2
    assert set(setting.visible()) == {"trial", "v1"}


def test_what_was_sent_of_a_file_that_changed_is_sent_again(setting: Setting, hub: Hub) -> None:
    """A part noted in an earlier life does not count when the file says something else by now."""
    name = "model-00001-of-00002.safetensors"
    path = setting.folder / "source" / name
    right = path.read_bytes()
    plan = setting.plan()
    path.write_bytes(noise(len(right), 9))
    with proxied(hub.port) as proxy:
        remote = setting.through(proxy, SLOW)
        job = remote.push(plan, setting.notes)
        while not any(key.endswith(" 1") for key in setting.notes.kept):
            next(job)
        job.close()
        path.write_bytes(right)
        finish(setting.through(proxy).push(plan, setting.notes))
    finish(setting.remote().pull("main", setting.folder / "pulled"))
    assert contents(setting.folder / "pulled")[name] == right


def test_results_are_written_as_leaderboards_read_them() -> None:
    at = Source("results.json", "/results/gsm8k/exact_match", "lm_eval/1")
    metrics = (
        Metric("gsm8k", "exact_match", 0.412, at, filter="strict-match", stderr=0.0135, n=1319),
        Metric("local", "acc", 0.5, at),
        Metric("", "eval_loss", 0.4, Source("trainer_state.json")),
        Metric("stated", "score", 20.9, at, conditions={"dataset": "cais/hle", "dataset revision": "55"}),
    )
    datasets = (
        DatasetRef("openai/gsm8k", Source("results.json", "/configs/gsm8k/dataset_path"), role="eval"),
        DatasetRef("data.jsonl", Source("results.json", "/configs/local/dataset_path"), role="eval"),
    )
    parcels = results([Evidence(metrics=metrics, datasets=datasets)])
    assert parcels == results([Evidence(metrics=metrics, datasets=datasets)])
    written = {parcel.name: parse_yaml(parcel.content.decode()) for parcel in parcels}
    assert written == {
        ".eval_results/cais--hle.yaml": [
            {"dataset": {"id": "cais/hle", "task_id": "stated", "revision": "55"}, "value": 20.9}
        ],
        ".eval_results/openai--gsm8k.yaml": [
            {
                "dataset": {"id": "openai/gsm8k", "task_id": "gsm8k"},
                "value": 0.412,
                "notes": "exact_match, strict-match, ± 0.0135, n=1319",
            }
        ],
    }


def test_a_push_to_the_public_hub_names_it() -> None:
    remote = Remote(parse("hf://org/name"), None, QUICK, {})
    with pytest.raises(NeedsSecret, match=r"huggingface\.co"):
        finish(remote.check())
    remote.close()
