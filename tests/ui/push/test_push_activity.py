"""What became of pushes: progress, deliveries, receipts, drift."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from meeting import acts, answer, column
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from diptych.catalog.shipments import Shipments
from diptych.domain.receipts import receipt_from_plain
from diptych.domain.shipping import Phase, Voyage, Wishes
from diptych.domain.version import Version
from diptych.job import Job, Tick, finish
from diptych.ui.context import Alert, Context
from diptych.ui.dialogs.receipt import ReceiptDialog
from diptych.ui.pages.activity import ActivityPage, JobRow, Pace, outcome, phases
from diptych.ui.pages.deliveries import Deliveries
from diptych.ui.pages.pushing import Pushes
from diptych.ui.pages.settings_remotes import RemotesSection
from diptych.ui.status import StatusStrip
from diptych.ui.widgets.label import Elided
from diptych.workbench import Workbench
from diptych.workbench.remotes import Remotes


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


def test_a_push_that_was_cancelled_can_be_taken_up_at_once(
    context: Context, workbench: Workbench, version: Version, qtbot: QtBot
) -> None:
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    page = ActivityPage(context)
    qtbot.addWidget(page)

    def endless() -> Job[object]:
        begun = workbench.push(targeted)
        tick = next(begun)
        begun.close()
        while True:
            yield tick

    running = context.runner.start(f"Push {version.name} to share", endless())
    qtbot.waitUntil(lambda: running.tick.partial is not None)
    running.cancel()
    qtbot.waitUntil(lambda: "Resume" in acts(page.deliveries))
    assert outcome(running) == "Cancelled. What had arrived stays."
    qtbot.waitUntil(lambda: not context.runner.active)


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


def test_a_delivery_that_was_changed_is_told(
    context: Context,
    pushes: Pushes,
    workbench: Workbench,
    version: Version,
    alerts: list[Alert],
    share: Path,
    qtbot: QtBot,
) -> None:
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    kept = finish(workbench.push(targeted))
    config = next(share.rglob("config.json"))
    config.write_bytes(config.read_bytes().replace(b"llama", b"lamma"))
    pushes.verify(kept)
    qtbot.waitUntil(lambda: bool(alerts))
    assert "config.json differs" in alerts[0].message
    assert alerts[0].serious
    (looked,) = [job for job in context.runner.jobs if not job.quiet]
    assert outcome(looked) == f"{len(kept.receipt.files) - 1} of {len(kept.receipt.files)} files as delivered"
    page = ActivityPage(context)
    qtbot.addWidget(page)
    page.entered()
    qtbot.waitUntil(lambda: page.findChild(JobRow) is not None)
    assert {one.accessibleName() for one in page.findChild(JobRow).findChildren(QLabel)} >= {"warning"}
    assert [str(problem) for problem in looked.problems] == ["config.json: differs, has other bytes of the same size"]


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
    strip = StatusStrip(context)
    qtbot.addWidget(strip)
    assert "paused" in [one.text() for one in strip.findChildren(QLabel)]
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
    assert running.told == "done"


def test_activity_shows_what_ran_before_it_was_looked_at(context: Context, qtbot: QtBot) -> None:
    def short() -> Job[str]:
        yield Tick("Working")
        return "7 files verified"

    titles = [f"Push run {number} to share" for number in range(9)]
    started = [context.runner.start(title, short()) for title in titles]
    qtbot.waitUntil(lambda: not any(running.active for running in started))
    page = ActivityPage(context)
    qtbot.addWidget(page)
    page.entered()
    qtbot.waitUntil(lambda: set(titles) <= {one.text() for one in page.findChildren(Elided)})
    qtbot.waitUntil(lambda: not context.runner.active)
    assert not any("Nothing has run" in one.text() for one in page.findChildren(QLabel) if one.isVisibleTo(page))


def test_a_push_tells_how_much_has_moved_and_how_fast() -> None:
    pace = Pace()
    tick = Tick("sending a file", 0, 268_000_000, "bytes", Voyage(Phase.UPLOAD, "model.safetensors", 2, 6))
    told = [pace.told(moment, tick._replace(done=8e6 * moment)) for moment in (0.0, 0.5, 2.0, 9.0)]
    assert told == [
        "0 B of 268 MB",
        "4.00 MB of 268 MB",
        "16.0 MB of 268 MB, 8.00 MB/s",
        "72.0 MB of 268 MB, 8.00 MB/s",
    ]
    assert phases(tick, told[2]).endswith("2 of 6 files   16.0 MB of 268 MB, 8.00 MB/s   model.safetensors")
    assert pace.told(9.5, tick._replace(done=1e6)) == "1.00 MB of 268 MB"
    assert pace.told(10, Tick("Listing", 1, 2, "files")) == ""
