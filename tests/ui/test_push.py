"""Pushing as a user does it: a key, a plan to look at, a receipt."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from diptych.catalog.shipments import Shipments
from diptych.domain.receipts import receipt_from_plain
from diptych.domain.shipping import Phase, Voyage, Wishes
from diptych.domain.version import Version
from diptych.job import Job, Tick, finish
from diptych.ui.context import Alert, Context
from diptych.ui.dialogs.card import CardDialog
from diptych.ui.dialogs.push import PushDialog
from diptych.ui.dialogs.receipt import ReceiptDialog
from diptych.ui.dialogs.wishes import WishesForm
from diptych.ui.pages.activity import ActivityPage, JobRow, Pace, outcome, phases
from diptych.ui.pages.compare import opened
from diptych.ui.pages.compare_header import choices
from diptych.ui.pages.deliveries import Deliveries
from diptych.ui.pages.pushing import Pushes
from diptych.ui.pages.settings_remotes import RemotesSection
from diptych.ui.runner import Runner
from diptych.ui.theme import Theme
from diptych.ui.widgets.label import Elided
from diptych.workbench import Workbench
from diptych.workbench.remotes import Remotes
from making import make_model, weights, write_json
from making_torch import tensor, write_torch

README = "---\nlicense: mit\n---\n# Mine\n"


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


@pytest.fixture
def version(workbench: Workbench, tmp_path: Path, share: Path) -> Version:
    """A model with a pickle and without a card, and a remote that is a folder."""
    model = make_model(tmp_path / "model")
    (model / "training_args.bin").write_bytes(b"pickle")
    finish(workbench.scan([model]))
    workbench.add_remote("share", share.as_uri())
    return workbench.page()[0]


@pytest.fixture
def context(qapp: QApplication, workbench: Workbench) -> Iterator[Context]:
    made = Context(workbench, Runner(), Theme(qapp, "light"))
    yield made
    made.runner.close()


@pytest.fixture
def alerts(context: Context) -> list[Alert]:
    said: list[Alert] = []
    context.alerted.connect(said.append)
    return said


@pytest.fixture
def pushes(context: Context, qtbot: QtBot) -> Pushes:
    page = QWidget()
    qtbot.addWidget(page)
    return Pushes(context, page)


@pytest.fixture
def dialog(context: Context, version: Version, qtbot: QtBot) -> PushDialog:
    """The dialog over the one remote, its plan known."""
    made = PushDialog(context, version, context.workbench.remotes())
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: bool(made.planned))
    return made


def answer(qtbot: QtBot, do: Callable[[QWidget], None]) -> None:
    """Do something to the modal dialog as soon as there is one."""

    def look() -> None:
        shown = QApplication.activeModalWidget()
        if shown is None:
            QTimer.singleShot(20, look)
        else:
            do(shown)

    QTimer.singleShot(0, look)


def acts(deliveries: Deliveries) -> dict[str, QToolButton]:
    """What can be done to the deliveries on show."""
    QApplication.sendPostedEvents(None, 52)  # what was replaced goes at last
    return {one.accessibleName(): one for one in deliveries.findChildren(QToolButton)}


def column(dialog: ReceiptDialog, number: int) -> dict[str, str]:
    """The texts in one column by the names of the files."""
    items = [dialog.files.topLevelItem(row) for row in range(dialog.files.topLevelItemCount())]
    return {item.text(0): item.text(number) for item in items if item is not None}


def fates(dialog: PushDialog) -> dict[str, str]:
    items = [dialog.files.topLevelItem(row) for row in range(dialog.files.topLevelItemCount())]
    return {item.text(0): item.text(2).strip() for item in items if item is not None}


def test_without_a_remote_the_way_to_settings_is_shown(
    workbench: Workbench, pushes: Pushes, context: Context, alerts: list[Alert], tmp_path: Path, qtbot: QtBot
) -> None:
    finish(workbench.scan([make_model(tmp_path / "model")]))
    asked: list[str] = []
    context.page_asked.connect(asked.append)
    pushes.push(workbench.page()[0])
    qtbot.waitUntil(lambda: bool(alerts))
    assert alerts[0].message == "No remote is known yet."
    assert alerts[0].act is not None
    alerts[0].act()
    assert asked == ["settings"]


def test_the_plan_names_every_file_and_waits_to_be_looked_at(dialog: PushDialog) -> None:
    told = fates(dialog)
    assert told["model.safetensors"] == "new"
    assert told["training_args.bin"] == "excluded"
    assert not dialog.push.isEnabled()
    dialog.looked.click()
    assert dialog.push.isEnabled()


def test_a_file_that_is_unchecked_stays_here(dialog: PushDialog, qtbot: QtBot) -> None:
    items = dialog.files.findItems("config.json", Qt.MatchFlag.MatchExactly)
    items[0].setCheckState(0, Qt.CheckState.Unchecked)
    assert dialog.planned == ()
    qtbot.waitUntil(lambda: bool(dialog.planned))
    assert fates(dialog)["config.json"] == "excluded"
    again = dialog.files.findItems("config.json", Qt.MatchFlag.MatchExactly)
    again[0].setCheckState(0, Qt.CheckState.Checked)
    qtbot.waitUntil(lambda: bool(dialog.planned))
    assert fates(dialog)["config.json"] == "new"


def test_a_version_of_pickles_can_be_pushed_when_they_are_ticked(
    context: Context, workbench: Workbench, tmp_path: Path, share: Path, qtbot: QtBot
) -> None:
    model = tmp_path / "old"
    write_torch(model / "pytorch_model.bin", {name: tensor(values) for name, values in weights().items()})
    write_json(model / "config.json", {"model_type": "llama"})
    finish(workbench.scan([model]))
    workbench.add_remote("share", share.as_uri())
    made = PushDialog(context, workbench.page()[0], workbench.remotes())
    qtbot.addWidget(made)
    made.show()
    assert fates(made) == {"config.json": "", "pytorch_model.bin": "excluded"}
    qtbot.waitUntil(lambda: "no weights would go" in made.said.text())
    (pickle,) = made.files.findItems("pytorch_model.bin", Qt.MatchFlag.MatchExactly)
    pickle.setCheckState(0, Qt.CheckState.Checked)
    qtbot.waitUntil(lambda: bool(made.planned))
    assert fates(made)["pytorch_model.bin"] == "new"
    assert any("Holds pickles" in text for text in made.cautions.texts())


def test_a_click_anywhere_in_its_row_chooses_a_remote(dialog: PushDialog, qtbot: QtBot) -> None:
    item = dialog.targets.item(0)
    place = dialog.targets.visualItemRect(item).center()
    qtbot.mouseClick(dialog.targets.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert dialog.chosen() == []
    qtbot.mouseClick(dialog.targets.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert [remote.name for remote in dialog.chosen()] == ["share"]


def test_everything_to_look_at_can_be_looked_at(
    context: Context, workbench: Workbench, tmp_path: Path, share: Path, qtbot: QtBot
) -> None:
    model = make_model(tmp_path / "dubious", shards=3, config={"auto_map": {"AutoModel": "modeling_x.X"}})
    (model / "model-00002-of-00003.safetensors").unlink()
    (model / "modeling_x.py").write_text("class X: ...\n", "utf-8")
    (model / "notes.txt").write_text(f"token = hf_{'A1b2C3d4E5' * 4}\n", "utf-8")
    (model / "more.yaml").write_text("key: AKIAABCDEFGHIJKLMNOP\n", "utf-8")
    for name in ("one", "two"):
        (share / name).mkdir()
        workbench.add_remote(name, (share / name).as_uri())
    finish(workbench.scan([make_model(tmp_path / "before", seed=5)]))
    (targeted,) = finish(workbench.plan_push(workbench.resolve("before"), [("two", Wishes(reference="dubious"))]))
    finish(workbench.push(targeted))
    finish(workbench.scan([model]))
    made = PushDialog(context, workbench.resolve("dubious"), workbench.remotes())
    qtbot.addWidget(made)
    made.show()
    for row in range(2):
        made.targets.item(row).setCheckState(Qt.CheckState.Checked)
    qtbot.waitUntil(lambda: bool(made.planned))
    said = made.cautions.texts()
    for words in ("shard is missing", "perhaps an access token", "access key of AWS", "modeling_x.py", "no model card"):
        assert [words in text for text in said].count(True) == 1, words
    assert [text for text in said if text.startswith("two: ")]
    assert not [text for text in said if text.startswith("one: ")]
    assert made.cautions.verticalScrollBar().maximum() > 0
    copy = next(one for one in made.findChildren(QPushButton) if one.text() == "Copy plan")
    copy.click()
    copied = QApplication.clipboard().text()
    assert all(text in copied for text in said)


def test_without_a_target_there_is_nothing_to_push(dialog: PushDialog) -> None:
    dialog.targets.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert dialog.said.text() == "Choose where it goes."
    assert not dialog.push.isEnabled()


def test_what_is_asked_depends_on_the_kind_of_remote(qtbot: QtBot) -> None:
    form = WishesForm(Wishes())
    qtbot.addWidget(form)
    form.show_for({"hub"})
    form.pull_request.setChecked(True)
    assert form.wishes().pull_request
    form.show_for({"oci"})
    assert form.pull_request.isHidden()
    assert not form.wishes().pull_request
    assert form.wishes().layout == "raw"


@pytest.mark.parametrize(
    ("kind", "placeholder"),
    [
        ("hub", "main"), ("mlflow", "none"), ("oci", "latest"), ("s3", "latest"), ("folder", "named after the version")
    ],
)  # fmt: skip
def test_what_is_taken_where_nothing_is_written_is_said(qtbot: QtBot, kind: str, placeholder: str) -> None:
    form = WishesForm(Wishes())
    qtbot.addWidget(form)
    form.show_for({kind})
    assert form.reference.placeholderText() == placeholder


def test_a_push_ends_with_a_receipt_and_the_next_takes_one_click(
    pushes: Pushes, context: Context, version: Version, alerts: list[Alert], share: Path, qtbot: QtBot
) -> None:
    def accept(shown: QWidget) -> None:
        assert isinstance(shown, PushDialog)

        def go() -> None:
            if not shown.planned:
                QTimer.singleShot(20, go)
                return
            shown.looked.setChecked(True)
            shown.push.click()

        go()

    answer(qtbot, accept)
    pushes.push(version)
    qtbot.waitUntil(lambda: any("verified" in alert.message for alert in alerts))
    assert len(list(share.rglob("model.safetensors"))) == 1
    assert not list(share.rglob("training_args.bin"))
    alerts.clear()
    pushes.push(version)  # the same version: nothing to do, and nothing is asked
    qtbot.waitUntil(lambda: bool(alerts))
    assert "already" in alerts[0].message
    assert QApplication.activeModalWidget() is None


def test_a_harmless_push_asks_nothing(
    pushes: Pushes, workbench: Workbench, alerts: list[Alert], share: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    run = tmp_path / "run"
    workbench.add_remote("share", share.as_uri())
    for step in (100, 200):
        (make_model(run / f"checkpoint-{step}", seed=step) / "README.md").write_text(README, "utf-8")
    finish(workbench.scan([run]))
    first, second = workbench.page(sort="step", descending=False)
    assert first.model == second.model
    (targeted,) = finish(workbench.plan_push(first, [("share", Wishes())]))
    finish(workbench.push(targeted))
    pushes.push(second)
    qtbot.waitUntil(lambda: any("verified" in alert.message for alert in alerts))
    assert QApplication.activeModalWidget() is None
    assert len(list(share.rglob("model.safetensors"))) == 2


def test_a_push_that_was_broken_off_can_be_resumed(
    context: Context, workbench: Workbench, version: Version, share: Path, qtbot: QtBot
) -> None:
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    begun = workbench.push(targeted)
    next(begun)
    begun.close()
    shown = Deliveries(context)
    qtbot.addWidget(shown)
    shown.read()
    qtbot.waitUntil(lambda: "Resume" in acts(shown))
    with qtbot.waitSignal(context.delivered):
        acts(shown)["Resume"].click()
    assert workbench.shipments.underway() == ()
    qtbot.waitUntil(lambda: "Verify that it is still as delivered" in acts(shown))


def test_what_was_delivered_and_where_to_is_read_in_a_worker(
    context: Context, workbench: Workbench, version: Version, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    readers: list[str] = []

    def noting(read: Callable[..., object]) -> Callable[..., object]:
        def noted(*arguments: object, **keywords: object) -> object:
            readers.append(threading.current_thread().name)
            return read(*arguments, **keywords)

        return noted

    monkeypatch.setattr(Shipments, "receipts", noting(Shipments.receipts))
    monkeypatch.setattr(Shipments, "underway", noting(Shipments.underway))
    monkeypatch.setattr(Shipments, "last_of", noting(Shipments.last_of))
    monkeypatch.setattr(Remotes, "all", noting(Remotes.all))
    section, shown = RemotesSection(context), Deliveries(context)
    for made in (section, shown):
        qtbot.addWidget(made)
    section.fill()
    shown.read()
    answer(qtbot, lambda dialog: dialog.close())
    Pushes(context, shown).push(version)
    qtbot.waitUntil(lambda: len(readers) == 5)
    assert all(name.startswith("job") for name in readers)


def test_a_receipt_shows_what_the_remote_calls_it_and_what_has_changed(
    context: Context, workbench: Workbench, version: Version, share: Path, qtbot: QtBot
) -> None:
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    kept = finish(workbench.push(targeted))
    shown = ReceiptDialog(context, kept)
    qtbot.addWidget(shown)
    shown.show()
    told = " ".join(one.text() for one in shown.findChildren(QLabel))
    assert all(value in told for value in (kept.id, kept.receipt.reference, *kept.receipt.ids.values()))
    digests = {file.name: file.sha256 for file in kept.receipt.files}
    assert column(shown, 2) == digests
    assert set(column(shown, 3).values()) == {""}
    buttons = {one.text(): one for one in shown.findChildren(QPushButton)}
    buttons["Copy"].click()
    assert receipt_from_plain(json.loads(QApplication.clipboard().text())) == kept.receipt
    config = next(share.rglob("config.json"))
    config.write_bytes(config.read_bytes().replace(b"llama", b"lamma"))
    buttons["Verify"].click()
    qtbot.waitUntil(lambda: column(shown, 3)["config.json"] == "differs")
    first = shown.files.topLevelItem(0)
    assert first is not None
    assert first.text(0) == "config.json"
    assert shown.said.text().startswith(f"{len(digests) - 1} of {len(digests)} files as delivered")


def test_a_push_of_one_click_is_seen_from_its_first_moment(
    pushes: Pushes, context: Context, workbench: Workbench, version: Version, alerts: list[Alert], qtbot: QtBot
) -> None:
    finish(workbench.hash())
    version = workbench.page()[0]
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    finish(workbench.push(targeted))
    pushes.push(version)
    qtbot.waitUntil(lambda: bool(alerts))
    (shown,) = [job for job in context.runner.jobs if not job.quiet]
    assert shown.title == f"Push {version.name} to share"
    assert outcome(shown) == "It is there already, as it is here."


def test_a_delivery_that_was_changed_is_told(
    pushes: Pushes, workbench: Workbench, version: Version, alerts: list[Alert], share: Path, qtbot: QtBot
) -> None:
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    kept = finish(workbench.push(targeted))
    config = next(share.rglob("config.json"))
    config.write_bytes(config.read_bytes().replace(b"llama", b"lamma"))
    pushes.verify(kept)
    qtbot.waitUntil(lambda: bool(alerts))
    assert "config.json differs" in alerts[0].message
    assert alerts[0].serious


def test_a_card_that_is_kept_goes_with_the_next_push(
    pushes: Pushes, workbench: Workbench, version: Version, share: Path, alerts: list[Alert], qtbot: QtBot
) -> None:
    finish(workbench.hash())
    version = workbench.page()[0]

    def keep(shown: QWidget) -> None:
        assert isinstance(shown, CardDialog)
        assert version.id in shown.text()
        shown.field.setPlainText("# By hand\n")
        shown.accept()

    answer(qtbot, keep)
    pushes.card(version)
    qtbot.waitUntil(lambda: bool(alerts))
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    assert targeted.plan.harmless
    finish(workbench.push(targeted))
    assert next(share.rglob("README.md")).read_text("utf-8") == "# By hand\n"


def test_a_push_shows_its_phases_and_can_pause(context: Context, qtbot: QtBot) -> None:
    steps = 0

    def slow() -> Job[str]:
        nonlocal steps
        while steps < 10_000:
            steps += 1
            yield Tick("Uploading model.safetensors", steps, 10_000, "bytes", Voyage(Phase.UPLOAD, "", 1, 3))
        return "done"

    running = context.runner.start("Push", slow())
    row = JobRow(running)
    qtbot.addWidget(row)
    running.pause()
    qtbot.waitUntil(lambda: running.tick.partial is not None)
    assert phases(running.tick).startswith("✓ Hash → ● Upload → ○ Commit → ○ Verify   1 of 3 files")
    row.show_state()
    button = next(one for one in row.findChildren(QPushButton) if one.accessibleName() == "Pause Push")
    assert not button.isHidden()
    row.show_state()
    assert "paused" in [one.text() for one in row.findChildren(QLabel)]
    assert running.seconds_left is None
    stood = steps
    qtbot.wait(150)
    assert steps <= stood + 1
    running.resume()
    qtbot.waitUntil(lambda: not running.active)
    assert running.result == "done"


def test_activity_shows_what_ran_before_it_was_looked_at(context: Context, qtbot: QtBot) -> None:
    def short() -> Job[str]:
        yield Tick("Working")
        return "7 files verified"

    running = context.runner.start("Push run to share", short())
    qtbot.waitUntil(lambda: not running.active)
    page = ActivityPage(context)
    qtbot.addWidget(page)
    page.entered()
    qtbot.waitUntil(lambda: not context.runner.active)
    assert "Push run to share" in [one.text() for one in page.findChildren(Elided)]
    assert not any("Nothing has run" in one.text() for one in page.findChildren(QLabel) if one.isVisibleTo(page))


def test_a_push_tells_how_much_has_moved_and_how_fast() -> None:
    pace = Pace()
    tick = Tick("sending a file", 0, 268_000_000, "bytes", Voyage(Phase.UPLOAD, "model.safetensors", 2, 6))
    told = [pace.told(moment, replace(tick, done=8e6 * moment)) for moment in (0.0, 0.5, 2.0, 9.0)]
    assert told == [
        "0 B of 268 MB",
        "4.00 MB of 268 MB",
        "16.0 MB of 268 MB, 8.00 MB/s",
        "72.0 MB of 268 MB, 8.00 MB/s",
    ]
    assert phases(tick, told[2]).endswith("2 of 6 files   16.0 MB of 268 MB, 8.00 MB/s   model.safetensors")
    assert pace.told(9.5, replace(tick, done=1e6)) == "1.00 MB of 268 MB"
    assert pace.told(10, Tick("Listing", 1, 2, "files")) == ""


def test_a_delivery_can_be_one_side_of_a_comparison(workbench: Workbench, version: Version, share: Path) -> None:
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    finish(workbench.push(targeted))
    refs = finish(choices(workbench, "share@", None))
    assert [choice.note for choice in refs] == ["tag"]
    comparison = finish(opened(workbench, version, refs[0].value))
    assert comparison.right.version.name == refs[0].text
    files = {row.key: row.status for row in finish(comparison.sheet("files")).rows}
    assert files["model.safetensors"] == "same"


def test_what_was_typed_of_a_remote_is_offered_as_it_is(workbench: Workbench, version: Version) -> None:
    (choice,) = finish(choices(workbench, "share@v1", None))
    assert choice.value == "share@v1"
