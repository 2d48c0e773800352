"""What S3 alone can meet: logins, clocks, uploads in parts that outlive the program, hostile XML and manifests."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.auth
import pytest

from diptych.domain.address import parse
from diptych.domain.secret import Secret
from diptych.domain.shipping import Delivered, Plan, Shipment, Standing
from diptych.errors import Conflict, Damaged, NeedsSecret, NotFound, Offline, Refused
from diptych.job import Job, finish
from diptych.remotes import s3_upload
from diptych.remotes.body import Body
from diptych.remotes.s3 import S3
from diptych.remotes.s3_login import Signature
from diptych.remotes.s3_upload import Upload
from stands import QUICK, Place, noise, shipment
from stands.proxy import Fault, Request, proxied
from stands.s3 import BUCKET, PASSWORD, USER, Ceph, start
from stands.setting import Setting

WEIGHTS = "model-00001-of-00002.safetensors"


@pytest.fixture(scope="module")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    made = start(tmp_path_factory.mktemp("s3"))
    yield made
    made.close()


@pytest.fixture
def setting(ceph: Ceph, tmp_path: Path) -> Iterator[Setting]:
    made = Setting(ceph, tmp_path)
    yield made
    made.close()


def s3_of(remote: object) -> S3:
    assert isinstance(remote, S3)
    return remote


def parts(request: Request) -> bool:
    return "partNumber=" in request.path


def test_somebody_without_the_right_is_refused_and_not_asked_to_sign_in(setting: Setting, ceph: Ceph) -> None:
    remote = setting.remote(ceph.reader(setting.model))
    with pytest.raises(Refused, match="may not do it") as caught:
        finish(remote.check())
    assert not isinstance(caught.value, NeedsSecret)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (None, "may not do it|wants a login|login"),
        (Secret("wrong", USER), "secret key is not that of the access key"),
        (Secret(PASSWORD, "AKIANOBODY"), "does not know the access key"),
    ],
)
def test_each_wrong_login_is_told_apart(setting: Setting, secret: Secret | None, reason: str) -> None:
    place = setting.stand.place(setting.model)
    with pytest.raises(NeedsSecret, match=reason) as caught:
        finish(setting.remote(Place(place.address, secret, place.options)).check())
    assert "wrong" not in caught.value.message + caught.value.hint
    assert PASSWORD not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("minutes", [-20, 20, 60 * 24 * 365])
def test_a_wrong_clock_is_named(setting: Setting, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
    with pytest.raises(Refused, match="clock") as caught:
        finish(setting.remote().check())
    assert caught.value.hint == "Check this computer's clock."


def test_a_bucket_that_is_not_there_is_not_found(setting: Setting) -> None:
    place = setting.stand.place(setting.model)
    remote = setting.remote(Place(parse("s3://no-such-bucket/x"), place.secret, place.options))
    for job in (remote.check(), remote.plan(setting.shipment, setting.wishes), remote.refs()):
        with pytest.raises(NotFound, match="no such bucket"):
            finish(job)


def test_names_with_signs_in_them_are_signed_as_they_are_sent(setting: Setting, ceph: Ceph) -> None:
    place = setting.stand.place(setting.model)
    address = parse(f"s3://{BUCKET}/tests/a b+c=d~e'f(g)/ü & {setting.model}")
    remote = setting.remote(Place(address, place.secret, place.options))
    finish(remote.push(finish(remote.plan(setting.shipment, setting.wishes)), setting.notes))
    assert ceph.keys(f"{address.path}/tags/") == [f"{address.path}/tags/v1"]
    assert [ref.name for ref in finish(remote.refs()) if ref.kind == "tag"] == ["v1"]
    whole = finish(remote.read("v1", "config.json", 0, len(setting.files["config.json"])))
    assert whole == setting.files["config.json"]


def test_parts_that_arrived_before_a_restart_are_not_sent_again(setting: Setting, ceph: Ceph) -> None:
    hasty = dataclasses.replace(QUICK, attempts=1)
    with proxied(ceph.port) as proxy:
        remote = setting.through(proxy, hasty)
        proxy.add(Fault(lambda request: parts(request) and "partNumber=3" in request.path, cut=1000, times=-1))
        with pytest.raises(Offline):
            finish(remote.push(setting.plan(remote=remote), setting.notes))
        remote.close()
    assert len(setting.notes.kept) == 1
    with proxied(ceph.port) as proxy:
        again = setting.through(proxy)
        finish(again.push(setting.plan(remote=again), setting.notes))
        numbers = [
            request.path
            for request in proxy.requests
            if parts(request) and setting.parcel(WEIGHTS).sha256 in request.path
        ]
    assert len(numbers) == 1
    assert "partNumber=3" in numbers[0]
    assert setting.notes.kept == {}
    assert ceph.uploads() == []


def broken_off(setting: Setting) -> Plan:
    """A push that ends while the first part of a file is on its way."""
    with proxied(setting.stand.port) as proxy:
        remote = setting.through(proxy)
        plan = setting.plan(remote=remote)
        fault = proxy.add(Fault(parts, stall="headers", times=-1))
        job = remote.push(plan, setting.notes)
        while not fault.hits:
            next(job)
        job.close()
    assert setting.notes.kept
    return plan


def test_an_upload_that_the_server_forgot_is_begun_anew(setting: Setting, ceph: Ceph) -> None:
    plan = broken_off(setting)
    for upload in ceph.client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]:
        ceph.client.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
    finish(setting.remote().push(plan, setting.notes))
    assert setting.visible()
    assert setting.notes.kept == {}


def test_a_push_that_is_given_up_leaves_no_parts(setting: Setting, ceph: Ceph) -> None:
    plan = broken_off(setting)
    assert ceph.uploads()
    finish(s3_of(setting.remote()).abandon(plan, setting.notes))
    assert ceph.uploads() == []
    assert setting.notes.kept == {}


def test_a_lost_answer_to_the_last_request_of_an_upload_does_no_harm(setting: Setting, ceph: Ceph) -> None:
    with proxied(ceph.port) as proxy:
        remote = setting.through(proxy)
        fault = proxy.add(
            Fault(lambda request: request.method == "POST" and "uploadId=" in request.path, drop=True, times=2)
        )
        receipt = finish(remote.push(setting.plan(remote=remote), setting.notes))
        assert fault.hits >= 1
    assert not finish(setting.remote().verify(receipt)).drifted


def rewritten(setting: Setting, monkeypatch: pytest.MonkeyPatch, when: str) -> Path:
    """Weights whose last part is written to by somebody else while it is on its way: just before or after hashing."""
    weights = setting.folder / "source" / WEIGHTS
    hash_ = Upload._hash

    def written(upload: Upload, body: Body, *others: Any) -> Job[None]:
        last = body.parcel.name == WEIGHTS and body.start == 2 << 20
        if last and when == "before":
            weights.write_bytes(setting.files[WEIGHTS][:-1] + b"!")
        yield from hash_(upload, body, *others)
        if last and when == "after":
            weights.write_bytes(setting.files[WEIGHTS][:-1] + b"?")

    monkeypatch.setattr(Upload, "_hash", written)
    return weights


@pytest.mark.parametrize(("when", "memory"), [("before", 64 << 20), ("before", 0), ("after", 0)])
def test_a_file_that_is_written_to_meanwhile_leaves_nothing(
    setting: Setting, ceph: Ceph, monkeypatch: pytest.MonkeyPatch, when: str, memory: int
) -> None:
    monkeypatch.setattr(s3_upload, "_MEMORY", memory)
    rewritten(setting, monkeypatch, when)
    plan = setting.plan()
    with pytest.raises(Conflict) as caught:
        finish(setting.remote().push(plan, setting.notes))
    assert WEIGHTS in caught.value.message
    assert setting.visible() == {}
    assert ceph.uploads() == []
    assert setting.notes.kept == {}


def test_what_was_hashed_is_what_is_sent(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = rewritten(setting, monkeypatch, "after")
    plan = setting.plan()
    finish(setting.remote().push(plan, setting.notes))
    assert weights.read_bytes() != setting.files[WEIGHTS]
    finish(setting.remote().pull("v1", setting.folder / "pulled"))
    assert (setting.folder / "pulled" / WEIGHTS).read_bytes() == setting.files[WEIGHTS]


def test_a_tag_that_was_moved_meanwhile_is_left_alone(setting: Setting) -> None:
    remote = setting.remote()
    plan = setting.plan(remote=remote)
    setting.push(shipment(setting.folder / "theirs", {**setting.files, "config.json": b"{}"}))
    theirs = setting.visible()
    with pytest.raises(Conflict, match="another version than it did"):
        finish(remote.push(plan, setting.notes))
    assert setting.visible() == theirs


def test_files_that_would_no_longer_be_shown_are_warned_of(setting: Setting) -> None:
    setting.push()
    fewer = {name: content for name, content in setting.files.items() if name != "README.md"}
    plan = setting.plan(shipment(setting.folder / "fewer", fewer))
    assert [caution.files for caution in plan.cautions if caution.key == "removed"] == [("README.md",)]
    assert not plan.harmless


def test_equal_files_are_sent_once(setting: Setting) -> None:
    content = noise(700_000, 41)
    twins = shipment(setting.folder / "twins", {"a.bin": content, "b/c.bin": content})
    plan = setting.plan(twins)
    assert plan.to_send == len(content)
    assert finish(setting.remote().push(plan, setting.notes)).sent == len(content)


def test_what_was_written_anew_is_found_and_what_rots_is_found_when_all_is_read(setting: Setting, ceph: Ceph) -> None:
    receipt = setting.push()
    ceph.tamper(setting.model, setting.parcel(WEIGHTS))
    place = setting.stand.place(setting.model)
    whole = Place(place.address, place.secret, {**place.options, "verify": "whole"})
    for remote in (setting.remote(), setting.remote(whole)):
        found = {name: standing for name, standing, _ in finish(remote.verify(receipt)).files}
        assert found.pop(WEIGHTS) is Standing.DIFFERS
        assert set(found.values()) == {Standing.SAME}
    # the fingerprint in the receipt is the one of now: only the bytes themselves tell
    key = f"tests/{setting.model}/blobs/sha256/{setting.parcel(WEIGHTS).sha256}"
    etag = ceph.client.head_object(Bucket=BUCKET, Key=key)["ETag"].strip('"')
    etags = receipt.ids["etags"].split()
    etags[[file.name for file in receipt.files].index(WEIGHTS)] = etag
    rotten = dataclasses.replace(receipt, ids={**receipt.ids, "etags": " ".join(etags)})
    assert not finish(setting.remote().verify(rotten)).drifted
    assert finish(setting.remote(whole).verify(rotten)).drifted
    with pytest.raises(Damaged, match="digest"):
        finish(setting.remote().pull("v1", setting.folder / "pulled"))


def test_what_was_removed_is_missing(setting: Setting, ceph: Ceph) -> None:
    receipt = setting.push()
    prefix = f"tests/{setting.model}/"
    digest = receipt.reference.removeprefix("sha256:")
    for key in (f"blobs/sha256/{setting.parcel(WEIGHTS).sha256}", f"versions/{digest}/manifest.json", "tags/v1"):
        ceph.client.delete_object(Bucket=BUCKET, Key=prefix + key)
    found = finish(setting.remote().verify(receipt))
    assert (WEIGHTS, Standing.MISSING, "not there any more") in found.files
    assert found.notes == ("its manifest is not there any more", "tag v1 is not there any more")
    assert finish(setting.remote().plan(setting.shipment, setting.wishes)).to_send >= setting.parcel(WEIGHTS).bytes


def test_versions_are_named_by_the_beginning_of_their_digest_too(setting: Setting) -> None:
    receipt = setting.push()
    digest = receipt.reference.removeprefix("sha256:")
    for ref in (digest, digest[:8], f"sha256:{digest}", "v1"):
        assert finish(setting.remote().files(ref)) == receipt.files
    with pytest.raises(NotFound, match="v2: not at s3://") as caught:
        finish(setting.remote().files("v2"))
    assert caught.value.hint == "There are: v1."


HOSTILE: tuple[str | dict[str, object], ...] = (
    "",
    "[]",
    "[" * 100_000,
    "<html>",
    {"schema": "other/1"},
    {"files": {}},
    {"files": [1]},
    {"files": [{"name": "a", "bytes": -1, "sha256": "0" * 64}]},
    {"files": [{"name": "a", "bytes": True, "sha256": "0" * 64}]},
    {"files": [{"name": "a", "bytes": 1 << 80, "sha256": "0" * 64}]},
    {"files": [{"name": "a", "bytes": 1, "sha256": "../../secret"}]},
    {"files": [{"name": "../a", "bytes": 1, "sha256": "0" * 64}]},
    {"files": [{"name": "a\\..\\b", "bytes": 1, "sha256": "0" * 64}]},
    {"files": [{"name": "a", "bytes": 1, "sha256": "0" * 64}, {"name": "A", "bytes": 1, "sha256": "0" * 64}]},
    {"files": [{"name": "a", "bytes": 1, "sha256": "0" * 64}] * 2},
    {"name": "\ud800", "files": []},
    {"version": 7, "files": []},
)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_manifests_are_refused(setting: Setting, ceph: Ceph, number: int) -> None:
    given = HOSTILE[number]
    known = {"schema": "diptych.version/1", "version": "v", "name": "n"}
    content = given.encode() if isinstance(given, str) else json.dumps({**known, **given}).encode()
    digest = hashlib.sha256(content).hexdigest()
    prefix = f"tests/{setting.model}/"
    ceph.client.put_object(Bucket=BUCKET, Key=f"{prefix}versions/{digest}/manifest.json", Body=content)
    ceph.client.put_object(Bucket=BUCKET, Key=f"{prefix}tags/v1", Body=f"sha256:{digest}".encode())
    with pytest.raises((Damaged, Refused)) as caught:
        finish(setting.remote().pull("v1", setting.folder / "pulled"))
    assert "\n" not in caught.value.message
    assert not (setting.folder / "pulled").exists()


def test_a_changed_manifest_is_not_believed(setting: Setting, ceph: Ceph) -> None:
    receipt = setting.push()
    key = f"tests/{setting.model}/versions/{receipt.reference.removeprefix('sha256:')}/manifest.json"
    ceph.client.put_object(Bucket=BUCKET, Key=key, Body=ceph.get(key).replace(b"config", b"konfig"))
    with pytest.raises(Damaged, match="was changed"):
        finish(setting.remote().files("v1"))
    assert any("was changed" in note for note in finish(setting.remote().verify(receipt)).notes)


@pytest.mark.parametrize("tag", ["a/b", "../x", ".hidden", "x y", "ü", "a" * 129])
def test_tags_have_plain_names(setting: Setting, tag: str) -> None:
    with pytest.raises(Refused, match="not a name for a tag"):
        finish(setting.remote().plan(setting.shipment, dataclasses.replace(setting.wishes, reference=tag)))


def test_what_is_asked_for_is_signed_and_the_secret_is_not_sent() -> None:
    login = Signature(Secret("a secret key", "AKIA"), "us-east-1")
    made = login.headers(
        "GET", "https://host/bucket/key?list-type=2", {"x-amz-content-sha256": "0" * 64, "range": "bytes=0-1"}
    )
    assert "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date" in made["Authorization"]
    assert "a secret key" not in str(made)
    assert "x-amz-content-sha256" not in made


def test_a_version_of_too_many_files_is_refused(setting: Setting) -> None:
    many = tuple(dataclasses.replace(setting.shipment.parcels[0], name=f"{number}.json") for number in range(10_001))
    with pytest.raises(Refused, match="more than"):
        finish(setting.remote().plan(Shipment(setting.shipment.version, many), setting.wishes))


def test_delivered_files_are_sorted_by_name(setting: Setting) -> None:
    files = setting.push().files
    assert list(files) == sorted(files, key=lambda file: file.name)
    assert all(isinstance(file, Delivered) for file in files)
