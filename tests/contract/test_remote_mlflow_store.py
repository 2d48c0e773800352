"""An MLflow server that keeps files in a store of somebody else: they are sent there in parts, past the server."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from diptych.errors import Offline, Refused
from diptych.job import finish
from stands import QUICK, s3
from stands.mlflow import MLflow
from stands.proxy import Fault, Proxy, Reply, Request, proxied
from stands.s3 import Ceph
from stands.setting import Setting, contents

WEIGHTS = "model-00001-of-00002.safetensors"
POINTS = 6


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


@pytest.mark.timeout(240)
def test_where_the_store_takes_parts_a_loss_costs_one(
    behind: tuple[MLflow, Ceph, Proxy], tmp_path: Path, figure: Callable[[str], None]
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
    figure(f"mlflow, in parts: {cheap} of {POINTS} cuts sent at most one part again, the worst {worst:,} bytes")
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
