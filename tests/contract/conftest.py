"""The registries that the suites of remotes run against, each in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stands import STANDS, Stand, start
from stands.setting import Setting


@pytest.fixture(scope="session", params=STANDS)
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Each registry in turn."""
    made = start(request.param, tmp_path_factory.mktemp(request.param))
    yield made
    made.close()


@pytest.fixture
def setting(stand: Stand, tmp_path: Path) -> Iterator[Setting]:
    made = Setting(stand, tmp_path)
    yield made
    made.close()
