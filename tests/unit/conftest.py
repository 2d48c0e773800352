"""Compiled arithmetic, made once for all tests that want it."""

from __future__ import annotations

import pytest

from diptych.tensors.engine import Engine


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An engine whose cache a child process has filled."""
    engine = Engine(tmp_path_factory.mktemp("cache"))
    assert engine.wait()
    return engine
