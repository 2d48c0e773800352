"""The colours of heat maps: cividis, which reads the same for every kind of sight, on a logarithmic scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtGui import QColor

CIVIDIS = (
    "#00224E", "#003170", "#2A3F6D", "#434E6C", "#575D6D", "#6A6C71", "#7D7C78", "#918B78", "#A59C74", "#BCAE6C",
    "#D2C060", "#E9D34E", "#FEE838",
)  # fmt: skip
"""Evenly spaced stops of the colour map cividis (Nunez, Anderton and Renslow 2018), in between them linear."""


@lru_cache(maxsize=16_384)
def cividis(share: float) -> QColor:
    """The colour at a share of the scale, 0 to 1; one object for all who ask: change a copy of it."""
    at = min(max(share, 0.0), 1.0) * (len(CIVIDIS) - 1)
    low = min(int(at), len(CIVIDIS) - 2)
    first, second = QColor(CIVIDIS[low]), QColor(CIVIDIS[low + 1])
    part = at - low

    def between(begin: int, end: int) -> int:
        return round(begin + (end - begin) * part)

    return QColor(
        between(first.red(), second.red()),
        between(first.green(), second.green()),
        between(first.blue(), second.blue()),
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """Decades between the smallest and the largest value."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """Where a value stands, 0 to 1; what is not positive stands at 0, what is not finite at 1."""
        if not math.isfinite(value):
            return 1.0
        if value <= 0:
            return 0.0
        return min(max((math.log10(value) - self.low) / (self.high - self.low), 0.0), 1.0)


def scale_of(values: list[float]) -> Scale:
    """A scale over half decades that holds every positive value, at least one decade wide, at most six."""
    logs = [math.log10(value) for value in values if value > 0 and math.isfinite(value)]
    if not logs:
        return Scale(-4.0, 0.0)
    high = math.ceil(max(logs) * 2) / 2
    low = max(math.floor(min(logs) * 2) / 2, high - 6)
    return Scale(min(low, high - 1), high)
