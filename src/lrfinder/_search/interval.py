"""The rate that the probes support, and the interval around it.

The regrets of the probes are blurred over the rates before their lowest point is taken: a rate is as good as it and its
neighbors, because the position of the horizon's own curve is known only roughly. The fewer iterations the probes had, the
wider the blur, so that the rate keeps a distance from a cliff as large as the uncertainty.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lrfinder._search.evidence import Evidence

BLUR_OCTAVES = 0.4  # standard deviation at one doubling short of the horizon; grows with the root of the doublings
LEAST_DOUBLINGS = 0.05
GRID_OCTAVES = 0.125  # between the rates that are compared
RISE_ABOVE_PER_OCTAVE, RISE_BELOW_PER_OCTAVE = 0.5, 0.2  # regret assumed beyond the highest and the lowest probe
# the interval holds the rates that are worse by no more than this: it held the best in 80 % of development runs
REGRET, REGRET_PER_DOUBLING = 0.005, 0.17
LEAST_OCTAVES = 0.4  # to either side


class Interval(NamedTuple):
    """A rate and the interval around it."""

    lr: float
    low: float
    high: float


def chosen(evidence: Evidence, length: int) -> float:
    """Return the rate for the horizon that probes of up to ``length`` iterations support."""
    octaves, blurred = _blurred(evidence, length, beyond=0.0)
    return float(2.0 ** octaves[blurred.argmin()])


def interval(evidence: Evidence, length: int) -> Interval:
    """Return the rate and its interval, from probes that reach ``length`` iterations.

    Where these are as long as the training itself, the rate is the best of them: that very training was run.
    """
    octaves, blurred = _blurred(evidence, length, beyond=3.0)
    lr = _measured(evidence, length) if length >= evidence.horizon else chosen(evidence, length)
    at = math.log2(lr)
    margin = REGRET + REGRET_PER_DOUBLING * evidence.doublings(length)
    good = octaves[blurred <= np.interp(at, octaves, blurred) + margin]
    low, high = min(good.min(initial=at), at - LEAST_OCTAVES), max(good.max(initial=at), at + LEAST_OCTAVES)
    return Interval(float(lr), float(2.0**low), float(2.0**high))


def _measured(evidence: Evidence, length: int) -> float:
    regrets = evidence.regrets(length) or {}
    return min(regrets, key=lambda lr: (regrets[lr], lr))


def _blurred(evidence: Evidence, length: int, beyond: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the blurred regrets over a grid of rates (logarithm, base 2) that reaches so many octaves beyond the probes."""
    octaves, regrets = evidence.profile()
    grid = np.arange(octaves[0] - beyond, octaves[-1] + beyond + GRID_OCTAVES / 2, GRID_OCTAVES)
    sigma = BLUR_OCTAVES * math.sqrt(max(evidence.doublings(length), LEAST_DOUBLINGS))
    shifts = np.arange(-3 * sigma, 3 * sigma + GRID_OCTAVES / 8, GRID_OCTAVES / 2)
    weights = np.exp(-0.5 * (shifts / sigma) ** 2)
    at = grid[:, None] + shifts
    above, below = np.maximum(at - octaves[-1], 0), np.maximum(octaves[0] - at, 0)
    values = np.minimum(1, np.interp(at, octaves, regrets) + RISE_ABOVE_PER_OCTAVE * above + RISE_BELOW_PER_OCTAVE * below)
    return grid, values @ weights / weights.sum()
