"""MLflow's registry beyond what all remotes do: what others see of a push, logins, hostile servers, old servers."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from diptych.domain.address import parse
from diptych.domain.evidence import DatasetRef
from diptych.domain.secret import Secret
from diptych.domain.shipping import Abandoning, Fate, Standing, Wishes
from diptych.domain.version import Source
from diptych.errors import Conflict, DiptychError, NeedsSecret, NotFound, Offline, Refused
from diptych.job import finish
from diptych.remotes import open_remote
from diptych.remotes.mlflow_evidence import model_file, params
from stands import QUICK, Place, s3, shipment
from stands.mlflow import PROGRAM, MLflow
from stands.proxy import Fault, Proxy, Reply, Request, proxied
from stands.s3 import Ceph
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


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MLflow, Ceph, Proxy]]:
    """A server that keeps files in a store of somebody else, and a proxy in front of that store."""
    ceph = s3.start(tmp_path_factory.mktemp("ceph"))
    with proxied(ceph.port) as proxy:
        settings = {
            "MLFLOW_S3_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}",
            "AWS_ACCESS_KEY_ID": s3.USER,
            "AWS_SECRET_ACCESS_KEY": s3.PASSWORD,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",  # no frames that the proxy does not know
        }
        server = MLflow(tmp_path_factory.mktemp("server"), False, f"s3://{s3.BUCKET}/mlflow", settings)
        yield server, ceph, proxy
        server.close()
    ceph.close()


POINTS = 6


@pytest.mark.timeout(240)
def test_where_the_store_takes_parts_a_loss_costs_one(
    behind: tuple[MLflow, Ceph, Proxy], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server, ceph, proxy = behind
    part, cheap, worst = 1 << 20, 0, 0
    for point in range(POINTS):
        setting = Setting(server, tmp_path / str(point))
        place = dataclasses.replace(server.place(setting.model), options={"chunk": str(part)})
        remote = setting.remote(place, dataclasses.replace(QUICK, answer_seconds=20))
        plan = setting.plan(remote=remote)
        size, done = setting.parcel(WEIGHTS).bytes, len(proxy.requests)
        cut = proxy.add(Fault(part_of(1 + point % 3), cut=part * (2 * point + 1) // (2 * POINTS)))
        finish(remote.push(plan, setting.notes))
        assert cut.hits == 1
        again = sum(each.body for each in proxy.requests[done:] if "partNumber" in each.path) - size
        worst, cheap = max(worst, again), cheap + (again <= part)
        finish(setting.remote(place).pull("champion", setting.folder / "pulled"))
        assert contents(setting.folder / "pulled") == setting.files
        assert not finish(setting.remote(place).verify(finish(remote.push(plan, setting.notes)))).drifted
        setting.close()
    with capsys.disabled():
        print(f"\nmlflow, in parts: {cheap} of {POINTS} cuts sent at most one part again, the worst {worst:,} bytes")
    assert cheap == POINTS
    assert ceph.uploads() == []


def part_of(number: int) -> Callable[[Request], bool]:
    return lambda request: request.method == "PUT" and f"partNumber={number}&" in f"{request.path}&"


def test_signed_addresses_are_not_kept(behind: tuple[MLflow, Ceph, Proxy], tmp_path: Path) -> None:
    server, ceph, proxy = behind
    setting = Setting(server, tmp_path)
    place = dataclasses.replace(server.place(setting.model), options={"chunk": str(1 << 20)})
    remote = setting.remote(place, dataclasses.replace(QUICK, answer_seconds=20, attempts=1))
    plan = setting.plan(remote=remote)
    proxy.add(Fault(part_of(2), cut=1000))
    with pytest.raises(Offline):
        finish(remote.push(plan, setting.notes))
    assert ceph.uploads()
    assert not [value for value in setting.notes.kept.values() if "http" in value or "ignature" in value]
    finish(remote.push(plan, setting.notes))
    assert setting.notes.kept == {}
    assert ceph.uploads() == []
    setting.close()


def test_parts_go_to_no_place_inside(behind: tuple[MLflow, Ceph, Proxy], tmp_path: Path) -> None:
    server, _, _ = behind
    setting = Setting(server, tmp_path)
    for url in ("file:///etc/passwd", "http://169.254.169.254/x", "//x", ""):
        told = json.dumps({"upload_id": "u", "credentials": [{"part_number": n, "url": url} for n in range(1, 5)]})
        with proxied(server.port) as proxy:
            answer = Reply(200, {"content-type": "application/json"}, told.encode())
            proxy.add(Fault(lambda request: "mpu/create" in request.path, times=-1, answer=answer))
            place = dataclasses.replace(server.place(setting.model, proxy.port), options={"chunk": str(1 << 20)})
            remote = setting.remote(place, dataclasses.replace(QUICK, answer_seconds=20))
            with pytest.raises(Refused):
                finish(remote.push(setting.plan(remote=remote), setting.notes))
    assert setting.visible() == {}
    setting.close()


def test_parameters_fit_what_mlflow_takes(setting: Setting) -> None:
    version = dataclasses.replace(
        setting.shipment.version,
        hyperparameters={"a,b": 1, "a;b": 2, "long": "x" * 9000, "list": [1, 2], "no": None, "yes": True},
    )
    told = {each["key"]: each["value"] for each in params(version)}
    assert told == {"a_b": "1", "long": "x" * 6000, "list": "[1, 2]", "yes": "true"}


def test_the_model_file_cannot_be_broken_out_of(setting: Setting) -> None:
    version = dataclasses.replace(setting.shipment.version, name='x"\nflavors: {python_function: {}}\n')
    lines = model_file(version, "run", "model", "now").decode().splitlines()
    assert [line for line in lines if line.startswith("flavors")] == ["flavors:"]


def test_a_file_in_the_place_of_ours_is_refused(setting: Setting) -> None:
    for name in ("MLmodel", "diptych.json"):
        with pytest.raises(Refused):
            finish(setting.remote().plan(shipment(setting.folder / name, {name: b"x"}), setting.wishes))


@contextmanager
def hostile(uri: str, listing: list[dict[str, object]], tagged: bool = False) -> Iterator[tuple[int, list[str]]]:
    """A server that says what it likes: where the files are, and how they are called."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.say(answer(self.path))

        def say(self, found: object) -> None:
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any, **named: Any) -> None:
            pass

    def answer(path: str) -> object:
        version = {"name": "m", "version": "1", "tags": [{"key": "diptych.manifest", "value": "0" * 64}] * tagged}
        asked_for = parse_qs(urlsplit(path).query).get("path", [""])[0]
        answers: dict[str, Callable[[], object]] = {
            "versions/search": lambda: {"model_versions": [version]},
            "versions/get-download-uri": lambda: {"artifact_uri": uri},
            "model-versions/get?": lambda: {"model_version": version},
            "registered-models/get": lambda: {"registered_model": {"aliases": [{"alias": "a", "version": "1"}]}},
            "mlflow-artifacts/artifacts?": lambda: {"files": listing if asked_for.count("/") < 40 else []},
        }
        return next((make() for part, make in answers.items() if part in path), {"secret": "x" * 20})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ELSEWHERE = (
    "file:///etc",
    "/etc",
    "../../etc",
    "s3://bucket/x",
    "gs://bucket/x",
    "mlflow-artifacts:/../../etc",
    "mlflow-artifacts:/1/%2e%2e/%2e%2e/etc",
    "mlflow-artifacts://elsewhere.example/1/m",
    "http://169.254.169.254/api/2.0/mlflow-artifacts/artifacts/1/m",
    "https://elsewhere.example/1/m",
    "mlflow-artifacts:/1/m?path=/etc",
    "",
)


@pytest.mark.parametrize("uri", ELSEWHERE)
def test_files_elsewhere_are_not_followed(uri: str, tmp_path: Path) -> None:
    with hostile(uri, [{"path": "passwd", "file_size": 10}]) as (port, asked):
        remote = open_remote(parse(f"mlflow+http://127.0.0.1:{port}/m"), None, QUICK)
        with pytest.raises(Refused) as caught:
            finish(remote.pull("1", tmp_path / "pulled"))
        remote.close()
    assert "\n" not in caught.value.message
    assert not [path for path in asked if "mlflow-artifacts" in path]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a\\b", "C:x", "nul", ".git/config", "", "a\x00"])
def test_names_that_lead_elsewhere_are_not_taken(name: str, tmp_path: Path) -> None:
    with hostile("mlflow-artifacts:/1/m", [{"path": name, "file_size": 10}]) as (port, _):
        remote = open_remote(parse(f"mlflow+http://127.0.0.1:{port}/m"), None, QUICK)
        with pytest.raises(Refused):
            finish(remote.pull("1", tmp_path / "pulled"))
        remote.close()
    assert not (tmp_path / "pulled").exists()
    assert not (tmp_path / "x").exists()


def test_folders_without_end_are_left(tmp_path: Path) -> None:
    with hostile("mlflow-artifacts:/1/m", [{"path": "d", "is_dir": True}]) as (port, asked):
        remote = open_remote(parse(f"mlflow+http://127.0.0.1:{port}/m"), None, QUICK)
        with pytest.raises(Refused):
            finish(remote.files("1"))
        remote.close()
    assert len(asked) < 50


def test_a_list_of_files_that_is_another_than_its_tag_says_is_not_used(tmp_path: Path) -> None:
    with hostile("mlflow-artifacts:/1/m", [], tagged=True) as (port, _):
        remote = open_remote(parse(f"mlflow+http://127.0.0.1:{port}/m"), None, QUICK)
        with pytest.raises(DiptychError):
            finish(remote.files("1"))
        remote.close()


def test_a_deleted_experiment_is_named(stand: MLflow, setting: Setting) -> None:
    made = stand.ask("POST", "mlflow/experiments/create", {"name": setting.model})
    stand.ask("POST", "mlflow/experiments/delete", {"experiment_id": made["experiment_id"]})
    with pytest.raises((Conflict, NotFound, Refused)):
        setting.push()
    assert setting.visible() == {}
