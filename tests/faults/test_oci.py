"""OCI registries of every kind: with TLS, with tokens, behind web servers, and with manifests that mean no good."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.domain.shipping import Standing, Wishes
from diptych.errors import Conflict, Damaged, DiptychError, NeedsSecret, Refused
from diptych.job import Job, Tick, finish
from diptych.remotes import oci_tar
from diptych.remotes.network import Network
from diptych.remotes.oci import Oci
from diptych.remotes.oci_login import challenges, related
from stands import QUICK, Notes, files_of_a_model, fresh, noise, shipment
from stands.authority import Authority
from stands.oci import PASSWORD, USER, Registry
from stands.proxy import Fault, Proxy, Reply, Request, proxied
from stands.scripted import scripted, told
from stands.setting import Setting, contents
from stands.sweep import sweep
from stands.tokens import Tokens, with_tokens

V1 = Wishes(reference="v1")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    made = Registry(tmp_path_factory.mktemp("registry"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tokens]:
    with with_tokens(tmp_path_factory.mktemp("tokens")) as made:
        yield made


@pytest.fixture
def setting(registry: Registry, tmp_path: Path) -> Iterator[Setting]:
    made = Setting(registry, tmp_path)
    yield made
    made.close()


def push(remote: Oci, folder: Path, wishes: Wishes = V1, files: dict[str, bytes] | None = None) -> Any:
    sent = shipment(folder, files or files_of_a_model())
    return finish(remote.push(finish(remote.plan(sent, wishes)), Notes()))


# --- cuts --------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_behind_a_web_server_a_cut_costs_one_chunk(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Web servers take a request completely before they hand it on, so that the registry never sees half a chunk."""
    found = sweep(registry, tmp_path, whole=True)
    with capsys.disabled():
        print(f"\noci behind a web server: {found}")
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


# --- logins ------------------------------------------------------------------------------------------------------


def test_tls_and_a_password(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good = authority.vouch("good")
    served = Registry(tmp_path / "registry", (good.certificate, good.key))
    try:
        for ca_file in (authority.file, None):
            network = Network(ca_file=ca_file, attempts=2, longest_wait=0.1)
            remote = Oci(parse(f"oci://localhost:{served.port}/tests/tls"), Secret(PASSWORD, USER), network, {})
            if ca_file is None:
                with pytest.raises(Refused, match="certificate"):
                    finish(remote.check())
            else:
                push(remote, tmp_path / "source")
                finish(remote.pull("v1", tmp_path / "pulled"))
                assert contents(tmp_path / "pulled") == files_of_a_model()
            remote.close()
    finally:
        served.close()


def _tokened(tokens: Tokens, secret: Secret | None, model: str = "", speed: float = 0) -> Oci:
    address = parse(f"oci+http://127.0.0.1:{tokens.registry.port}/tests/{model or fresh()}")
    return Oci(address, secret, replace(QUICK, bytes_per_second=speed), {"chunk": str(1 << 20)})


def test_tokens_are_asked_for_with_the_scope_they_need(tokens: Tokens, tmp_path: Path) -> None:
    remote = _tokened(tokens, Secret(PASSWORD, USER))
    before = len(tokens.giver.requests)
    push(remote, tmp_path / "source")
    finish(remote.pull("v1", tmp_path / "pulled"))
    remote.close()
    assert contents(tmp_path / "pulled") == files_of_a_model()
    asked = tokens.giver.requests[before:]
    assert len(asked) == 1
    assert "pull%2Cpush" in asked[0].path


def test_a_token_that_ends_during_a_push_is_renewed(tokens: Tokens, tmp_path: Path) -> None:
    remote = _tokened(tokens, Secret(PASSWORD, USER))
    before = len(tokens.giver.requests)
    tokens.seconds = -59  # the registry grants a minute of leeway, so these end in a second
    try:
        sent = shipment(tmp_path / "source", files_of_a_model())
        plan = finish(remote.plan(sent, V1))
        remote.close()
        slow = _tokened(tokens, Secret(PASSWORD, USER), remote.address.path.rpartition("/")[2], 1_500_000)
        finish(slow.push(plan, Notes()))
        slow.close()
    finally:
        tokens.seconds = 300
    assert len(tokens.giver.requests) - before > 2


@pytest.mark.parametrize("secret", [None, Secret("wrong", USER)], ids=["none", "wrong"])
def test_no_token_without_the_right_password(tokens: Tokens, secret: Secret | None, tmp_path: Path) -> None:
    remote = _tokened(tokens, secret)
    with pytest.raises(NeedsSecret):
        push(remote, tmp_path)
    remote.close()


@pytest.mark.parametrize(
    "realm",
    [
        "http://127.0.0.2:{port}/token",
        "http://localhost:{port}/token",
        "http://127.0.0.1@127.0.0.2:{port}/token",
        "https://auth.example.com/token",
        "http://example.com/token",
        "file:///etc/passwd",
        "//127.0.0.2:{port}/token",
        "",
        "http://[::1",
    ],
)
def test_the_login_is_not_sent_to_another_domain(realm: str) -> None:
    with scripted(lambda request, writer: told(200, b'{"token": "x"}'), "127.0.0.2") as thief:
        challenge = f'Bearer realm="{realm.format(port=thief.port)}",service="s"'
        with scripted(lambda request, writer: told(401, www_authenticate=challenge)) as server:
            address = parse(f"oci+http://127.0.0.1:{server.port}/x")
            remote = Oci(address, Secret(PASSWORD, USER), QUICK, {})
            with pytest.raises((Refused, NeedsSecret)):
                finish(remote.check())
            remote.close()
            assert thief.requests == []
            assert "authorization" not in server.everything


def test_hosts_are_related_by_their_domain() -> None:
    assert related("registry-1.docker.io", "auth.docker.io")
    assert related("registry.gitlab.com", "gitlab.com")
    assert related("registry.firm.co.uk", "login.firm.co.uk")
    for one, other in (
        ("registry.firm.co.uk", "evil.co.uk"),
        ("docker.io", "notdocker.io"),
        ("10.0.0.1", "10.0.0.1.evil.com"),
        ("10.1.0.1", "10.2.0.1"),
        ("registry", "auth"),
        ("localhost", "evil.localhost.com"),
    ):
        assert not related(one, other), (one, other)


def test_challenges_are_read() -> None:
    line = 'Bearer realm="https://a/b?c=d,e",service="x y", scope="repository:a:pull,push", Basic realm="r"'
    assert challenges([line]) == [
        ("bearer", {"realm": "https://a/b?c=d,e", "service": "x y", "scope": "repository:a:pull,push"}),
        ("basic", {"realm": "r"}),
    ]
    assert challenges(["", "Negotiate", "x" * 100_000, 'Bearer realm="']) is not None


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
    better = dataclasses.replace(setting.shipment.version, metrics={"eval_loss": 0.4})
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


# --- manifests and archives that mean no good --------------------------------------------------------------------


def _layer(name: str, content: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "mediaType": "application/vnd.cncf.model.weight.v1.raw",
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "size": len(content),
        "annotations": {"org.cncf.model.filepath": name},
        **changes,
    }


GOOD = _layer("config.json", b"{}")
HOSTILE: dict[str, object] = {
    "up": [_layer("../config.json", b"{}")],
    "absolute": [_layer("/etc/cron.d/x", b"{}")],
    "backslash": [_layer("..\\x", b"{}")],
    "drive": [_layer("C:/x", b"{}")],
    "twins": [GOOD, _layer("CONFIG.json", b"{}")],
    "twice": [GOOD, _layer("config.json", b"[]")],
    "nul": [_layer("a\0b", b"{}")],
    "reserved": [_layer("aux", b"{}")],
    "file and folder": [_layer("a", b"{}"), _layer("a/b", b"{}")],
    "no digest": [_layer("x", b"{}", digest="md5:00")],
    "digest with a path": [_layer("x", b"{}", digest="sha256:../../../x")],
    "negative size": [_layer("x", b"{}", size=-1)],
    "true as size": [_layer("x", b"{}", size=True)],
    "smaller than said": [_layer("x", b"{}", size=1)],
    "larger than said": [_layer("x", b"{}", size=3)],
    "no layers": None,
    "layers of text": ["x"],
    "no name": [_layer("x", b"{}", annotations={})],
}


def _serving(manifest: bytes, blobs: dict[str, bytes]) -> Callable[[Request, object], Reply]:
    def script(request: Request, writer: object) -> Reply:
        if "/manifests/" in request.path:
            return told(200, manifest, content_type="application/vnd.oci.image.manifest.v1+json")
        if "/blobs/" in request.path:
            content = blobs.get(request.path.rpartition("/")[2])
            if content is None:
                return told(404)
            if "range" in request.headers:
                begin, end = (int(part or len(content)) for part in request.headers["range"][6:].split("-"))
                part = content[begin : end + 1]
                return told(206, part, content_range=f"bytes {begin}-{begin + len(part) - 1}/{len(content)}")
            return told(200, content)
        return told(200, b"{}")

    return script


def _pull(manifest: object, blobs: dict[str, bytes], folder: Path) -> None:
    with scripted(_serving(json.dumps(manifest).encode(), blobs)) as server:
        remote = Oci(parse(f"oci+http://127.0.0.1:{server.port}/x"), None, QUICK, {})
        try:
            finish(remote.pull("v1", folder / "pulled"))
        finally:
            remote.close()


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_manifests_write_nothing(case: str, tmp_path: Path) -> None:
    manifest = {"schemaVersion": 2, "config": _layer("", b"{}"), "layers": HOSTILE[case]}
    blobs = {str(_layer("", content)["digest"]): content for content in (b"{}", b"[]")}
    with pytest.raises((Refused, Damaged)) as caught:
        _pull(manifest, blobs, tmp_path)
    assert caught.value.message.isprintable()
    assert contents(tmp_path) == {} or not (tmp_path / "pulled").exists()
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".pulled")] == []


def _tar(*members: tuple[str, bytes, bytes], fmt: int = tarfile.PAX_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=fmt) as archive:
        for name, content, kind in members:
            entry = tarfile.TarInfo(name)
            entry.size, entry.type, entry.linkname = (
                len(content),
                kind,
                "/etc/passwd" if kind != tarfile.REGTYPE else "",
            )
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def _archive(content: bytes) -> dict[str, Any]:
    return _layer("", content, mediaType="application/vnd.kitops.modelkit.model.v1.tar", annotations={})


@pytest.mark.parametrize("fmt", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_archives_of_others_are_unpacked(fmt: int, tmp_path: Path) -> None:
    long = "/".join(["a-rather-long-name-of-a-folder"] * 4) + "/x.bin"
    files = {"./one.bin": noise(100_000, 1), "two.bin": b"", long: noise(513, 2), "three": bytes(512)}
    content = _tar(*((name, each, tarfile.REGTYPE) for name, each in files.items()), fmt=fmt)
    _pull(
        {"config": _layer("", b"{}"), "layers": [_archive(content)]},
        {f"sha256:{hashlib.sha256(content).hexdigest()}": content},
        tmp_path,
    )
    assert contents(tmp_path / "pulled") == {name.removeprefix("./"): each for name, each in files.items()}

    def read(start: int, length: int) -> Job[bytes]:
        yield Tick("reading")
        return content[start : start + length]

    for entry in finish(oci_tar.entries(read, len(content))):
        expected = files.get(entry.name, files.get(f"./{entry.name}"))
        assert content[entry.start : entry.start + entry.bytes] == expected


@pytest.mark.parametrize(
    "content",
    [
        _tar(("link", b"", tarfile.SYMTYPE)),
        _tar(("hard", b"", tarfile.LNKTYPE)),
        _tar(("pipe", b"", tarfile.FIFOTYPE)),
        _tar(("device", b"", tarfile.CHRTYPE)),
        _tar(("../up", b"x", tarfile.REGTYPE)),
        _tar(("/absolute", b"x", tarfile.REGTYPE)),
        _tar(("one", b"x", tarfile.REGTYPE), ("ONE", b"y", tarfile.REGTYPE)),
        _tar(("cut", noise(5000), tarfile.REGTYPE))[:2000],
        noise(2048),
        b"short",
    ],
    ids=range(10),
)
def test_hostile_archives_write_nothing(content: bytes, tmp_path: Path) -> None:
    manifest = {"config": _layer("", b"{}"), "layers": [_archive(content)]}
    with pytest.raises((Refused, Damaged)):
        _pull(manifest, {f"sha256:{hashlib.sha256(content).hexdigest()}": content}, tmp_path)
    assert not (tmp_path / "pulled").exists()


def test_an_archive_with_another_digest_is_not_taken(tmp_path: Path) -> None:
    content = _tar(("one", noise(5000), tarfile.REGTYPE))
    wrong = content[:700] + b"!" + content[701:]
    with pytest.raises(Damaged, match="digest"):
        _pull(
            {"config": _layer("", b"{}"), "layers": [_archive(content)]},
            {f"sha256:{hashlib.sha256(content).hexdigest()}": wrong},
            tmp_path,
        )
    assert not (tmp_path / "pulled").exists()


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
