"""The dialog of a push: targets, every file with its fate, what to look at first."""

from __future__ import annotations

from pathlib import Path

import pytest
from meeting import answer, fates
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from diptych.domain.shipping import Wishes
from diptych.domain.version import Version
from diptych.job import finish
from diptych.ui.context import Context
from diptych.ui.dialogs.login import LoginDialog
from diptych.ui.dialogs.push import PushDialog
from diptych.ui.dialogs.wishes import WishesForm
from diptych.workbench import Workbench
from making import make_model, weights, write_json
from making_torch import tensor, write_torch
from stands.scripted import scripted, told


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


def test_what_failed_bears_a_sign_and_can_be_tried_again(
    context: Context, version: Version, share: Path, qtbot: QtBot
) -> None:
    share.rename(share.with_name("unplugged"))
    made = PushDialog(context, version, context.workbench.remotes())
    qtbot.addWidget(made)
    made.show()
    assert made.remedy.isHidden()
    qtbot.waitUntil(lambda: "is not there" in made.said.text())
    assert (made.sign.isVisible(), made.remedy.text()) == (True, "Try again")
    share.with_name("unplugged").rename(share)
    made.remedy.click()
    qtbot.waitUntil(lambda: bool(made.planned))
    assert made.sign.isHidden()
    assert made.remedy.isHidden()


def test_who_wants_a_login_can_be_given_it_at_once(context: Context, version: Version, qtbot: QtBot) -> None:
    challenge = {"www_authenticate": 'Basic realm="here"'}
    with scripted(lambda request, writer: told(401, **challenge)) as server:
        context.workbench.add_remote("registry", f"oci+http://127.0.0.1:{server.port}/x")
        made = PushDialog(context, version, [context.workbench.remote("registry")])
        qtbot.addWidget(made)
        made.show()
        qtbot.waitUntil(lambda: made.remedy.text() == "Sign in…" and made.remedy.isVisible())

        def sign_in(asking: QWidget) -> None:
            assert isinstance(asking, LoginDialog)
            asking.user.setText("ann")
            asking.secret.setText("horse")
            asking.session.setChecked(True)
            asking.confirm.click()

        answer(qtbot, sign_in)
        made.remedy.click()
        qtbot.waitUntil(lambda: "authorization" in server.everything)
        made.reject()
    assert context.workbench.remote("registry").signed_in == "session"


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
