"""Where on the rate axis a curve does what: starts to fall, falls fastest, is lowest, diverges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrfinder.analysis.curve import FinitePart, finite_part
from lrfinder.analysis.noise import noise
from lrfinder.analysis.smoothing import smooth, spread

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FEWEST = 10  # rates, below which no curve has a shape
CERTAIN = 4.0  # standard errors, from which the lowest of many smoothed losses is no accident
STARTED, DIVERGED = 0.05, 0.5  # parts of the whole fall: fallen by, risen again by
MEDIAN_VARIANCE = np.pi / 2  # of the median of normal numbers, in units of the variance of their mean


@dataclass(frozen=True)
class Landmarks:
    """Learning rates at which the smoothed loss does something; ``None`` where it does not.

    Attributes:
        falls_from: the highest rate before which the loss had fallen by less than a twentieth of its whole fall.
        steepest: where it falls fastest per decade of rate.
        lowest: where it is lowest.
        diverges: where, past the lowest, it has risen again by half of what it had fallen; of a loss that never falls, where
            it leaves its first level for good.
    """

    falls_from: float | None
    steepest: float | None
    lowest: float | None
    diverges: float | None


@dataclass(frozen=True)
class Shape:
    """A curve as far as it stands out from its noise; arrays have the shape of ``lrs``.

    ``level`` is the loss before the rate shows, ``smoothed`` the curve without wild batches and explosions, ``noise`` the
    standard deviation of one loss, ``error`` that of a difference of ``smoothed`` and ``level``. The places are indices into
    ``lrs``; ``None`` where the fall, or the rise, is within the noise.
    """

    lrs: NDArray[np.float64]
    level: float
    smoothed: NDArray[np.float64]
    noise: float
    error: NDArray[np.float64]
    falls_from: int | None
    steepest: int | None
    lowest: int | None
    diverges: int | None


def landmarks(lrs: ArrayLike, losses: ArrayLike) -> Landmarks:
    """The landmarks of a curve; all ``None`` where it has fewer than 10 different rates with a finite loss before its end.

    Nothing changes when the losses are shifted or scaled. Never raises for two sequences of one length.

    Args:
        lrs: the rates, shape ``(n,)``.
        losses: the raw losses, shape ``(n,)``; may be NaN or infinite.
    """
    curve = finite_part(lrs, losses)
    if len(curve.lrs) < FEWEST:
        return Landmarks(None, None, None, None)
    seen = shape(curve)
    places = (seen.falls_from, seen.steepest, seen.lowest, seen.diverges)
    return Landmarks(*(None if place is None else float(curve.lrs[place]) for place in places))


def shape(curve: FinitePart) -> Shape:
    """What stands out from the noise of a curve of at least ``FEWEST`` rates."""
    start = max(3, len(curve.lrs) // 10)
    level, sigma = float(np.median(curve.losses[:start])), noise(curve.losses)
    losses = _without_explosion(curve.losses, level, sigma)
    smoothed = smooth(curve.lrs, losses)
    error = sigma * np.sqrt(spread(curve.lrs) ** 2 + MEDIAN_VARIANCE / start)
    middle = start // 2  # of the losses that make the level: one that rises from the start on is lowest here
    lowest = middle + int(smoothed[middle:].argmin())
    fall = level - smoothed[lowest]
    if lowest > middle and fall > max(CERTAIN * error[lowest], _rounding(losses)):
        falls_from, steepest = _descent(curve.lrs, smoothed, lowest, level - STARTED * fall)
        risen = smoothed - smoothed[lowest] > max(DIVERGED * fall, CERTAIN * sigma * spread(curve.lrs)[lowest])
        diverges = _first(risen, after=lowest)
    else:
        falls_from = steepest = lowest = None
        diverges = _for_good(smoothed - level > np.maximum(CERTAIN * error, _rounding(losses)))
    return Shape(curve.lrs, level, smoothed, sigma, error, falls_from, steepest, lowest, diverges)


def _without_explosion(losses: NDArray[np.float64], level: float, sigma: float) -> NDArray[np.float64]:
    """Cut off above the level by as much as the loss falls below it, so that what explodes does not leak to lower rates."""
    room = max(level - float(losses.min()), 3 * CERTAIN * sigma)
    return np.minimum(losses, level + room) if room > 0 else losses


def _descent(lrs: NDArray[np.float64], smoothed: NDArray[np.float64], lowest: int, started: float) -> tuple[int, int]:
    """The last place before the fall that is still above ``started``, and from there the place of the steepest slope."""
    still_up = np.flatnonzero(smoothed[:lowest] > started)
    falls_from = int(still_up[-1]) if len(still_up) else 0
    slope = np.gradient(smoothed, np.log10(lrs))  # per decade
    return falls_from, falls_from + int(slope[falls_from : lowest + 1].argmin())


def _first(here: NDArray[np.bool_], after: int) -> int | None:
    places = np.flatnonzero(here[after:])
    return after + int(places[0]) if len(places) else None


def _for_good(here: NDArray[np.bool_]) -> int | None:
    """The first place from which on ``here`` holds to the end."""
    elsewhere = np.flatnonzero(~here)
    first = int(elsewhere[-1]) + 1 if len(elsewhere) else 0
    return first if first < len(here) else None


def _rounding(losses: NDArray[np.float64]) -> float:
    """What losses in single precision may differ by and yet be equal."""
    return 4 * float(np.finfo(np.float32).eps) * float(np.abs(losses).max())
