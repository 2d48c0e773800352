"""What is kept of a version's weights after one pass over them: enough to compare it with any other, files or not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
"""The shares below each of the quantiles that are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class TensorPrint:
    """One tensor. Values that are not finite are counted and left out of everything else but the digest."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    digest: str
    """XXH3 (128 bits) of the tensor's bytes as they lie in the file, in hexadecimal: equal bytes and nothing else."""
    mean: float
    std: float
    norm: float
    """The Frobenius norm."""
    absmax: float
    quantiles: tuple[float, ...]
    """At `QUANTILES`, of at most 8,192 evenly spaced values."""
    nans: int
    infs: int
    zeros: int
    sketch: NDArray[np.float32]
    """A random projection of the values; see `tensors.sketch`. Empty for types that hold no numbers of that kind."""

    @property
    def elements(self) -> int:
        """The number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """All tensors of one version, by name."""

    tensors: Mapping[str, TensorPrint]
    bytes: int
    """Bytes of weights that were read for it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What two prints tell of how far their tensors lie apart, read as B against A."""

    identical: bool
    """Certain: told by the digests."""
    relative_change: float
    """‖B − A‖ ∕ ‖A‖; exactly nought where identical, NaN where A is nought."""
    low: float
    high: float
    """Between these the relative change lies, in 95 of 100 cases."""
    cosine: float
    """NaN where one side is nought."""
