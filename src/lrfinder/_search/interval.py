"""The rate that the probes speak for, and the interval around it.

The regrets of the probes are blurred over the rates before their lowest point is taken: a rate is worth what it and its
neighbours would lose, for where the curve of a training of the horizon lies is known only about. The fewer iterations the
probes had, the wider the blur; so the rate stays clear of a cliff by as much as is unknown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lrfinder._search.evidence import Evidence

BLUR = 0.4  # octaves, standard deviation at one doubling short of the horizon; grows with the root of the doublings
LEAST_DOUBLINGS = 0.05
GRID = 0.125  # octaves between the rates that are weighed
RISE_ABOVE, RISE_BELOW = 0.5, 0.2  # regret per octave assumed beyond the highest and the lowest probe
# the interval holds the rates that are worse by no more: it held the best in 80 % of development runs
REGRET, REGRET_PER_DOUBLING = 0.005, 0.17
LEAST = 0.4  # octaves to either side


class Interval(NamedTuple):
    """A rate and the interval around it."""

    lr: float
    low: float
    high: float


def chosen(evidence: Evidence, length: int) -> float:
    """The rate for the horizon, as probes of ``length`` iterations and less tell it."""
    octaves, blurred = _blurred(evidence, length, beyond=0.0)
    return float(2.0 ** octaves[blurred.argmin()])


def interval(evidence: Evidence, length: int) -> Interval:
    """The rate and its interval, from probes that reach ``length`` iterations.

    Where these are as long as the training itself, the rate is the best of them: that very training was seen.
    """
    octaves, blurred = _blurred(evidence, length, beyond=3.0)
    lr = _measured(evidence, length) if length >= evidence.horizon else chosen(evidence, length)
    at = math.log2(lr)
    room = REGRET + REGRET_PER_DOUBLING * evidence.doublings(length)
    good = octaves[blurred <= np.interp(at, octaves, blurred) + room]
    low, high = min(good.min(initial=at), at - LEAST), max(good.max(initial=at), at + LEAST)
    return Interval(float(lr), float(2.0**low), float(2.0**high))


def _measured(evidence: Evidence, length: int) -> float:
    regrets = evidence.regrets(length) or {}
    return min(regrets, key=lambda lr: (regrets[lr], lr))


def _blurred(evidence: Evidence, length: int, beyond: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The blurred regrets over a grid of rates (logarithm, base 2) that reaches so many octaves beyond the probes."""
    octaves, regrets = evidence.profile()
    grid = np.arange(octaves[0] - beyond, octaves[-1] + beyond + GRID / 2, GRID)
    sigma = BLUR * math.sqrt(max(evidence.doublings(length), LEAST_DOUBLINGS))
    shifts = np.arange(-3 * sigma, 3 * sigma + GRID / 8, GRID / 2)
    weights = np.exp(-0.5 * (shifts / sigma) ** 2)
    at = grid[:, None] + shifts
    above, below = np.maximum(at - octaves[-1], 0), np.maximum(octaves[0] - at, 0)
    values = np.minimum(1, np.interp(at, octaves, regrets) + RISE_ABOVE * above + RISE_BELOW * below)
    return grid, values @ weights / weights.sum()
