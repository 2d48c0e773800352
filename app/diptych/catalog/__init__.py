"""The local memory: versions, their evidence and what people say about them, in one SQLite file."""

from diptych.catalog.catalog import Catalog
from diptych.catalog.connections import set_aside
from diptych.catalog.history import Undone
from diptych.catalog.reading import About, Columns, Place, Root, Untied

__all__ = ["About", "Catalog", "Columns", "Place", "Root", "Undone", "Untied", "set_aside"]
