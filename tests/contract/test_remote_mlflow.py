"""MLflow's registry beyond what all remotes do: what others see of a push, logins, drift, old servers."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from diptych.domain.address import parse
from diptych.domain.evidence import DatasetRef
from diptych.domain.secret import Secret
from diptych.domain.shipping import Abandoning, Fate, Standing, Wishes
from diptych.domain.version import Source
from diptych.errors import Conflict, Damaged, NeedsSecret, NotFound, Refused
from diptych.job import finish
from diptych.remotes import open_remote
from diptych.remotes.mlflow_evidence import model_file, params
from stands import QUICK, Place, shipment
from stands.mlflow import PROGRAM, MLflow
from stands.proxy import Fault, Reply, Request, proxied
from stands.setting import Setting, contents

WEIGHTS = "model-00001-of-00002.safetensors"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MLflow]:
    made = MLflow(tmp_path_factory.mktemp("mlflow"))
    yield made
    made.close()


def run_of(stand: MLflow, ids: Mapping[str, str]) -> dict[str, dict[str, str]]:
    data = stand.ask("GET", f"mlflow/runs/get?run_id={ids['run']}")["run"]["data"]
    return {kind: {row["key"]: row["value"] for row in data.get(kind, [])} for kind in ("params", "metrics", "tags")}


def test_the_run_and_the_model_tell_what_is_known(stand: MLflow, setting: Setting) -> None:
    data = DatasetRef("org/data", Source("README.md"), revision="abc", role="train")
    going = dataclasses.replace(setting.shipment, datasets=(data,))
    ids = setting.push(going).ids
    told = run_of(stand, ids)
    assert told["params"] == {"learning_rate": "2e-05"}
    assert told["metrics"] == {"eval_loss": 0.51}
    model = stand.ask("GET", f"mlflow/logged-models/{ids['model']}")["model"]["info"]
    assert model["status"] == "LOGGED_MODEL_READY"
    assert model["source_run_id"] == ids["run"]
    run = stand.ask("GET", f"mlflow/runs/get?run_id={ids['run']}")["run"]
    assert run["info"]["status"] == "FINISHED"
    assert [each["dataset"]["name"] for each in run["inputs"]["dataset_inputs"]] == ["org/data"]
    version = stand.ask("GET", f"mlflow/model-versions/get?name={setting.model}&version=1")["model_version"]
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert tags["diptych.version"] == going.version.id
    assert tags["diptych.manifest"] == ids["manifest"]


def test_mlflow_itself_fetches_what_was_pushed(stand: MLflow, tmp_path: Path) -> None:
    open_to_all = MLflow(tmp_path / "server", users=False)
    try:
        setting = Setting(open_to_all, tmp_path)
        setting.push()
        lines = (
            "import sys, mlflow",
            f"mlflow.set_tracking_uri('http://127.0.0.1:{open_to_all.port}')",
            f"mlflow.artifacts.download_artifacts('models:/{setting.model}@champion', dst_path=sys.argv[1])",
            "from mlflow.models import Model",
            "print(Model.load(sys.argv[1]).flavors['diptych']['name'])",
        )
        (tmp_path / "got").mkdir()
        command = [PROGRAM.with_name("python"), "-c", "\n".join(lines), str(tmp_path / "got")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith("sft/checkpoint-200")
        got = contents(tmp_path / "got")
        assert {name: got[name] for name in setting.files} == setting.files
        setting.close()
    finally:
        open_to_all.close()


def test_an_alias_is_named_in_several_ways(setting: Setting) -> None:
    receipt = setting.push()
    assert receipt.reference == f"models:/{setting.model}/1"
    digest = receipt.ids["manifest"]
    names = ("champion", "@champion", "1", f"models:/{setting.model}@champion", receipt.reference, digest[:12], "")
    for name in names:
        assert {file.name for file in finish(setting.remote().files(name))} == set(setting.files)


def test_a_push_without_alias_adds_a_version_and_replaces_nothing(setting: Setting) -> None:
    setting.push()
    later = shipment(setting.folder / "later", {**setting.files, "config.json": b"{}"})
    remote = setting.remote()
    plan = finish(remote.plan(later, Wishes()))
    assert plan.harmless
    assert plan.count(Fate.REPLACE) == 0
    assert finish(remote.push(plan, setting.notes)).ids["version"] == "2"
    assert setting.visible()["champion"] == "1"


def test_a_model_that_is_there_is_not_made_again(stand: MLflow, setting: Setting) -> None:
    setting.push()
    later = shipment(setting.folder / "later", {**setting.files, "config.json": b"{}"})
    with proxied(stand.port) as proxy:
        remote = setting.through(proxy)
        receipt = finish(remote.push(finish(remote.plan(later, setting.wishes)), setting.notes))
        asked = [request.path.partition("?")[0].partition("/mlflow/")[2] for request in proxy.requests]
    assert receipt.ids["version"] == "2"
    assert "registered-models/create" not in asked
    assert setting.visible()["champion"] == "2"


@pytest.mark.parametrize("change", ["tag", "source"])
def test_a_version_that_shows_something_else_is_not_taken_for_the_pushed_one(
    stand: MLflow, setting: Setting, change: str
) -> None:
    other = setting.push(shipment(setting.folder / "other", {**setting.files, "config.json": b"{}"}))
    source = f"models:/{other.ids['model']}"

    def altered(reply: Reply) -> Reply:
        told = json.loads(reply.body)["model_version"]
        return said(reply, {"model_version": told | ({"tags": []} if change == "tag" else {"source": source})})

    def said(reply: Reply, content: object) -> Reply:
        body = json.dumps(content).encode()
        return Reply(200, reply.headers | {"content-length": str(len(body))}, body)

    query = f"mlflow/model-versions/get-download-uri?name={setting.model}&version=1"
    place = stand.ask("GET", query)
    with proxied(stand.port) as proxy:
        proxy.add(Fault(lambda request: "model-versions/get?" in request.path, times=-1, alter=altered))
        led = Fault(
            lambda request: "get-download-uri" in request.path, times=-1, alter=lambda reply: said(reply, place)
        )
        proxy.add(led)
        remote = setting.through(proxy)
        plan = finish(remote.plan(setting.shipment, setting.wishes))
        with pytest.raises(Damaged):
            finish(remote.push(plan, setting.notes))


@pytest.mark.parametrize("alias", ["v1", "latest", "1", "a b", "a/b", "x" * 300])
def test_names_that_mlflow_keeps_for_itself_are_no_aliases(setting: Setting, alias: str) -> None:
    with pytest.raises(Refused):
        finish(setting.remote().plan(setting.shipment, Wishes(reference=alias)))


def test_who_may_only_look_is_refused_and_nothing_is_seen(stand: MLflow, setting: Setting) -> None:
    setting.push()
    seen = setting.visible()
    later = shipment(setting.folder / "later", {**setting.files, "config.json": b"{}"})
    reader = setting.remote(stand.reader(setting.model))
    assert finish(reader.files("champion"))
    with pytest.raises(Refused) as caught:
        finish(reader.push(finish(reader.plan(later, setting.wishes)), setting.notes))
    assert "not allowed" in caught.value.message
    assert setting.visible() == seen


def test_a_token_goes_as_a_bearer(stand: MLflow, setting: Setting) -> None:
    """The real server knows no tokens; those that do are behind a proxy which turns them into a user."""
    setting.push()
    seen: list[str] = []

    def bearer(request: Request) -> bool:
        seen.append(request.headers.get("authorization", ""))
        return request.headers.get("authorization") == "Bearer the-token"

    with proxied(stand.port) as proxy:
        told = {"content-type": "application/json"}
        proxy.add(Fault(bearer, times=-1, answer=Reply(200, told, b"{}")))
        address = parse(f"mlflow+http://127.0.0.1:{proxy.port}/{setting.model}")
        assert finish(setting.remote(Place(address, Secret("the-token"))).refs()) == ()
        with pytest.raises(NeedsSecret):
            finish(setting.remote(Place(address, Secret("another"))).refs())
    assert set(seen) == {"Bearer the-token", "Bearer another"}


def test_a_changed_byte_is_found_later(stand: MLflow, setting: Setting) -> None:
    receipt = setting.push()
    stand.tamper(setting.model, setting.parcel(WEIGHTS))
    found = {name: standing for name, standing, _ in finish(setting.remote().verify(receipt)).files}
    assert found.pop(WEIGHTS) is Standing.DIFFERS
    assert set(found.values()) == {Standing.SAME}


def test_a_version_that_somebody_deleted_is_drift(stand: MLflow, setting: Setting) -> None:
    receipt = setting.push()
    stand.ask("DELETE", "mlflow/model-versions/delete", {"name": setting.model, "version": "1"})
    verified = finish(setting.remote().verify(receipt))
    assert {standing for _, standing, _ in verified.files} == {Standing.MISSING}
    assert verified.notes


def test_a_push_that_is_given_up_leaves_nothing(stand: MLflow, setting: Setting) -> None:
    remote = open_remote(setting.remote().address, stand.place(setting.model).secret, QUICK)
    plan = finish(remote.plan(setting.shipment, setting.wishes))
    job = remote.push(plan, setting.notes)
    for tick in job:
        if tick.done > plan.to_send // 2:
            break
    job.close()
    assert stand.stored(setting.parcel("config.json"))
    kept = json.loads(next(iter(setting.notes.kept.values())))
    assert isinstance(remote, Abandoning)
    finish(remote.abandon(plan, setting.notes))
    remote.close()
    assert setting.notes.kept == {}
    folder = stand.folder / "art" / kept["uri"].removeprefix("mlflow-artifacts:/")
    assert not [path for path in folder.rglob("*") if path.is_file()]
    assert setting.visible() == {}


def test_a_server_below_a_path_is_found(stand: MLflow, setting: Setting) -> None:
    asked: list[str] = []

    def below(request: Request) -> bool:
        asked.append(request.path)
        return True

    with proxied(stand.port) as proxy:
        proxy.add(Fault(below, times=-1, answer=Reply(200, {"content-type": "application/json"}, b"{}")))
        address = parse(f"mlflow+http://127.0.0.1:{proxy.port}/ml/flow/{setting.model}")
        finish(setting.remote(Place(address)).refs())
    assert asked
    assert all(path.startswith("/ml/flow/api/2.0/mlflow/") for path in asked)


def test_an_old_server_gets_the_files_as_artifacts_of_the_run(stand: MLflow, setting: Setting) -> None:
    with proxied(stand.port) as proxy:
        gone = Reply(404, {"content-type": "text/html"}, b"<html>Not Found</html>")
        proxy.add(Fault(lambda request: "server-info" in request.path, times=-1, answer=gone))
        remote = setting.through(proxy)
        receipt = finish(remote.push(finish(remote.plan(setting.shipment, setting.wishes)), setting.notes))
        assert not [request for request in proxy.requests if "logged-models" in request.path]
    assert receipt.ids["model"] == ""
    assert setting.visible()["1"] == f"runs:/{receipt.ids['run']}/model"
    finish(setting.remote().pull("champion", setting.folder / "pulled"))
    assert contents(setting.folder / "pulled") == setting.files


def test_a_server_without_ranges_is_read_from_the_start(stand: MLflow, setting: Setting) -> None:
    setting.push()
    whole = setting.files[WEIGHTS]

    def part(request: Request) -> bool:
        return "range" in request.headers

    with proxied(stand.port) as proxy:
        proxy.add(Fault(part, times=-1, alter=lambda reply: Reply(200, reply.headers, reply.body)))
        remote = setting.through(proxy)
        for start, length in ((0, 8), (1000, 500), (len(whole) - 9, 9)):
            assert finish(remote.read("champion", WEIGHTS, start, length)) == whole[start : start + length]
        asked = [request for request in proxy.requests if request.path.endswith(WEIGHTS)]
        assert asked
        assert not any("range" in request.headers for request in asked)


def test_parameters_fit_what_mlflow_takes(setting: Setting) -> None:
    version = setting.shipment.version._replace(
        hyperparameters={"a,b": 1, "a;b": 2, "long": "x" * 9000, "list": [1, 2], "no": None, "yes": True},
    )
    told = {each["key"]: each["value"] for each in params(version)}
    assert told == {"a_b": "1", "long": "x" * 6000, "list": "[1, 2]", "yes": "true"}


def test_the_model_file_cannot_be_broken_out_of(setting: Setting) -> None:
    version = setting.shipment.version._replace(name='x"\nflavors: {python_function: {}}\n')
    lines = model_file(version, "run", "model", "now").decode().splitlines()
    assert [line for line in lines if line.startswith("flavors")] == ["flavors:"]


def test_a_file_in_the_place_of_ours_is_refused(setting: Setting) -> None:
    for name in ("MLmodel", "diptych.json"):
        with pytest.raises(Refused):
            finish(setting.remote().plan(shipment(setting.folder / name, {name: b"x"}), setting.wishes))


def test_a_deleted_experiment_is_named(stand: MLflow, setting: Setting) -> None:
    made = stand.ask("POST", "mlflow/experiments/create", {"name": setting.model})
    stand.ask("POST", "mlflow/experiments/delete", {"experiment_id": made["experiment_id"]})
    with pytest.raises((Conflict, NotFound, Refused)):
        setting.push()
    assert setting.visible() == {}
