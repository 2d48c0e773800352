"""A folder on a disk or share: what lies in it already, what goes away, and what others do there meanwhile."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.domain.shipping import Fate, Parcel, Phase, Standing, Voyage
from diptych.domain.version import Role
from diptych.errors import Conflict, Damaged, DiptychError, NoSpace, NotFound, Offline, Refused
from diptych.job import finish
from diptych.remotes import beneath, landing
from stands import QUICK, shipment
from stands.folder import Share
from stands.setting import Setting, contents

WEIGHTS = "model-00001-of-00002.safetensors"


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    made = Setting(Share(tmp_path / "share"), tmp_path)
    yield made
    made.close()


def root(setting: Setting) -> Path:
    assert isinstance(setting.stand, Share)
    return setting.stand.root(setting.model)


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def later(setting: Setting, **changes: bytes) -> dict[str, bytes]:
    return {**setting.files, **changes}


def test_a_version_is_a_plain_folder(setting: Setting) -> None:
    setting.push()
    assert listed(root(setting)) == ["v1"]
    got = contents(root(setting) / "v1")
    assert got.pop("diptych.json").startswith(b"{")
    assert got == setting.files


def test_without_a_wish_the_folder_has_the_name_of_the_version(setting: Setting) -> None:
    setting.wishes = dataclasses.replace(setting.wishes, reference="")
    receipt = setting.push()
    assert listed(root(setting)) == ["sft-checkpoint-200"]
    assert receipt.reference == "sft-checkpoint-200"
    assert receipt.url.startswith("file:///")


@pytest.mark.parametrize("name", ["../x", "a/b", "/x", ".hidden", "..", "con", "a\\b", "x\0", "x."])
def test_names_that_lead_elsewhere_are_refused(setting: Setting, name: str) -> None:
    setting.wishes = dataclasses.replace(setting.wishes, reference=name)
    with pytest.raises(Refused):
        setting.plan()
    assert listed(root(setting)) == []


def test_content_of_another_version_is_taken_from_there(setting: Setting) -> None:
    setting.push()
    setting.wishes = dataclasses.replace(setting.wishes, reference="v2")
    changed = shipment(setting.folder / "later", later(setting, **{"config.json": b"{}"}))
    plan = setting.plan(changed)
    assert plan.to_send == 2
    assert {file.fate for file in plan.files} == {Fate.NEW}
    assert setting.push(changed).sent == 2
    one, two = root(setting) / "v1", root(setting) / "v2"
    assert (two / WEIGHTS).read_bytes() == setting.files[WEIGHTS]
    assert (two / "config.json").read_bytes() == b"{}"
    assert (one / "config.json").read_bytes() == setting.files["config.json"]


@pytest.mark.parametrize("way", ["cloned", "linked", "copied"])
def test_however_it_is_taken_the_bytes_are_the_same(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def cloned(source: int, target: int) -> bool:
        os.write(target, os.pread(source, os.fstat(source).st_size, 0))
        return True

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    setting.push()
    setting.wishes = dataclasses.replace(setting.wishes, reference="v2")
    with monkeypatch.context() as patch:
        patch.setattr(landing, "clone", cloned if way == "cloned" else lambda *_: False)
        if way == "copied":
            patch.setattr(os, "link", refused)
        receipt = setting.push()
    files = [root(setting) / name / WEIGHTS for name in ("v1", "v2")]
    assert files[0].read_bytes() == files[1].read_bytes() == setting.files[WEIGHTS]
    assert files[0].samefile(files[1]) == (way == "linked")
    assert (receipt.sent > 0) == (way == "copied")
    assert not finish(setting.remote().verify(receipt)).drifted


def test_content_that_was_changed_there_is_not_taken(setting: Setting) -> None:
    setting.push()
    setting.stand.tamper(setting.model, setting.parcel(WEIGHTS))
    setting.wishes = dataclasses.replace(setting.wishes, reference="v2")
    setting.push()
    assert (root(setting) / "v2" / WEIGHTS).read_bytes() == setting.files[WEIGHTS]


def test_a_folder_that_was_not_pushed_is_not_touched(setting: Setting) -> None:
    (root(setting) / "v1").mkdir()
    (root(setting) / "v1" / "mine.txt").write_text("mine")
    with pytest.raises(Conflict, match="is no version"):
        setting.plan()
    assert contents(root(setting)) == {"v1/mine.txt": b"mine"}


def test_a_folder_that_appears_after_the_plan_is_not_touched(setting: Setting) -> None:
    plan = setting.plan()
    (root(setting) / "v1").mkdir()
    (root(setting) / "v1" / "mine.txt").write_text("mine")
    with pytest.raises(Conflict):
        finish(setting.remote().push(plan, setting.notes))
    assert contents(root(setting) / "v1") == {"mine.txt": b"mine"}


def test_another_version_that_took_the_name_meanwhile_is_kept(setting: Setting) -> None:
    plan = setting.plan()
    setting.push(shipment(setting.folder / "theirs", {"model.safetensors": b"theirs"}))
    with pytest.raises(Conflict, match="another version"):
        finish(setting.remote().push(plan, setting.notes))
    assert (root(setting) / "v1" / "model.safetensors").read_bytes() == b"theirs"


def test_a_plan_tells_what_lies_there_and_not_what_its_list_says(setting: Setting) -> None:
    setting.push()
    folder = root(setting) / "v1"
    (folder / "config.json").write_bytes(b"edited there")
    (folder / WEIGHTS).unlink()
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("mine")
    plan = setting.plan()
    fates = {file.name: (file.fate, file.reason) for file in plan.files if file.fate is not Fate.UNCHANGED}
    assert fates["config.json"] == (Fate.REPLACE, "another config.json of 12 B")
    assert fates[WEIGHTS] == (Fate.NEW, "")
    assert [(caution.key, caution.files) for caution in plan.cautions if caution.key == "removed"] == [
        ("removed", ("notes/mine.txt",))
    ]
    finish(setting.remote().push(plan, setting.notes))
    assert setting.plan().done
    assert set(contents(folder)) == {*setting.files, "diptych.json"}


@pytest.mark.parametrize("moment", ["before", "while it is copied"])
def test_a_file_that_somebody_adds_after_the_plan_is_kept(setting: Setting, moment: str) -> None:
    setting.push()
    later = shipment(setting.folder / "later", {**setting.files, "config.json": b"{}"})
    plan = finish(setting.remote().plan(later, setting.wishes))
    mine = root(setting) / "v1" / "mine.txt"
    job = setting.remote().push(plan, setting.notes)
    if moment != "before":
        assert any(isinstance(tick.partial, Voyage) and tick.partial.phase is Phase.COMMIT for tick in job)
    mine.write_text("mine")
    with pytest.raises(Conflict, match="other files"):
        finish(job)
    assert mine.read_text() == "mine"
    assert [ref.name for ref in finish(setting.remote().refs())] == ["v1"]
    plan = finish(setting.remote().plan(later, setting.wishes))
    assert not plan.harmless
    finish(setting.remote().push(plan, setting.notes))
    assert listed(root(setting)) == ["v1"]


def test_what_lies_beside_a_version_that_is_there_stays(setting: Setting) -> None:
    setting.push()
    mine = root(setting) / "v1" / "mine.txt"
    mine.write_text("mine")
    plan = setting.plan()
    assert plan.done
    assert not [caution for caution in plan.cautions if caution.key == "removed"]
    finish(setting.remote().push(plan, setting.notes))
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("told", [True, False])
def test_a_version_that_was_changed_there_is_not_called_delivered(setting: Setting, told: bool) -> None:
    setting.push()
    folder = root(setting) / "v1"
    written = (folder / "diptych.json").stat().st_mtime
    setting.stand.tamper(setting.model, setting.parcel(WEIGHTS))
    os.utime(folder / WEIGHTS, (written, written + 9 if told else written))
    plan = setting.plan()
    assert (plan.done, plan.to_send) == ((False, len(setting.files[WEIGHTS])) if told else (True, 0))
    (folder / "mine.txt").write_text("mine")
    if not told:
        with pytest.raises(Conflict, match="changed there, and other files lie beside"):
            finish(setting.remote().push(plan, setting.notes))
    (folder / "mine.txt").unlink()
    receipt = finish(setting.remote().push(plan, setting.notes))
    assert receipt.sent == len(setting.files[WEIGHTS])
    assert not finish(setting.remote().verify(receipt)).drifted


@pytest.mark.parametrize("atomic", [True, False])
def test_a_version_is_replaced_as_a_whole(setting: Setting, monkeypatch: pytest.MonkeyPatch, atomic: bool) -> None:
    setting.push()
    if not atomic:
        monkeypatch.setattr(landing, "exchange", lambda *_: False)
    setting.push(shipment(setting.folder / "later", {"model.safetensors": b"new"}))
    assert listed(root(setting)) == ["v1"]
    assert set(contents(root(setting) / "v1")) == {"model.safetensors", "diptych.json"}


def test_two_folders_change_places_at_once_here(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / folder.name).touch()
    assert beneath.exchange(one, two)
    assert (listed(one), listed(two)) == (["two"], ["one"])
    assert not beneath.exchange(one, tmp_path / "nowhere")


def test_a_push_that_was_broken_off_goes_on_by_files(setting: Setting) -> None:
    plan = setting.plan()
    remote = setting.remote()
    job = remote.push(plan, setting.notes)
    for tick in job:
        if tick.done > len(setting.files[WEIGHTS]) + 500_000:
            break
    job.close()
    assert setting.visible() == {}
    receipt = finish(setting.remote().push(plan, setting.notes))
    assert receipt.sent <= plan.to_send - len(setting.files[WEIGHTS])
    assert listed(root(setting)) == ["v1"]
    assert {
        name: got for name, got in contents(root(setting) / "v1").items() if name != "diptych.json"
    } == setting.files


def test_a_share_that_is_not_mounted_is_offline(setting: Setting) -> None:
    place = root(setting)
    remote = setting.remote()
    place.rmdir()
    jobs = (
        remote.check,
        lambda: remote.plan(setting.shipment, setting.wishes),
        remote.refs,
        lambda: remote.files("v1"),
        lambda: remote.pull("v1", setting.folder / "pulled"),
    )
    for job in jobs:
        with pytest.raises(Offline, match="is not there"):
            finish(job())
    assert not place.exists()


def test_a_share_that_goes_away_in_the_middle_is_offline(setting: Setting) -> None:
    plan = setting.plan()
    place, elsewhere = root(setting), setting.folder / "elsewhere"
    job = setting.remote().push(plan, setting.notes)
    for tick in job:
        if tick.done > 500_000:
            break
    place.rename(elsewhere)
    with pytest.raises(Offline):
        finish(job)
    assert not place.exists()
    elsewhere.rename(place)
    finish(setting.remote().push(plan, setting.notes))
    assert setting.visible()


def test_another_disk_in_the_same_place_is_not_written_to(setting: Setting) -> None:
    plan = setting.plan()
    other = dataclasses.replace(plan, notes={**plan.notes, "device": "1"})
    with pytest.raises(Conflict, match="another disk"):
        finish(setting.remote().push(other, setting.notes))
    assert listed(root(setting)) == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, NoSpace),
        (errno.EDQUOT, NoSpace),
        (errno.ESTALE, Offline),
        (errno.EIO, Offline),
        (errno.EROFS, Refused),
        (errno.EACCES, Refused),
    ],
)
def test_what_the_disk_refuses_ends_a_push_and_shows_nothing(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[DiptychError]
) -> None:
    write = os.write
    written = 0

    def failing(descriptor: int, data: bytes) -> int:
        nonlocal written
        if written > 2 << 20:
            raise OSError(number, os.strerror(number))
        written += len(data)
        return write(descriptor, data)

    plan = setting.plan()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing)
        with pytest.raises(kind) as caught:
            finish(setting.remote().push(plan, setting.notes))
    assert "\n" not in caught.value.message
    assert setting.visible() == {}
    finish(setting.remote().push(plan, setting.notes))
    assert setting.visible()


def test_a_version_that_cannot_fit_is_warned_of_and_not_begun(setting: Setting) -> None:
    huge = Parcel("huge.safetensors", 1 << 60, "0" * 64, Role.WEIGHTS, setting.folder / "huge")
    version = dataclasses.replace(setting.shipment, parcels=(*setting.shipment.parcels, huge))
    plan = setting.plan(version)
    assert [caution.key for caution in plan.cautions] == ["size"]
    with pytest.raises(NoSpace, match="are needed"):
        finish(setting.remote().push(plan, setting.notes))
    assert setting.visible() == {}


def test_verify_names_what_differs_what_is_missing_and_what_is_new(setting: Setting) -> None:
    receipt = setting.push()
    folder = root(setting) / "v1"
    setting.stand.tamper(setting.model, setting.parcel(WEIGHTS))
    (folder / "README.md").unlink()
    (folder / "config.json").write_bytes(b"{}")
    (folder / "tokenizer" / "notes.txt").write_text("mine")
    (folder / "empty.txt").unlink()
    (folder / "empty.txt").symlink_to("/dev/null")
    verified = finish(setting.remote().verify(receipt))
    found = {name: standing for name, standing, _ in verified.files if standing is not Standing.SAME}
    assert found == {
        WEIGHTS: Standing.DIFFERS,
        "README.md": Standing.MISSING,
        "config.json": Standing.DIFFERS,
        "tokenizer/notes.txt": Standing.EXTRA,
        "empty.txt": Standing.DIFFERS,
    }
    assert verified.notes == ()


@pytest.mark.parametrize("what", ["changed", "shorter", "link", "missing"])
def test_wrong_bytes_do_not_come_back(setting: Setting, what: str) -> None:
    setting.push()
    file = root(setting) / "v1" / WEIGHTS
    if what == "changed":
        setting.stand.tamper(setting.model, setting.parcel(WEIGHTS))
    elif what == "shorter":
        file.write_bytes(setting.files[WEIGHTS][:-1])
    else:
        file.unlink()
        if what == "link":
            secret = setting.folder / "secret"
            secret.write_bytes(setting.files[WEIGHTS])
            file.symlink_to(secret)
    with pytest.raises((Damaged, Refused, NotFound)):
        finish(setting.remote().pull("v1", setting.folder / "pulled"))
    assert not (setting.folder / "pulled").exists()
    with pytest.raises((Damaged, Refused, NotFound)):
        finish(setting.remote().read("v1", WEIGHTS, 0, len(setting.files[WEIGHTS])))


def test_a_folder_that_is_a_link_is_no_version(setting: Setting) -> None:
    setting.push()
    (root(setting) / "v2").symlink_to(root(setting) / "v1")
    assert [ref.name for ref in finish(setting.remote().refs())] == ["v1"]
    with pytest.raises(NotFound):
        finish(setting.remote().files("v2"))


def test_a_file_of_the_name_of_the_manifest_is_refused(setting: Setting) -> None:
    with pytest.raises(Refused, match=r"diptych\.json"):
        setting.plan(shipment(setting.folder / "odd", {"model.safetensors": b"x", "diptych.json": b"{}"}))


def test_copying_keeps_to_the_limit(setting: Setting) -> None:
    limited = dataclasses.replace(QUICK, bytes_per_second=20_000_000)
    remote = setting.remote(network=limited)
    receipt = finish(remote.push(setting.plan(remote=remote), setting.notes))
    assert receipt.seconds >= 0.9 * len(setting.files[WEIGHTS]) / 20_000_000


def test_versions_are_named_by_the_digest_of_their_manifest_too(setting: Setting) -> None:
    receipt = setting.push()
    digest = hashlib.sha256((root(setting) / "v1" / "diptych.json").read_bytes()).hexdigest()
    assert receipt.ids["manifest"] == f"sha256:{digest}"
    assert finish(setting.remote().files(digest[:10])) == receipt.files
