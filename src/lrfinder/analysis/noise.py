"""How much a loss varies from batch to batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def noise(losses: NDArray[np.float64]) -> float:
    """Standard deviation of a loss about its trend, from the differences of neighbours; 0 for fewer than 3 losses.

    ``sigma = 1.4826 MAD(y[k+1] - y[k]) / sqrt(2)``: the median absolute deviation leaves out what a few wild batches and a
    short explosion add, 1.4826 makes it a standard deviation for normal noise (Rousseeuw & Croux 1993, section 1), and a
    difference has twice the variance of a loss.
    """
    if len(losses) < 3:  # noqa: PLR2004  (two differences)
        return 0.0
    differences = np.diff(losses)
    return float(1.4826 * np.median(np.abs(differences - np.median(differences))) / np.sqrt(2))
