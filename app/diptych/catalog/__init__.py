"""The local memory: versions, their evidence and what people say about them, in one SQLite file."""

from diptych.catalog.catalog import Catalog
from diptych.catalog.connections import set_aside
from diptych.catalog.reading import Columns, Place, Root, Tally, Untied
from diptych.domain.changes import Undone

__all__ = ["Catalog", "Columns", "Place", "Root", "Tally", "Undone", "Untied", "set_aside"]
