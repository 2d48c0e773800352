"""What of a version is shipped, what is warned of, and that a push can be taken up again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.domain import address
from diptych.domain.shipping import (
    Access,
    Delivered,
    Fate,
    Journal,
    Phase,
    Plan,
    PlannedFile,
    Receipt,
    Ref,
    Shipment,
    Verified,
    Voyage,
    Wishes,
)
from diptych.domain.version import Version
from diptych.errors import Conflict, NotFound, Offline, Refused
from diptych.job import Job, Tick, finish
from diptych.workbench import Workbench, pushing
from diptych.workbench.leaks import Leak, leaks
from diptych.workbench.shipping import Choice, prepare
from making import make_adapter, make_lm_eval, make_model, make_run

USUAL = Choice()
TOKEN = "hf_" + "a1B2" * 9


@pytest.fixture
def shipped(workbench: Workbench, tmp_path: Path) -> Callable[..., Shipment]:
    """Scan a folder and prepare one version of it."""

    def do(folder: Path, name: str = "", choice: Choice = USUAL) -> Shipment:
        finish(workbench.scan([folder]))
        version = workbench.resolve(name) if name else workbench.page()[0]
        return finish(prepare(workbench.catalog, version, choice))

    return do


def test_files_made_for_logins_stay_here_unless_asked_for(shipped: Callable[..., Shipment], tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    for name in (".env", ".env.local", ".netrc", "environment.py"):
        (model / name).write_text("TOKEN=1")
    kept = dict.fromkeys((".env", ".env.local", ".netrc"), "usually holds logins")
    shipment = shipped(model)
    assert {one.name: one.reason for one in shipment.left_out} == kept
    asked = shipped(model, choice=Choice(include=frozenset({".env"})))
    assert ".env" in {parcel.name for parcel in asked.parcels}


def test_what_only_continues_a_training_and_pickles_stay_here(shipped: Callable[..., Shipment], tmp_path: Path) -> None:
    run = make_run(tmp_path / "sft", (100,))
    checkpoint = run / "checkpoint-100"
    for name in ("optimizer.pt", "rng_state.pth", "training_args.bin", "extra.pkl"):
        (checkpoint / name).write_bytes(b"pickle")
    shipment = shipped(run)
    assert {one.name: one.reason for one in shipment.left_out} == {
        "optimizer.pt": "only continues a training",
        "rng_state.pth": "only continues a training",
        "training_args.bin": "a pickle, which runs code when it is loaded",
        "extra.pkl": "a pickle, which runs code when it is loaded",
    }
    names = {parcel.name for parcel in shipment.parcels}
    assert "model.safetensors" in names
    assert not names & {one.name for one in shipment.left_out}
    weights = next(parcel for parcel in shipment.parcels if parcel.name == "model.safetensors")
    assert weights.sha256 == hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest()
    assert shipment.version.hashed


def test_the_choice_of_the_user_goes_before_the_rules(shipped: Callable[..., Shipment], tmp_path: Path) -> None:
    run = make_run(tmp_path / "sft", (100,))
    (run / "checkpoint-100" / "training_args.bin").write_bytes(b"pickle")
    choice = Choice(include=frozenset({"training_args.bin"}), exclude=frozenset({"trainer_state.json"}))
    shipment = shipped(run, choice=choice)
    names = {parcel.name for parcel in shipment.parcels}
    assert "training_args.bin" in names
    assert "trainer_state.json" not in names
    assert any(caution.key == "pickle" for caution in shipment.cautions)


def test_a_secret_is_found_by_file_and_line_and_never_repeated(
    shipped: Callable[..., Shipment], tmp_path: Path
) -> None:
    model = make_model(tmp_path / "model")
    (model / "notes.txt").write_text(f"one\ntwo\nlogin with {TOKEN}\n", "utf-8")
    (caution,) = [one for one in shipped(model).cautions if one.key == "secret"]
    assert caution.files == ("notes.txt",)
    assert caution.text == "notes.txt, line 3: perhaps an access token of the Hugging Face Hub"
    assert TOKEN not in repr(caution)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"token={TOKEN}", "an access token of the Hugging Face Hub"),
        ("aws AKIAABCDEFGHIJKLMNOP here", "an access key of AWS"),
        ("ghp_" + "x" * 36, "a token of GitHub"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc", "a private key"),
        ("see https://jane:correct-horse@host.example/x", "a password in an address"),
        ('"api_key": "0123456789abcdef"', "a password or key"),
    ],
)
def test_kinds_of_secrets(tmp_path: Path, text: str, kind: str) -> None:
    file = tmp_path / "x.txt"
    file.write_text("\n" * 5 + text, "utf-8")
    assert [(leak.line, leak.kind) for leak in _leaks(file)] == [(6, kind)]


@pytest.mark.parametrize(
    "text", ["hf_short", "password = os.environ['X']", '"api_key": "${API_KEY_OF_TEAM}"', "https://host/x@y", "sk-1"]
)
def test_what_only_resembles_a_secret_is_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.txt"
    file.write_text(text, "utf-8")
    assert _leaks(file) == ()


def test_a_secret_across_two_windows_is_found_once_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.write_text("a\n" * ((1 << 17) - 10) + TOKEN + "\n" + "b\n" * 1000, "utf-8")
    assert [leak.line for leak in _leaks(file)] == [(1 << 17) - 9]


def test_an_incomplete_version_without_a_card_is_warned_of(shipped: Callable[..., Shipment], tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", shards=3)
    next(model.glob("*-00002-of-*")).unlink()
    assert {"shards", "card"} <= {caution.key for caution in shipped(model).cautions}


def test_code_and_another_licence_than_the_base_are_warned_of(
    shipped: Callable[..., Shipment], workbench: Workbench, tmp_path: Path
) -> None:
    base = make_model(tmp_path / "base")
    (base / "README.md").write_text("---\nlicense: llama3\n---\n# Base\n", "utf-8")
    adapter = make_adapter(tmp_path / "lora", str(base))
    (adapter / "README.md").write_text("---\nlicense: mit\n---\n# Adapter\n", "utf-8")
    (adapter / "modeling.py").write_text("import torch\n", "utf-8")
    cautions = {caution.key: caution.text for caution in shipped(tmp_path, "lora").cautions}
    assert cautions["licence"] == "States the licence mit, while its base base has llama3"
    assert cautions["code"] == "Holds code: modeling.py"


def test_a_kept_card_goes_in_place_of_the_file(
    shipped: Callable[..., Shipment], workbench: Workbench, tmp_path: Path
) -> None:
    model = make_model(tmp_path / "model")
    version = shipped(model).version
    workbench.catalog.shipments.keep_card(version.id, "# Kept\n")
    shipment = finish(prepare(workbench.catalog, version, Choice()))
    (card,) = [parcel for parcel in shipment.parcels if parcel.name == "README.md"]
    assert (card.content, card.path, card.bytes) == (b"# Kept\n", None, 7)


def test_a_file_that_changed_after_hashing_is_not_shipped(
    shipped: Callable[..., Shipment], workbench: Workbench, tmp_path: Path
) -> None:
    model = make_model(tmp_path / "model")
    version = shipped(model).version
    (model / "config.json").write_text("{}", "utf-8")
    with pytest.raises(Conflict, match=r"config\.json: changed after it was hashed"):
        finish(prepare(workbench.catalog, version, Choice()))


def test_a_version_without_weights_here_cannot_go(workbench: Workbench, tmp_path: Path) -> None:
    make_lm_eval(tmp_path / "eval", "org/elsewhere", {"arith": 0.5})
    finish(workbench.scan([tmp_path]))
    with pytest.raises(NotFound, match="its weights are not here"):
        finish(prepare(workbench.catalog, workbench.page()[0], Choice()))


def test_a_version_of_pickles_says_how_to_include_them(shipped: Callable[..., Shipment], tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(Refused, match="no weights would go") as caught:
        shipped(model)
    assert "pytorch_model.bin" in caught.value.hint


class Shelf:
    """A remote that keeps what it is given, and loses the connection as often as it is told."""

    def __init__(self, where: str = "file:///shelf") -> None:
        self.address = address.parse(where)
        self.losses = 0
        self.held: dict[str, Plan] = {}
        self.seen: list[str | None] = []
        self.closed = 0

    def check(self) -> Job[Access]:
        yield Tick("Asking")
        return Access("", True, "shelf")

    def plan(self, shipment: Shipment, wishes: Wishes) -> Job[Plan]:
        yield Tick("Planning")
        files = tuple(PlannedFile(one.name, one.bytes, Fate.NEW, "", one.bytes, one) for one in shipment.parcels)
        return Plan(self.address, "the shelf", "", shipment, wishes, files, shipment.cautions)

    def push(self, plan: Plan, journal: Journal) -> Job[Receipt]:
        self.seen.append(journal.get("begun"))
        yield Tick("Uploading", 0, plan.to_send, "bytes", Voyage(Phase.UPLOAD))
        journal.put("begun", "yes")
        if self.losses:
            self.losses -= 1
            raise Offline("shelf: broke off the connection while uploading")
        self.held[plan.shipment.version.id] = plan
        files = tuple(Delivered(one.name, one.bytes, "") for one in plan.files)
        return Receipt(self.address, plan.target, plan.shipment.version.id, "v1", "", {}, files, 1, 0.1, 1.0)

    def refs(self) -> Job[tuple[Ref, ...]]:
        yield Tick("Listing")
        return (Ref("v1", "tag"),)

    def files(self, ref: str) -> Job[tuple[Delivered, ...]]:
        raise NotImplementedError

    def read(self, ref: str, name: str, start: int, length: int) -> Job[bytes]:
        raise NotImplementedError

    def pull(self, ref: str, folder: Path) -> Job[tuple[Delivered, ...]]:
        yield Tick("Pulling")
        folder.mkdir()
        return ()

    def verify(self, receipt: Receipt) -> Job[Verified]:
        yield Tick("Verifying")
        return Verified(())

    def close(self) -> None:
        self.closed += 1

    def open(self, name: str) -> Job[Shelf]:
        yield Tick(f"Opening {name}")
        return self


@pytest.fixture
def version(workbench: Workbench, tmp_path: Path) -> Version:
    make_model(tmp_path / "model")
    finish(workbench.scan([tmp_path / "model"]))
    return workbench.page()[0]


def test_a_push_that_was_broken_off_goes_on_with_its_journal(workbench: Workbench, version: Version) -> None:
    shelf = Shelf()
    shelf.losses = 1
    catalog = workbench.catalog
    (targeted,) = finish(pushing.plan(catalog, shelf.open, version, [("shelf", Wishes())], Choice()))
    with pytest.raises(Offline):
        finish(pushing.push(catalog, shelf.open, targeted))
    (underway,) = catalog.shipments.underway()
    kept = finish(pushing.resume(catalog, shelf.open, underway))
    assert shelf.seen == [None, "yes"]
    assert catalog.shipments.underway() == ()
    assert catalog.shipments.receipts(targeted.plan.shipment.version.id) == (kept,)
    assert shelf.closed == 4


def test_a_push_that_goes_on_keeps_to_what_the_user_chose(workbench: Workbench, tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    (model / "README.md").write_text(f"# Mine\n{TOKEN}\n", "utf-8")
    (model / "extra.pkl").write_bytes(b"pickle")
    finish(workbench.scan([model]))
    shelf = Shelf()
    shelf.losses = 1
    catalog = workbench.catalog
    choice = Choice(include=frozenset({"extra.pkl"}), exclude=frozenset({"README.md"}))
    (targeted,) = finish(pushing.plan(catalog, shelf.open, workbench.page()[0], [("shelf", Wishes())], choice))
    with pytest.raises(Offline):
        finish(pushing.push(catalog, shelf.open, targeted))
    (underway,) = catalog.shipments.underway()
    kept = finish(pushing.resume(catalog, shelf.open, underway))
    names = {file.name for file in kept.receipt.files}
    assert "README.md" not in names
    assert "extra.pkl" in names


def test_a_push_does_not_go_on_past_a_warning_that_nobody_has_seen(
    workbench: Workbench, version: Version, tmp_path: Path
) -> None:
    shelf = Shelf()
    shelf.losses = 1
    catalog = workbench.catalog
    (targeted,) = finish(pushing.plan(catalog, shelf.open, version, [("shelf", Wishes())], Choice()))
    with pytest.raises(Offline):
        finish(pushing.push(catalog, shelf.open, targeted))
    (underway,) = catalog.shipments.underway()
    catalog.shipments.journal(underway.key).put("choice of files", '{"told": []}')
    with pytest.raises(Conflict, match="new since the push began: Has no model card"):
        finish(pushing.resume(catalog, shelf.open, underway))
    assert len(catalog.shipments.underway()) == 1


def test_a_push_that_is_given_up_is_cleared_away_there(workbench: Workbench, version: Version) -> None:
    class Forgetful(Shelf):
        forgot: str | None = None

        def abandon(self, plan: Plan, journal: Journal) -> Job[None]:
            yield Tick("Cleaning up")
            self.forgot = journal.get("begun")

    shelf = Forgetful()
    shelf.losses = 1
    catalog = workbench.catalog
    (targeted,) = finish(pushing.plan(catalog, shelf.open, version, [("shelf", Wishes())], Choice()))
    with pytest.raises(Offline):
        finish(pushing.push(catalog, shelf.open, targeted))
    finish(pushing.give_up(catalog, shelf.open, catalog.shipments.underway()[0]))
    assert shelf.forgot == "yes"
    assert catalog.shipments.underway() == ()


def test_several_targets_share_one_pass_over_the_files(workbench: Workbench, version: Version) -> None:
    shelf = Shelf()
    targets = [("one", Wishes()), ("two", Wishes(reference="x")), ("three", Wishes(reference="y"))]
    ticks: list[Tick] = []
    plans = finish(pushing.plan(workbench.catalog, shelf.open, version, targets, Choice()), ticks.append)
    assert len({id(one.plan.shipment) for one in plans}) == 1
    totals = {tick.total for tick in ticks if tick.text == "Hashing files"}
    assert len(totals) == 1


def test_the_newest_target_of_a_model_is_remembered(workbench: Workbench, version: Version) -> None:
    shelf = Shelf()
    assert workbench.one_click(version) is None
    wishes = Wishes(reference="main", tag="v1", message="first")
    (targeted,) = finish(pushing.plan(workbench.catalog, shelf.open, version, [("team", wishes)], Choice()))
    finish(pushing.push(workbench.catalog, shelf.open, targeted))
    workbench.add_remote("team", str(targeted.plan.address))
    assert workbench.one_click(version) == ("team", Wishes(reference="main"))


def test_a_pull_never_writes_into_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="is there already"):
        finish(pushing.pull(Shelf().open, "shelf", "v1", tmp_path))
    with pytest.raises(NotFound, match="no such folder"):
        finish(pushing.pull(Shelf().open, "shelf", "v1", tmp_path / "a" / "b"))


def _leaks(file: Path) -> tuple[Leak, ...]:
    search = leaks(file)
    while True:
        try:
            next(search)
        except StopIteration as stop:
            found: tuple[Leak, ...] = stop.value
            return found
