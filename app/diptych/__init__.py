"""Diptych: keep, compare and ship versions of language models."""

__version__ = "0.1.0"
