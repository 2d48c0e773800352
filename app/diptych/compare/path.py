"""A path through very many dimensions as a picture in two.

Classical scaling (Torgerson 1952), which for Euclidean distances is the same as principal components: the two axes
along which the points lie farthest apart. The share of the variance that they explain says how much of the path the
picture shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Points in the plane, in order."""

    points: NDArray[np.float64]
    """Points by two, centred; distances in the picture are never larger than the true ones."""
    explained: tuple[float, float]
    """The share of the variance along each axis, 0 to 1."""


def path_of(points: NDArray[np.floating]) -> Path:
    """The picture of `points` (points by dimensions). It runs from left to right, and its largest bend points up."""
    count = len(points)
    centred = points - points.mean(axis=0, dtype=np.float64)
    gram = centred @ centred.T
    values, vectors = np.linalg.eigh(gram)
    total = float(np.trace(gram))
    plane = np.zeros((count, 2))
    explained = [0.0, 0.0]
    for axis in range(min(2, count)):
        value = max(float(values[-1 - axis]), 0.0)
        if total > 0 and value > 1e-12 * total:
            plane[:, axis] = vectors[:, -1 - axis] * np.sqrt(value)
            explained[axis] = value / total
    if plane[-1, 0] < plane[0, 0]:
        plane[:, 0] *= -1
    if abs(plane[:, 1].min(initial=0.0)) > plane[:, 1].max(initial=0.0):
        plane[:, 1] *= -1
    return Path(plane, (explained[0], explained[1]))
