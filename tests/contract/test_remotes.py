"""What every remote must do, against a running registry of each kind."""

from __future__ import annotations

import dataclasses

import pytest

from diptych.domain.shipping import Fate, Phase, Standing, Voyage, Wishes
from diptych.errors import Conflict, NeedsSecret, NotFound
from diptych.job import Tick, finish
from diptych.remotes import kind_of
from stands import noise, shipment
from stands.setting import Setting, contents


def test_check_says_who_we_are(setting: Setting) -> None:
    access = finish(setting.remote().check())
    assert access.can_write is not False
    assert access.server
    secret = setting.stand.place(setting.model).secret
    if secret is not None and secret.user:
        assert access.account == secret.user


def test_other_logins_are_asked_for(setting: Setting) -> None:
    for place in setting.stand.strangers(setting.model):
        with pytest.raises(NeedsSecret) as caught:
            finish(setting.remote(place).check())
        assert "\n" not in caught.value.message
        with pytest.raises(NeedsSecret):
            setting.push(place=place)
    assert setting.visible() == {}


def test_a_plan_names_every_file_and_changes_nothing(setting: Setting) -> None:
    before = setting.visible()
    plan = setting.plan()
    assert {file.name for file in plan.files if file.fate is Fate.NEW} >= set(setting.files)
    assert plan.to_send >= setting.shipment.bytes
    assert plan.harmless
    assert not plan.done
    assert setting.visible() == before


def test_a_push_delivers_what_the_plan_says(setting: Setting) -> None:
    remote = setting.remote()
    plan = setting.plan(remote=remote)
    ticks: list[Tick] = []
    receipt = finish(remote.push(plan, setting.notes), ticks.append)
    delivered = {file.name: (file.bytes, file.sha256) for file in receipt.files}
    for parcel in setting.shipment.parcels:
        assert delivered[parcel.name] == (parcel.bytes, parcel.sha256)
    assert receipt.sent >= setting.shipment.bytes
    assert receipt.version_id == setting.shipment.version.id
    assert setting.visible(), "nobody sees it"
    assert setting.notes.kept == {}, "the journal is not empty in the end"
    phases = [tick.partial.phase for tick in ticks if isinstance(tick.partial, Voyage)]
    assert [phase for at, phase in enumerate(phases) if phase not in phases[:at]] == [
        Phase.UPLOAD,
        Phase.COMMIT,
        Phase.VERIFY,
    ]
    done = [tick.done for tick in ticks if isinstance(tick.partial, Voyage) and tick.partial.phase is Phase.UPLOAD]
    assert done == sorted(done)
    assert all(tick.done <= tick.total for tick in ticks if isinstance(tick.partial, Voyage))


def test_a_second_push_sends_nothing(setting: Setting) -> None:
    first = setting.push()
    seen = setting.visible()
    plan = setting.plan()
    assert plan.done
    assert plan.to_send == 0
    assert plan.count(Fate.UNCHANGED) >= len(setting.files)
    assert plan.harmless
    again = finish(setting.remote().push(plan, setting.notes))
    assert again.sent == 0
    assert again.reference == first.reference
    assert setting.visible() == seen


def test_what_is_replaced_is_shown_and_only_that_is_sent(setting: Setting) -> None:
    setting.push()
    changed = {**setting.files, "config.json": b'{"model_type": "llama", "changed": 1}'}
    later = shipment(setting.folder / "later", changed)
    plan = setting.plan(later)
    fates = {file.name: file.fate for file in plan.files}
    assert fates["config.json"] is Fate.REPLACE
    assert fates["model-00001-of-00002.safetensors"] is Fate.UNCHANGED
    assert not plan.harmless
    weights = next(file for file in plan.files if file.name == "model-00001-of-00002.safetensors")
    receipt = setting.push(later)
    assert (weights.to_send == 0) is setting.stand.keeps_content_once
    assert (receipt.sent < 100_000) is setting.stand.keeps_content_once
    finish(setting.remote().pull(setting.stand.reference, setting.folder / "pulled"))
    assert contents(setting.folder / "pulled")["config.json"] == changed["config.json"]


def test_a_push_that_names_nothing_is_shown_as_usual(setting: Setting) -> None:
    setting.wishes = Wishes()
    setting.push()
    kind = kind_of(setting.stand.place(setting.model).address)
    shown = setting.visible()
    assert kind.usual in shown if kind.usual else len(shown) == 1


def test_a_pull_gives_back_what_was_pushed(setting: Setting) -> None:
    setting.push()
    target = setting.folder / "pulled"
    delivered = finish(setting.remote().pull(setting.stand.reference, target))
    got = contents(target)
    assert {name: got[name] for name in setting.files} == setting.files
    assert {file.name for file in delivered} == set(got)
    with pytest.raises(Conflict):
        finish(setting.remote().pull(setting.stand.reference, target))
    assert [path.name for path in setting.folder.iterdir() if "part" in path.name] == []


def test_references_and_files_are_listed(setting: Setting) -> None:
    receipt = setting.push()
    refs = finish(setting.remote().refs())
    assert setting.stand.reference in [ref.name for ref in refs]
    files = {file.name: file for file in finish(setting.remote().files(setting.stand.reference))}
    for parcel in setting.shipment.parcels:
        assert files[parcel.name].bytes == parcel.bytes
        assert files[parcel.name].sha256 in ("", parcel.sha256)
    assert finish(setting.remote().files(receipt.reference))


def test_what_is_not_there_is_not_found(setting: Setting) -> None:
    assert finish(setting.remote().refs()) == ()
    for job in (
        setting.remote().files("nowhere"),
        setting.remote().pull("nowhere", setting.folder / "pulled"),
        setting.remote().read("nowhere", "config.json", 0, 1),
    ):
        with pytest.raises(NotFound):
            finish(job)
    assert not (setting.folder / "pulled").exists()
    setting.push()
    with pytest.raises(NotFound):
        finish(setting.remote().read(setting.stand.reference, "nothing.bin", 0, 1))


def test_ranges_are_read_without_the_rest(setting: Setting) -> None:
    setting.push()
    remote = setting.remote()
    name = "model-00001-of-00002.safetensors"
    whole = setting.files[name]
    for begin, length in ((0, 8), (1_000_003, 70_001), (len(whole) - 5, 5), (0, 0)):
        ticks: list[Tick] = []
        got = finish(remote.read(setting.stand.reference, name, begin, length), ticks.append)
        assert got == whole[begin : begin + length]


def test_a_delivery_is_verified_later(setting: Setting) -> None:
    receipt = setting.push()
    verified = finish(setting.remote().verify(receipt))
    assert not verified.drifted
    assert {name for name, _, _ in verified.files} >= set(setting.files)
    assert {standing for _, standing, _ in verified.files} == {Standing.SAME}


def test_a_reference_that_moved_is_drift(setting: Setting) -> None:
    receipt = setting.push()
    setting.push(shipment(setting.folder / "later", {**setting.files, "config.json": b"{}"}))
    assert finish(setting.remote().verify(receipt)).drifted


def test_a_file_that_changed_since_it_was_hashed_is_not_committed(setting: Setting) -> None:
    plan = setting.plan()
    (setting.folder / "source" / "model-00002-of-00002.safetensors").write_bytes(noise(1 << 20, 77))
    with pytest.raises(Conflict) as caught:
        finish(setting.remote().push(plan, setting.notes))
    assert "model-00002-of-00002.safetensors" in caught.value.message
    assert setting.visible() == {}


def test_a_file_that_became_shorter_is_not_committed(setting: Setting) -> None:
    plan = setting.plan()
    (setting.folder / "source" / "model-00002-of-00002.safetensors").write_bytes(b"short")
    with pytest.raises(Conflict) as caught:
        finish(setting.remote().push(plan, setting.notes))
    assert "model-00002-of-00002.safetensors" in caught.value.message
    assert setting.visible() == {}


def test_two_pushes_of_the_same_plan_end_the_same(setting: Setting) -> None:
    plan = setting.plan()
    first = finish(setting.remote().push(plan, setting.notes))
    second = finish(setting.remote().push(plan, setting.notes))
    assert {file.name: file.sha256 for file in first.files} == {file.name: file.sha256 for file in second.files}


def test_an_order_of_parcels_does_not_matter(setting: Setting) -> None:
    setting.push()
    turned = dataclasses.replace(setting.shipment, parcels=setting.shipment.parcels[::-1])
    assert setting.plan(turned).to_send == 0
