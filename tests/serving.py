"""An engine as a test wants it, in the place of the program's own."""

from __future__ import annotations

from types import ModuleType

import pytest

from diptych.tensors.engine import Engine
from diptych.tensors.native import Arithmetic


class Serving:
    """Has compiled arithmetic at once, or never."""

    def __init__(self, engine: Engine | None) -> None:
        self._compiled = engine.arithmetic(2**40) if engine is not None else None

    def arithmetic(self, size: int) -> Arithmetic | None:
        return self._compiled


def serve(which: str, module: ModuleType, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `module` reckon by NumPy (`plain`) or by `compiled` arithmetic."""
    served = Serving(request.getfixturevalue("filled") if which == "compiled" else None)
    assert (served.arithmetic(0) is not None) == (which == "compiled")
    monkeypatch.setattr(module, "engine", lambda: served)
