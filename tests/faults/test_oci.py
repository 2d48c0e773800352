"""OCI registries: behind web servers, in every layout, with files of other repositories and tags that moved."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from diptych.domain.shipping import Standing, Wishes
from diptych.errors import Conflict, DiptychError, Refused
from diptych.job import finish
from diptych.remotes.oci import Oci
from stands import QUICK, Notes, files_of_a_model, fresh, noise, shipment
from stands.oci import PASSWORD, USER, Registry
from stands.proxy import Fault, Proxy, Reply, Request, proxied
from stands.setting import Setting, contents
from stands.sweep import sweep

V1 = Wishes(reference="v1")


V1 = Wishes(reference="v1")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    made = Registry(tmp_path_factory.mktemp("registry"))
    yield made
    made.close()


@pytest.fixture
def setting(registry: Registry, tmp_path: Path) -> Iterator[Setting]:
    made = Setting(registry, tmp_path)
    yield made
    made.close()


# --- cuts --------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_behind_a_web_server_a_cut_costs_one_chunk(
    registry: Registry, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """Web servers take a request completely before they hand it on, so that the registry never sees half a chunk."""
    found = sweep(registry, tmp_path, whole=True)
    figure(f"oci behind a web server: {found}")
    assert found.finished == found.hidden == found.cheap == found.points == 50, str(found)


@pytest.mark.parametrize("fault", [{"cut": 100_000}, {"drop": True}], ids=["inside a chunk", "before the answer"])
def test_an_upload_that_breaks_begins_again(setting: Setting, fault: dict[str, Any]) -> None:
    """docker-registry voids it where its count and the client's part, whoever sends; other files stay as they are."""
    sent = _sent_with(setting, Fault(_third_patch(), **fault))
    largest = max(parcel.bytes for parcel in setting.shipment.parcels)
    assert setting.shipment.bytes < sent <= setting.shipment.bytes + largest + 10_000


def _third_patch() -> Callable[[Request], bool]:
    seen: list[Request] = []

    def when(request: Request) -> bool:
        if request.method == "PATCH":
            seen.append(request)
        return request.method == "PATCH" and len(seen) == 3

    return when


def _sent_with(setting: Setting, fault: Fault) -> int:
    with proxied(setting.stand.port) as proxy:
        remote = setting.through(proxy)
        plan = setting.plan(remote=remote)
        proxy.add(fault)
        finish(remote.push(plan, setting.notes))
        assert fault.hits == 1
        return proxy.sent(methods=("PATCH",))


def test_a_server_may_want_larger_chunks(setting: Setting) -> None:
    with proxied(setting.stand.port) as proxy:
        remote = setting.through(proxy)
        plan = setting.plan(remote=remote)
        proxy.add(Fault(lambda request: request.method == "POST", -1, alter=_with("oci-chunk-min-length", "2000000")))
        finish(remote.push(plan, setting.notes))
        sizes = [request.body for request in proxy.requests if request.method == "PATCH"]
    assert max(sizes) == 2_000_000


def _with(name: str, value: str) -> Callable[[Reply], Reply]:
    return lambda reply: Reply(reply.status, {**reply.headers, name: value}, reply.body)


def test_the_newest_address_of_an_upload_is_used(setting: Setting) -> None:
    with proxied(setting.stand.port) as proxy:
        remote = setting.through(proxy)
        finish(remote.push(setting.plan(remote=remote), setting.notes))
        uploads = [request.path for request in proxy.requests if request.method in ("PATCH", "PUT")]
    assert len(set(uploads)) == len(uploads)


# --- layouts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["raw", "tar", "kit"])
def test_every_layout_comes_back(setting: Setting, layout: str, tmp_path: Path) -> None:
    setting.wishes = Wishes(reference="v1", layout=layout)
    long = "a-folder-with-a-name/" * 8 + "file-ü.json"
    setting.shipment = shipment(tmp_path / "more", {**files_of_a_model(), long: b"{}"})
    receipt = setting.push()
    assert setting.plan().done
    assert setting.plan().to_send == 0
    remote = setting.remote()
    finish(remote.pull("v1", tmp_path / "pulled"))
    expected = {**files_of_a_model(), long: b"{}"}
    assert contents(tmp_path / "pulled") == expected
    assert {file.name: file.bytes for file in finish(remote.files("v1"))} == {
        name: len(content) for name, content in expected.items()
    }
    name = "model-00001-of-00002.safetensors"
    assert finish(remote.read("v1", name, 1_000_001, 70_000)) == expected[name][1_000_001:1_070_001]
    assert finish(remote.read("v1", "config.json", 1, 5)) == expected["config.json"][1:6]
    assert not finish(remote.verify(receipt)).drifted
    again = Setting(setting.stand, tmp_path / "again")
    again.wishes, again.shipment = setting.wishes, setting.shipment
    assert again.push().reference == receipt.reference, "the same content makes another manifest"
    again.close()


def _manifest(setting: Setting, reference: str = "v1", media: str = "manifest") -> dict[str, Any]:
    place = setting.stand.place(setting.model)
    answer = httpx.get(
        f"{place.address.origin}/v2/{place.address.path}/manifests/{reference}",
        auth=(USER, PASSWORD),
        headers={"Accept": f"application/vnd.oci.image.{'index' if media == 'index' else 'manifest'}.v1+json"},
    )
    assert answer.status_code == 200
    return dict(answer.json())


@pytest.mark.parametrize("layout", ["raw", "tar"])
def test_manifests_are_as_modelpack_has_them(setting: Setting, layout: str) -> None:
    setting.wishes = Wishes(reference="v1", layout=layout)
    setting.push()
    found = _manifest(setting)
    assert found["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert found["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    assert found["config"]["mediaType"] == "application/vnd.cncf.model.config.v1+json"
    kinds = {layer["annotations"]["org.cncf.model.filepath"]: layer["mediaType"] for layer in found["layers"]}
    assert kinds["model-00001-of-00002.safetensors"] == f"application/vnd.cncf.model.weight.v1.{layout}"
    assert kinds["config.json"] == f"application/vnd.cncf.model.weight.config.v1.{layout}"
    assert kinds["README.md"] == f"application/vnd.cncf.model.doc.v1.{layout}"
    blob = setting.stand.blob(found["config"]["digest"][7:])
    config = json.loads(blob.read_text())
    assert set(config) == {"descriptor", "config", "modelfs"}
    assert config["modelfs"] == {"type": "layers", "diffIds": [layer["digest"] for layer in found["layers"]]}
    assert config["config"]["paramSize"] == "1.5m"


def test_kits_are_as_kitops_has_them(setting: Setting) -> None:
    setting.wishes = Wishes(reference="v1", layout="kit")
    setting.push()
    found = _manifest(setting)
    assert found["config"]["mediaType"] == "application/vnd.kitops.modelkit.config.v1+json"
    kinds = sorted({layer["mediaType"] for layer in found["layers"]})
    assert kinds == [f"application/vnd.kitops.modelkit.{part}.v1.tar" for part in ("docs", "model", "modelpart")]
    for layer in found["layers"]:
        blob = setting.stand.blob(layer["digest"][7:]).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(blob)) as archive:
            (member,) = archive.getmembers()
            assert (member.mtime, member.uid, member.gid) == (0, 0, 0)
            taken = archive.extractfile(member)
            assert taken is not None
            assert taken.read() == setting.files[member.name]


def test_what_is_known_of_a_version_is_attached_to_it(setting: Setting) -> None:
    receipt = setting.push()
    fallback = receipt.reference.replace(":", "-")
    (entry,) = _manifest(setting, fallback, "index")["manifests"]
    document = _manifest(setting, entry["digest"])
    assert document["subject"]["digest"] == receipt.reference
    text = setting.stand.blob(document["layers"][0]["digest"][7:]).read_text()
    assert json.loads(text)["metrics"] == {"eval_loss": 0.51}
    assert [ref.name for ref in finish(setting.remote().refs())] == ["v1"]
    better = setting.shipment.version._replace(metrics={"eval_loss": 0.4})
    setting.push(dataclasses.replace(setting.shipment, version=better))
    setting.push(dataclasses.replace(setting.shipment, version=better))
    assert len(_manifest(setting, fallback, "index")["manifests"]) == 2


def test_files_of_another_repository_are_mounted(setting: Setting, registry: Registry) -> None:
    setting.push()
    target = fresh()
    place = registry.place(target)
    with proxied(registry.port) as proxy:
        address = registry.place(target, proxy.port).address
        remote = Oci(address, place.secret, QUICK, {"mount": f"tests/{setting.model}"})
        receipt = finish(remote.push(finish(remote.plan(setting.shipment, V1)), Notes()))
        remote.close()
        assert receipt.sent == 0
        assert proxy.sent(methods=("PATCH",)) < 2000
    assert registry.visible(target)["v1"] == setting.visible()["v1"]


def test_a_tag_that_moved_since_the_plan_is_a_conflict(setting: Setting) -> None:
    plan = setting.plan()
    setting.push(shipment(setting.folder / "other", {"config.json": b"{}"}))
    seen = setting.visible()
    with pytest.raises(Conflict, match="moved"):
        finish(setting.remote().push(plan, setting.notes))
    assert setting.visible() == seen


def test_a_layer_that_is_gone_or_changed_is_drift(setting: Setting, registry: Registry) -> None:
    setting.files = {"config.json": noise(300, 901), "model.safetensors": noise(5000, 902)}
    setting.shipment = shipment(setting.folder / "own", setting.files)
    receipt = setting.push()
    registry.tamper(setting.model, setting.parcel("config.json"))
    registry.blob(setting.parcel("model.safetensors").sha256).unlink()
    verified = finish(setting.remote().verify(receipt))
    standings = {name: standing for name, standing, _ in verified.files}
    assert standings["config.json"] is Standing.DIFFERS
    assert standings["model.safetensors"] is Standing.MISSING


@pytest.mark.parametrize("reference", ["..", "a b", "x" * 200, "-v1", "v1/../x"])
def test_tags_that_are_none_are_refused(setting: Setting, reference: str) -> None:
    setting.wishes = Wishes(reference=reference)
    with pytest.raises(Refused):
        setting.plan()


def test_a_manifest_with_another_digest_is_not_taken(setting: Setting) -> None:
    receipt = setting.push()
    with proxied(setting.stand.port) as proxy:
        remote = setting.through(proxy)
        proxy.add(Fault(_reads_manifest, -1, alter=_turned))
        for reference in ("v1", receipt.reference):
            with pytest.raises(DiptychError):
                finish(remote.files(reference))


def _turned(reply: Reply) -> Reply:
    return Reply(reply.status, reply.headers, reply.body.replace(b"weight", b"weights", 1)[:-1])


def _reads_manifest(request: Request) -> bool:
    return "/manifests/" in request.path and request.method == "GET"


def test_the_proxy_counts(registry: Registry) -> None:
    """What the tests above measure with can fail."""
    with proxied(registry.port) as proxy:
        assert isinstance(proxy, Proxy)
        httpx.put(f"http://127.0.0.1:{proxy.port}/v2/x", content=b"12345", auth=(USER, PASSWORD))
        assert proxy.sent() == 5
        assert proxy.came > 5
