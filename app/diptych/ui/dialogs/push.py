"""Asks where a version goes, and shows what that would do before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from diptych import display
from diptych.domain.shipping import Fate, Plan, Wishes
from diptych.domain.version import Version
from diptych.errors import DiptychError, NeedsSecret
from diptych.job import Tick
from diptych.ui.context import Context
from diptych.ui.dialogs.wishes import WishesForm
from diptych.ui.icons import icon
from diptych.ui.runner import Running
from diptych.ui.tokens import ICON, Space
from diptych.ui.widgets.cautions import Cautions
from diptych.ui.widgets.label import Elided, label
from diptych.ui.widgets.parcels import ParcelRow, Parcels
from diptych.ui.widgets.tallrows import CheckedRows
from diptych.workbench.pushing import Targeted
from diptych.workbench.remotes import NamedRemote
from diptych.workbench.shipping import Choice, choose

if TYPE_CHECKING:
    from diptych.ui.dialogs.login import LoginDialog

_SETTLE_MS = 250
"""How long the questions must rest before the remotes are asked anew."""
_MOST_TARGETS = 4


class PushDialog(QDialog):
    """Targets, how it is to land there, every file with its fate, and what to look at first.

    The plan is made by a job and made again whenever an answer changes; Push is there when it is known.
    """

    def __init__(
        self,
        context: Context,
        version: Version,
        remotes: Sequence[NamedRemote],
        chosen: tuple[str, Wishes] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._version = version
        self._remotes = {remote.name: remote for remote in remotes}
        self._running: Running | None = None
        self._choice = Choice()
        self._strange: NamedRemote | None = None
        """The remote that has asked for a login."""
        self.planned: tuple[Targeted, ...] = ()
        """The plans on show; what Push does."""
        theme = context.theme
        self.setWindowTitle(f"Push {display.elide(display.visible(version.name), 60)}")
        self.setMinimumSize(theme.px(820), theme.px(560))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.S)
        layout.addLayout(self._head(chosen))
        self.files = Parcels(theme)
        self.files.show_rows(_unplanned(version, self._choice))
        self.files.changed.connect(self._rechosen)
        layout.addWidget(self.files, 1)
        layout.addLayout(self._foot())
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._plan)
        self.targets.itemChanged.connect(self._changed)
        self.wishes.changed.connect(self._changed)
        self._changed()

    def _head(self, chosen: tuple[str, Wishes] | None) -> QHBoxLayout:
        """Where to, and how."""
        row = QHBoxLayout()
        row.setSpacing(Space.L)
        left = QVBoxLayout()
        left.setSpacing(Space.XS)
        left.addWidget(label("To", "caption"))
        self.targets = QListWidget()
        self.targets.setAccessibleName("Remotes to push to")
        self.targets.setItemDelegate(CheckedRows(self._context.theme, self.targets))
        self.targets.setUniformItemSizes(True)
        self.targets.setFixedHeight(self._context.theme.row * min(max(len(self._remotes), 2), _MOST_TARGETS) + 2)
        for name, remote in self._remotes.items():
            item = QListWidgetItem(f"{display.visible(name)}   {display.visible(str(remote.address))}")
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
            picked = (chosen is not None and chosen[0] == name) or len(self._remotes) == 1
            item.setCheckState(Qt.CheckState.Checked if picked else Qt.CheckState.Unchecked)
            item.setToolTip(str(remote.address))
            self.targets.addItem(item)
            if picked:
                self.targets.setCurrentItem(item)  # which brings it into view
        left.addWidget(self.targets)
        left.addStretch(1)
        row.addLayout(left, 3)
        self.wishes = WishesForm(chosen[1] if chosen else Wishes())
        row.addWidget(self.wishes, 2)
        return row

    def _foot(self) -> QVBoxLayout:
        """What it comes to, what to look at, and the buttons."""
        column = QVBoxLayout()
        column.setSpacing(Space.XS)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Planning")
        self._bar.setRange(0, 0)
        self.sign = label()
        self.sign.setPixmap(icon("warning").pixmap(ICON, ICON))
        self.said = Elided()
        self.remedy = QPushButton()
        self.remedy.setProperty("role", "flat")
        self.remedy.clicked.connect(self._mend)
        told = QHBoxLayout()
        told.setSpacing(Space.S)
        told.addWidget(self.sign)
        told.addWidget(self.said, 1)
        told.addWidget(self.remedy)
        self.cautions = Cautions(self._context.theme)
        self.looked = QCheckBox("I have looked at these")
        self.looked.toggled.connect(self._enable)
        self.looked.hide()
        column.addWidget(self._bar)
        column.addLayout(told)
        column.addWidget(self.cautions)
        column.addWidget(self.looked)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.push = buttons.addButton("Push", QDialogButtonBox.ButtonRole.AcceptRole)
        self.push.setProperty("role", "primary")
        self._copy = buttons.addButton("Copy plan", QDialogButtonBox.ButtonRole.ActionRole)
        self._copy.clicked.connect(self._copy_plan)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column.addSpacing(Space.S)
        column.addWidget(buttons)
        return column

    def chosen(self) -> list[NamedRemote]:
        """The remotes that are checked."""
        items = [self.targets.item(row) for row in range(self.targets.count())]
        names = [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() is Qt.CheckState.Checked]
        return [self._remotes[name] for name in names]

    def done(self, result: int) -> None:
        """Close; a plan that is still being made is not needed any more."""
        self._stop()
        super().done(result)

    def _changed(self) -> None:
        self._stop()
        self._strange = None
        self.planned = ()
        chosen = self.chosen()
        self.wishes.show_for({remote.address.kind for remote in chosen})
        self._say("Looking at the remotes…" if chosen else "Choose where it goes.")
        self._bar.setVisible(bool(chosen))
        self._show_cautions(())
        self._enable()
        if chosen:
            self._settle.start()

    def _rechosen(self, include: frozenset[str], exclude: frozenset[str]) -> None:
        self._choice = Choice(include, exclude)
        self._changed()

    def _plan(self) -> None:
        wishes = self.wishes.wishes()
        targets = [(remote.name, wishes) for remote in self.chosen()]
        job = self._context.workbench.plan_push(self._version, targets, self._choice)
        self._running = self._context.runner.start(
            "Plan a push", job, self._know, self._fail, self._progress, quiet=True
        )

    def _stop(self) -> None:
        self._settle.stop()
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def _progress(self, tick: Tick) -> None:
        self._say(tick.text)
        self._bar.setRange(0, 1000 if tick.total else 0)
        if tick.total:
            self._bar.setValue(round(1000 * min(tick.done / tick.total, 1)))

    def _know(self, planned: tuple[Targeted, ...]) -> None:
        self._running = None
        self.planned = planned
        self._bar.hide()
        plans = [one.plan for one in planned]
        self.files.show_rows(_rows(plans))
        self._say(summary(plans))
        self._show_cautions(to_look_at(planned))
        self._enable()

    def _fail(self, error: Exception) -> None:
        self._running = None
        self._bar.hide()
        if isinstance(error, DiptychError):
            self._strange = self._asking() if isinstance(error, NeedsSecret) else None
            self._say(". ".join(part for part in (error.message, error.hint) if part), failed=True)
            self.files.show_rows(_unplanned(self._version, self._choice))
            self._show_cautions(())
        else:
            self._context.fail(error)
            self.reject()

    def _asking(self) -> NamedRemote | None:
        """The remote that wants a login; None where that may be any of several."""
        chosen = self.chosen()
        strange = [remote for remote in chosen if remote.wants and not remote.signed_in]
        return (strange or chosen)[0] if len(strange) == 1 or len(chosen) == 1 else None

    def _mend(self) -> None:
        """Ask for the login that is wanted; else ask the remotes again."""
        remote = self._strange
        if remote is None:
            self._changed()
            return
        from diptych.ui.dialogs.login import LoginDialog  # most pushes want none

        dialog = LoginDialog(self._context.theme, remote, self)
        if dialog.asked(self._context):
            self._sign_in(remote.name, dialog)
        dialog.deleteLater()

    def _sign_in(self, name: str, dialog: LoginDialog) -> None:
        """Keep a login as its dialog was told, then ask the remotes with it."""
        workbench, login = self._context.workbench, dialog.chosen()
        if login is None and dialog.session.isChecked():
            workbench.keep_login(name, dialog.take())
            self._signed_in(name)
            return
        job = workbench.login(name, dialog.take()) if login is None else workbench.import_login(name, login)
        self._running = self._context.runner.start(
            f"Sign in {name}", job, lambda _: self._signed_in(name), self._fail, self._progress, quiet=True
        )

    def _signed_in(self, name: str) -> None:
        self._remotes[name] = self._context.workbench.remote(name)
        self._changed()

    def _say(self, text: str, failed: bool = False) -> None:
        """Say how it stands; what failed can be mended or tried again."""
        self.said.set_text(text)
        self.sign.setVisible(failed)
        self.remedy.setVisible(failed)
        self.remedy.setText("Try again" if self._strange is None else "Sign in…")

    def _show_cautions(self, texts: Sequence[str]) -> None:
        self.cautions.show_texts(texts)
        self.looked.setChecked(False)
        self.looked.setVisible(bool(texts))

    def _enable(self) -> None:
        ready = bool(self.planned) and (self.looked.isChecked() or not self.looked.isVisibleTo(self))
        self.push.setEnabled(ready and not all(one.plan.done for one in self.planned))
        self._copy.setEnabled(bool(self.planned))

    def _copy_plan(self) -> None:
        files = [f"{one.remote}\t{file.name}\t{file.fate.value}\t{file.bytes}\t{file.reason}"
                 for one in self.planned for file in one.plan.files]  # fmt: skip
        QGuiApplication.clipboard().setText("\n".join([self.said.text(), *self.cautions.texts(), *files]))


def summary(plans: Sequence[Plan]) -> str:
    """What the plans come to, in one line."""
    if plans and all(plan.done for plan in plans):
        return "It is there already: nothing would change."
    shipment = plans[0].shipment
    count = len(shipment.parcels)
    at = f" at {len(plans)} remotes" if len(plans) > 1 else ""
    parts = [
        f"{count:,} of {display.plural(count + len(shipment.left_out), 'file')}",
        display.size(shipment.bytes),
        *(
            f"{number:,} {word}{at}"
            for word, fate in (("new", Fate.NEW), ("replaced", Fate.REPLACE), ("unchanged", Fate.UNCHANGED))
            if (number := sum(plan.count(fate) for plan in plans))
        ),
        f"{display.size(sum(plan.to_send for plan in plans))} to send",
    ]
    accounts = sorted({plan.account for plan in plans if plan.account})
    return " · ".join(parts) + (f" · as {display.listing(accounts)}" if accounts else "")


def warnings(plan: Plan) -> list[str]:
    """Everything of a plan that somebody should have looked at."""
    replaced = [file.name for file in plan.files if file.fate is Fate.REPLACE]
    said = [caution.text for caution in plan.cautions]
    if replaced:
        said.append(f"Replaces {display.listing(replaced)} at {plan.target}")
    return said


def to_look_at(planned: Sequence[Targeted]) -> tuple[str, ...]:
    """The warnings of all that would change something; one that not all of them share names its remote."""
    told = {one.remote: warnings(one.plan) for one in planned if not one.plan.done}
    shared = set.intersection(*map(set, told.values())) if told else set()
    lines = (text if text in shared else f"{remote}: {text}" for remote, texts in told.items() for text in texts)
    return tuple(dict.fromkeys(lines))


def _rows(plans: Sequence[Plan]) -> list[ParcelRow]:
    """Every file of the version once, its fate the most severe of all targets."""
    order = (Fate.REPLACE, Fate.NEW, Fate.UNCHANGED, Fate.EXCLUDED)
    rows: dict[str, ParcelRow] = {}
    for plan in plans:
        for file in plan.files:
            known = rows.get(file.name)
            if known is None or order.index(file.fate) < order.index(Fate(known.fate)):
                goes = file.fate is not Fate.EXCLUDED
                rows[file.name] = ParcelRow(file.name, file.bytes, file.fate.value, file.reason, goes)
    for one in plans[0].shipment.left_out if plans else ():
        rows[one.name] = ParcelRow(one.name, one.bytes, Fate.EXCLUDED.value, one.reason, False)
    return sorted(rows.values(), key=lambda row: (not row.goes, row.name))


def _unplanned(version: Version, choice: Choice) -> list[ParcelRow]:
    """Every file of the version, as far as is known without asking a remote."""
    going, left_out = choose(version, choice)
    rows = [ParcelRow(one.path, one.bytes, "", "", True) for one in going]
    rows += [ParcelRow(one.name, one.bytes, Fate.EXCLUDED.value, one.reason, False) for one in left_out]
    return sorted(rows, key=lambda row: (not row.goes, row.name))
