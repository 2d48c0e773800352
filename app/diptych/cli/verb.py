"""How a group of verbs is added to the command line."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TypeAlias

from diptych.cli.session import Session

Run: TypeAlias = Callable[[Session, Namespace], int]
"""Does what a verb asks and returns the exit code."""
Add: TypeAlias = Callable[[str, str, Run], ArgumentParser]
"""Adds a verb by name, help and what it runs, and returns its parser for further arguments.

A name of two words adds the second as a verb of the first, which was added before.
"""
