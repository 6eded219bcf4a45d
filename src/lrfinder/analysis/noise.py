"""The noise of losses from batch to batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def noise(losses: NDArray[np.float64]) -> float:
    """Return the standard deviation of a loss around its trend, from differences of neighbors; 0 for fewer than 3 losses.

    ``sigma = 1.4826 MAD(y[k+1] - y[k]) / sqrt(2)``. The median absolute deviation ignores a few wild batches and a short
    divergence. The factor 1.4826 makes it a standard deviation for normal noise (Rousseeuw & Croux 1993, section 1). The
    root appears because a difference has twice the variance of a loss.
    """
    if len(losses) < 3:  # noqa: PLR2004  (two differences)
        return 0.0
    differences = np.diff(losses)
    return float(1.4826 * np.median(np.abs(differences - np.median(differences))) / np.sqrt(2))
