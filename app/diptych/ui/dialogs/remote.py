"""Asks for a registry: what it is called, where it is, and how it is spoken to."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from diptych.display import visible
from diptych.domain.address import Address, parse
from diptych.errors import DiptychError
from diptych.remotes import REMOTES, kind_of
from diptych.ui.theme import Theme
from diptych.ui.tokens import Space
from diptych.ui.widgets.label import label
from diptych.workbench.remotes import NamedRemote

_FORMS = "hf://org/name · oci://host/repository · mlflow+https://host/model · s3://bucket/prefix · file:///folder"
_MEGA = 1_000_000


class RemoteDialog(QDialog):
    """A name, an address, and what its kind of registry needs beside; what cannot be used is said while typing.

    `keep` is called with name, address and options, and keeps the dialog open where it raises. Of a remote that is
    known already only the options are asked.
    """

    def __init__(
        self,
        theme: Theme,
        keep: Callable[[str, str, dict[str, str]], object],
        known: NamedRemote | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Change {visible(known.name)}" if known else "Add a remote")
        self.setMinimumWidth(theme.px(560))
        self._keep = keep
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.M)
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(Space.L)
        self._form.setVerticalSpacing(Space.S)
        self.address = self._field("Address", "oci://ghcr.io/team/model")
        self.told = label(_FORMS, "caption", wrap=True)
        self.told.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._form.addRow("", self.told)
        self.name = self._field("Name", "what you call it")
        every = {key: meaning for kind in REMOTES for key, meaning in kind.options.items()}
        ordered = sorted(
            every, key=lambda key: key == "verify"
        )  # where a registry is comes before what it is told to do
        self.options = {key: self._field(key.capitalize(), every[key]) for key in ordered}
        self.ca_file = QLineEdit()
        self.ca_file.setPlaceholderText("certificates to trust beside the usual ones")
        self.ca_file.setAccessibleName("Certificates")
        choose = QPushButton("Choose…")
        choose.setAccessibleName("Choose a file of certificates")
        choose.clicked.connect(self._choose)
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.ca_file)
        row.addWidget(choose)
        self._form.addRow("Certificates", row)
        self.limit = self._field("At most", "MB per second; empty for no limit")
        layout.addLayout(self._form)
        layout.addStretch(1)
        self._problem = label("", "danger", wrap=True)
        self._problem.hide()
        layout.addWidget(self._problem)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.confirm = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.confirm.setText("Change" if known else "Add")
        self.confirm.setProperty("role", "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.address.textChanged.connect(self._look)
        self.name.textChanged.connect(self._look)
        self._look()
        if known is not None:
            self._fill(known)

    def accept(self) -> None:
        """Add it, or say why it cannot be."""
        address = self.address.text().strip()
        options = {"ca_file": self.ca_file.text().strip(), "throttle": _bytes(self.limit.text())}
        for key in kind_of(parse(address)).options:
            options[key] = self.options[key].text().strip()
        try:
            self._keep(self.name.text().strip(), address, options)
        except DiptychError as error:
            self._problem.setText(visible(f"{error.message}. {error.hint}".strip()))
            self._problem.show()
            needed = self.heightForWidth(self.width())
            self.resize(self.width(), max(self.height(), needed))  # a window does not grow by itself
            return
        super().accept()

    def _field(self, title: str, hint: str) -> QLineEdit:
        field = QLineEdit()
        field.setPlaceholderText(hint)
        field.setToolTip(hint)
        field.setAccessibleName(title)
        self._form.addRow(title, field)
        return field

    def _fill(self, known: NamedRemote) -> None:
        """Show what is known of a remote; another name or address would make it another one."""
        for field, text in ((self.address, str(known.address)), (self.name, known.name)):
            field.setText(text)
            field.setEnabled(False)
        for key, value in known.options.items():
            self.options[key].setText(value)
        self.ca_file.setText(str(known.ca_file or ""))
        self.limit.setText(f"{known.throttle / _MEGA:g}" if known.throttle else "")

    def _look(self) -> None:
        """Say what the address stands for, and show the fields of its kind."""
        self._problem.hide()
        text = self.address.text().strip()
        address: Address | None = None
        try:
            address = parse(text)
            self.told.setText(visible(f"{kind_of(address).title} · {_place(address)}"))
        except DiptychError as error:
            begun = "://" in text and not text.endswith("://")
            self.told.setText(visible(error.message) if begun else _FORMS)
        options = kind_of(address).options if address is not None else {}
        for key, field in self.options.items():
            self._form.setRowVisible(field, key in options)
        self.confirm.setEnabled(address is not None and bool(self.name.text().strip()))

    def _choose(self) -> None:
        file, _ = QFileDialog.getOpenFileName(
            self, "Certificates", "", "Certificates (*.pem *.crt *.cer);;All files (*)"
        )
        if file:
            self.ca_file.setText(file)


class RenameDialog(QDialog):
    """Asks for another name."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Rename {visible(name)}")
        self.setMinimumWidth(theme.px(360))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.S)
        self.name = QLineEdit(name)
        self.name.setAccessibleName("New name")
        self.name.selectAll()
        layout.addWidget(self.name)
        layout.addWidget(label("Its login goes with it.", "caption"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        confirm = buttons.button(QDialogButtonBox.StandardButton.Ok)
        confirm.setText("Rename")
        confirm.setProperty("role", "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.name.textChanged.connect(lambda text: confirm.setEnabled(text.strip() not in ("", name)))
        confirm.setEnabled(False)


def _place(address: Address) -> str:
    """Where the registry is, and what of it is meant."""
    if address.kind == "s3":
        return f"bucket {address.host}" + (f", folder {address.path}" if address.path else "")
    return f"{address.path} at {address.authority}" if address.host else address.path


def _bytes(text: str) -> str:
    """Bytes per second of a limit in megabytes; what is no number is handed on, to be refused."""
    try:
        return f"{float(text) * _MEGA:.0f}"
    except ValueError:
        return text.strip()
