"""Deliveries outlive the names of remotes: a remote that was renamed, forgotten, or is called as another was."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.domain.shipping import Standing, Wishes
from diptych.domain.version import Version
from diptych.job import finish
from diptych.workbench import Workbench
from making import make_run


@pytest.fixture
def version(workbench: Workbench, tmp_path: Path) -> Version:
    """A version that can go to a folder called `share`."""
    (tmp_path / "share").mkdir()
    workbench.add_remote("share", (tmp_path / "share").as_uri())
    finish(workbench.scan([make_run(tmp_path / "sft", (100,))]))
    return workbench.page()[0]


def delivered(workbench: Workbench, version: Version) -> None:
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    finish(workbench.push(targeted))


def test_a_delivery_is_known_under_the_new_name_of_its_remote(workbench: Workbench, version: Version) -> None:
    delivered(workbench, version)
    finish(workbench.rename_remote("share", "disk"))
    (kept,) = workbench.shipments.receipts()
    assert kept.remote == "disk"
    assert not finish(workbench.verify(kept.receipt, kept.remote)).drifted
    assert workbench.one_click(version) == ("disk", Wishes())


def test_a_push_that_was_broken_off_goes_on_after_its_remote_was_renamed(
    workbench: Workbench, version: Version
) -> None:
    (targeted,) = finish(workbench.plan_push(version, [("share", Wishes())]))
    job = workbench.push(targeted)
    next(job)
    job.close()
    finish(workbench.rename_remote("share", "disk"))
    (underway,) = workbench.shipments.underway()
    assert finish(workbench.resume_push(underway)).remote == "disk"
    assert workbench.shipments.underway() == ()


def test_a_delivery_is_looked_for_where_it_went_whatever_has_its_name_now(
    workbench: Workbench, version: Version, tmp_path: Path
) -> None:
    delivered(workbench, version)
    (kept,) = workbench.shipments.receipts()
    finish(workbench.forget_remote("share"))
    assert not finish(workbench.verify(kept.receipt, kept.remote)).drifted
    (tmp_path / "another").mkdir()
    workbench.add_remote("share", (tmp_path / "another").as_uri())
    assert not finish(workbench.verify(kept.receipt, kept.remote)).drifted
    next((tmp_path / "share").rglob("config.json")).write_text("{}")
    found = {name: standing for name, standing, _ in finish(workbench.verify(kept.receipt, kept.remote)).files}
    assert found["config.json"] is Standing.DIFFERS
    usual = workbench.one_click(version)
    assert usual is not None
    assert usual[0] == (tmp_path / "share").as_uri(), "one click must not push to a remote that was never chosen"
