"""Landmarks of a curve: the rates at which its loss starts to fall, falls fastest, is lowest and diverges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrfinder.analysis.curve import FinitePart, finite_part
from lrfinder.analysis.smoothing import is_coarse, noise, smooth, spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Rates = NDArray[np.float64]
    Smoothing = Callable[[Rates, Rates], Rates]

MIN_RATES = 10  # of a curve with a shape
CERTAIN_STANDARD_ERRORS = 4.0  # by which the lowest of many smoothed losses must fall
STARTED_FRACTION, DIVERGED_FRACTION = 0.05, 0.5  # of the whole fall: the loss has fallen, or risen again, by this
SPREAD_OF_SINGLE_LOSSES = 2.0  # not 1: no neighbor confirms a wild batch, and noise with long tails has many
MEDIAN_VARIANCE = np.pi / 2  # of the median of normal numbers, in units of the variance of their mean


@dataclass(frozen=True)
class Landmarks:
    """The rates of the landmarks of the smoothed loss; ``None`` for one that the curve lacks.

    Attributes:
        falls_from: the highest rate before which the loss has fallen by less than a twentieth of its whole fall.
        steepest: the rate at which it falls fastest per decade of rate.
        lowest: the rate at which it is lowest.
        diverges: the rate above ``lowest`` at which it has risen again by half of its fall; for a loss that never falls, the
            rate from which it stays above its first level.
    """

    falls_from: float | None
    steepest: float | None
    lowest: float | None
    diverges: float | None


NO_LANDMARKS = Landmarks(None, None, None, None)


@dataclass(frozen=True)
class Shape:
    """The features of a curve that stand out from its noise. Arrays have the shape of ``lrs``.

    ``level`` is the loss before the rate has an effect, ``smoothed`` the losses without wild batches and divergence,
    ``noise`` the standard deviation of one loss, ``error`` that of a difference of ``smoothed`` and ``level``. The landmarks
    are indices into ``lrs``; ``None`` where the fall, or the rise, is within the noise.
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
    """Return the landmarks of a curve; all ``None`` for fewer than 10 different rates with a finite loss.

    They are the same for shifted or scaled losses. Two sequences of one length never raise. Those of a coarse sweep, such as
    the one that a search begins with, are read from its raw losses, since smoothing would move them by decades.

    Args:
        lrs: the rates, shape ``(n,)``.
        losses: the raw losses, shape ``(n,)``; they may be NaN or infinite.
    """
    curve = finite_part(lrs, losses)
    if len(curve.lrs) < MIN_RATES:
        return NO_LANDMARKS
    seen = raw_shape(curve) if is_coarse(curve.lrs) else shape(curve)
    indices = (seen.falls_from, seen.steepest, seen.lowest, seen.diverges)
    return Landmarks(*(None if index is None else float(curve.lrs[index]) for index in indices))


def shape(curve: FinitePart) -> Shape:
    """Return the shape of a curve of at least ``MIN_RATES`` rates."""
    return _shape(curve, smooth, spread)


def raw_shape(curve: FinitePart) -> Shape:
    """Return the shape of a coarse curve, whose single losses stand for themselves."""
    return _shape(curve, lambda _, losses: losses, lambda lrs: np.full(len(lrs), SPREAD_OF_SINGLE_LOSSES))


def _shape(curve: FinitePart, smooth: Smoothing, spread: Callable[[Rates], Rates]) -> Shape:
    start = max(3, len(curve.lrs) // 10)
    level, sigma = float(np.median(curve.losses[:start])), noise(curve.losses)
    losses = _clipped(curve.losses, level, sigma)
    smoothed = smooth(curve.lrs, losses)
    error = sigma * np.sqrt(spread(curve.lrs) ** 2 + MEDIAN_VARIANCE / start)
    middle = start // 2  # of the losses behind the level: the lowest point of a loss that rises from the start
    lowest = middle + int(smoothed[middle:].argmin())
    fall = level - smoothed[lowest]
    if lowest > middle and fall > max(CERTAIN_STANDARD_ERRORS * error[lowest], _rounding(losses)):
        falls_from, steepest = _descent(curve.lrs, smoothed, lowest, level - STARTED_FRACTION * fall)
        error_of_rise = CERTAIN_STANDARD_ERRORS * sigma * spread(curve.lrs)[lowest]
        risen = np.flatnonzero(smoothed[lowest:] - smoothed[lowest] > max(DIVERGED_FRACTION * fall, error_of_rise))
        diverges = lowest + int(risen[0]) if len(risen) else None
    else:
        falls_from = steepest = lowest = None
        diverges = for_good(smoothed - level > np.maximum(CERTAIN_STANDARD_ERRORS * error, _rounding(losses)))
    return Shape(curve.lrs, level, smoothed, sigma, error, falls_from, steepest, lowest, diverges)


def _clipped(losses: NDArray[np.float64], level: float, sigma: float) -> NDArray[np.float64]:
    """Clip losses as far above the level as they fall below it, so that smoothing does not carry a divergence downward."""
    height = max(level - float(losses.min()), 3 * CERTAIN_STANDARD_ERRORS * sigma)
    return np.minimum(losses, level + height) if height > 0 else losses


def _descent(lrs: NDArray[np.float64], smoothed: NDArray[np.float64], lowest: int, started: float) -> tuple[int, int]:
    """Return the last index before the fall that is above ``started``, and that of the steepest slope from there."""
    still_up = np.flatnonzero(smoothed[:lowest] > started)
    falls_from = int(still_up[-1]) if len(still_up) else 0
    slope = np.gradient(smoothed, np.log10(lrs))  # per decade
    return falls_from, falls_from + int(slope[falls_from : lowest + 1].argmin())


def for_good(condition: NDArray[np.bool_]) -> int | None:
    """Return the first index from which the condition holds to the end."""
    failing = np.flatnonzero(~condition)
    first = int(failing[-1]) + 1 if len(failing) else 0
    return first if first < len(condition) else None


def _rounding(losses: NDArray[np.float64]) -> float:
    """Return the difference up to which losses in single precision count as equal."""
    return 4 * float(np.finfo(np.float32).eps) * float(np.abs(losses).max())
