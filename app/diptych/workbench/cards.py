"""The model card of a version: generated, edited by its owner, kept."""

from __future__ import annotations

from diptych import display
from diptych.catalog import Catalog
from diptych.domain.rules import Rules
from diptych.domain.sheet import Sheet
from diptych.domain.version import Version
from diptych.errors import Damaged, NotFound
from diptych.job import Job, Tick
from diptych.opening import open_regular
from diptych.reports.card import Card, card
from diptych.workbench.comparing import Comparison
from diptych.workbench.dossiers import from_catalog

_LARGEST = 4 << 20


def generated(catalog: Catalog, version: Version, rules: Rules) -> Job[Card]:
    """The card of a version around the one that is there: kept in the catalog, else lying beside its weights."""
    yield Tick("Reading what is known")
    dossier = from_catalog(catalog, version)
    parent = _parent(catalog, version)
    sheets: list[Sheet] = []
    licence = ""
    if parent is not None:
        comparison = Comparison(from_catalog(catalog, parent), dossier, rules)
        hyperparameters = yield from comparison.sheet("hyperparameters")
        metrics = yield from comparison.sheet("metrics")
        sheets = [hyperparameters, metrics]
        licence = _licence(catalog, parent)
    licence = _licence(catalog, version) or licence
    return card(dossier, existing(catalog, version), parent, sheets, licence)


def existing(catalog: Catalog, version: Version) -> str:
    """The card that is there: as kept in the catalog, else the one beside the weights; empty without any."""
    kept = catalog.shipments.card(version.id) if version.hashed else None
    if kept is not None:
        return kept
    place = version.path
    if place is None or not place.is_dir() or not (place / "README.md").is_file():
        return ""
    with open_regular(place / "README.md") as file:
        try:
            return file.read(_LARGEST).decode("utf-8")
        except UnicodeDecodeError:
            raise Damaged(f"{display.path(place / 'README.md')}: is not UTF-8 text") from None


def keep(catalog: Catalog, version: Version, text: str | None) -> None:
    """Keep a card in the catalog, to be pushed in place of the file; None takes it back. No file is touched."""
    if not version.hashed:
        raise NotFound(f"{version.name}: has no final id yet", "Hash it first.")
    catalog.shipments.keep_card(version.id, text)


def _parent(catalog: Catalog, version: Version) -> Version | None:
    if version.base is None or version.base.parent is None:
        return None
    try:
        return catalog.resolve(version.base.parent)
    except NotFound:
        return None


def _licence(catalog: Catalog, version: Version) -> str:
    records = catalog.records(version.key)
    return next((told for record in records if (told := record.evidence.facts.get("license"))), "")
