"""How a push is to land: only the questions that the chosen kinds of registries know."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLineEdit, QWidget

from diptych.domain.shipping import Wishes
from diptych.remotes import REMOTES
from diptych.ui.tokens import Space

_LAYOUTS = (("raw", "ModelPack, one layer a file"), ("tar", "ModelPack, tar layers"), ("kit", "ModelKit"))


class WishesForm(QWidget):
    """The form. What is hidden keeps its value and is not asked for."""

    changed = Signal()

    def __init__(self, wishes: Wishes) -> None:
        super().__init__()
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setSpacing(Space.S)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.reference = QLineEdit(wishes.reference)
        self.message = QLineEdit(wishes.message)
        self.message.setPlaceholderText("what is said of the change")
        self.tag = QLineEdit(wishes.tag)
        self.tag.setPlaceholderText("put on last")
        self.tag.setToolTip("Put on when everything was verified.")
        self.layout_of_layers = QComboBox()
        for key, title in _LAYOUTS:
            self.layout_of_layers.addItem(title, key)
        self.layout_of_layers.setCurrentIndex(max(self.layout_of_layers.findData(wishes.layout), 0))
        self.pull_request = QCheckBox("Open a pull request")
        self.pull_request.setChecked(wishes.pull_request)
        self.results = QCheckBox("Add results of evaluations")
        self.results.setChecked(wishes.results)
        self.private = QCheckBox("Private, if it is made now")
        self.private.setChecked(wishes.private)
        self._form.addRow("Branch", self.reference)
        self._form.addRow("Tag", self.tag)
        self._form.addRow("Layers", self.layout_of_layers)
        self._form.addRow("Message", self.message)
        self._form.addRow("", self.pull_request)
        self._form.addRow("", self.results)
        self._form.addRow("", self.private)
        for field, name in ((self.reference, "Reference"), (self.tag, "Tag"), (self.message, "Message")):
            field.setAccessibleName(name)
            field.textEdited.connect(self.changed)
        self.layout_of_layers.setAccessibleName("Layers")
        self.layout_of_layers.activated.connect(self.changed)
        self.pull_request.toggled.connect(self.changed)
        self.results.toggled.connect(self.changed)
        self.private.toggled.connect(self.changed)

    def show_for(self, kinds: set[str]) -> None:
        """Ask what registries of these kinds want to know."""
        titles = {(kind.reference, kind.usual or kind.unnamed) for kind in REMOTES if kind.key in kinds}
        title, usual = next(iter(titles)) if len(titles) == 1 else ("Shown as", "what is usual at each remote")
        caption = self._form.labelForField(self.reference)
        if caption is not None:
            caption.setProperty("text", title)
        self.reference.setPlaceholderText(usual)
        hub = "hub" in kinds
        self._form.setRowVisible(self.reference, bool(kinds))
        self._form.setRowVisible(self.tag, hub)
        self._form.setRowVisible(self.layout_of_layers, "oci" in kinds)
        self._form.setRowVisible(self.message, bool(kinds & {"hub", "mlflow"}))
        self._form.setRowVisible(self.pull_request, hub and kinds == {"hub"})
        self._form.setRowVisible(self.results, hub)
        self._form.setRowVisible(self.private, hub)

    def wishes(self) -> Wishes:
        """The answers; those that were not asked for are the usual ones."""
        usual = Wishes()

        def asked(field: QWidget) -> bool:
            return self._form.isRowVisible(field)

        return Wishes(
            reference=self.reference.text().strip(),
            message=self.message.text().strip() if asked(self.message) else usual.message,
            pull_request=self.pull_request.isChecked() if asked(self.pull_request) else usual.pull_request,
            tag=self.tag.text().strip() if asked(self.tag) else usual.tag,
            layout=str(self.layout_of_layers.currentData()) if asked(self.layout_of_layers) else usual.layout,
            results=self.results.isChecked() if asked(self.results) else usual.results,
            private=self.private.isChecked() if asked(self.private) else usual.private,
        )
