"""A scan, and what the catalog has afterwards."""

from __future__ import annotations

from pathlib import Path

from diptych.domain.version import Version
from diptych.job import finish
from diptych.workbench import Workbench
from diptych.workbench.scan import ScanReport


def scan(workbench: Workbench, *paths: Path) -> ScanReport:
    return finish(workbench.scan(list(paths)))


def versions(workbench: Workbench) -> dict[str, Version]:
    return {version.name: version for version in workbench.page("", limit=None)}


def named(workbench: Workbench, name: str) -> Version:
    return versions(workbench)[name]
