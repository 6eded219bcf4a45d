"""Trainings on the same batches, compared pair by pair: the difference of their ends, and its standard error."""

from __future__ import annotations

import math
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfinder._results.records import Difference, Order
from lrfinder.analysis.endings import comparison_window, ended_above_first_loss, reached_end

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FREEDOM = 4  # cosines, and so degrees of freedom of the t-distribution
TREND = 2  # a mean and a slope
WINDOWS = 3  # the noise is read from three times as many iterations as the end has
FEWEST_READ = 12  # iterations that the noise is read from at least, where there are so many
CERTAIN = 0.05  # chance of telling any pair of a comparison apart that is none


class Estimate(NamedTuple):
    """A mean difference and its standard error, NaN where it cannot be known."""

    mean: float
    standard_error: float


def differences(lrs: ArrayLike, losses: ArrayLike) -> tuple[Difference, ...]:
    """All pairs of trainings, in the order of the rates; together they err with a probability of one in twenty.

    Two trainings are told apart where Student's t says so of their losses' ranks, at 0.05 divided by the number of pairs
    (Bonferroni), and the means of their ends agree. One that ended above where it began, or never reached its end, is higher
    than one that did, whatever the noise.

    Args:
        lrs: the rates, shape ``(trainings,)``.
        losses: on the same batches, shape ``(trainings, iterations)``; NaN from where a training ended early.
    """
    rates, rows = np.asarray(lrs, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    pairs = list(combinations(range(len(rates)), 2))
    end = comparison_window(rows.shape[1])
    lost = [ended_above_first_loss(row) or not reached_end(row) for row in rows]
    found: list[Difference] = []
    for one, other in pairs:
        read = rows[[one, other], -_read(rows.shape[1]) :]
        estimate, of_ranks = _estimate(read, end), _estimate(_ranks(read), end)
        chance = math.nan if math.isnan(estimate.standard_error) else _chance(of_ranks)
        order = _order(estimate.mean, chance, CERTAIN / len(pairs)) if estimate.mean * of_ranks.mean > 0 else Order.TIE
        if lost[one] != lost[other]:
            order = Order.HIGHER if lost[one] else Order.LOWER
        found.append(Difference(float(rates[one]), float(rates[other]), *estimate, chance, order))
    return tuple(found)


def difference(losses: NDArray[np.float64], others: NDArray[np.float64]) -> Estimate:
    """How much higher ``losses`` ended than ``others``, as the mean over the last tenth of the iterations.

    The standard error is that of a mean of correlated numbers. From the differences of the last three tenths a straight line
    is taken out, since trainings go on falling; what is left is projected on the four lowest cosines orthogonal to it, which
    see the same slow noise as a mean does. Their mean square is the variance, with four degrees of freedom, so that
    ``(mean - truth) / standard_error`` has about Student's t-distribution. Coverage by simulation: decision 9.

    Source: Müller 2007 (J. Econometrics 141) and Lazarus, Lewis, Stock & Watson 2018 (J. Bus. Econ. Stat. 36), the
    equal-weighted cosine estimator; detrending and the longer window are ours.
    """
    return _estimate(np.stack([losses, others])[:, -_read(len(losses)) :], comparison_window(len(losses)))


def _estimate(read: NDArray[np.float64], end: int) -> Estimate:
    """The difference of the means of the last ``end`` of two rows, its noise from all of them."""
    scale = float(np.abs(read).max()) or 1.0
    if not math.isfinite(scale):
        return Estimate(_gap(read[:, -end:]), math.nan)
    gaps = read[0] / scale - read[1] / scale  # lest squares of a diverging training overflow
    mean = float(gaps[-end:].mean()) * scale
    if len(gaps) < TREND + FREEDOM:
        return Estimate(mean, math.nan)
    coefficients = _cosines(len(gaps)) @ (gaps - gaps.mean())
    return Estimate(mean, math.sqrt(float((coefficients**2).mean()) / end) * scale)


def _read(iterations: int) -> int:
    """How many of the last iterations the noise is read from."""
    return max(WINDOWS * comparison_window(iterations), FEWEST_READ)


def _ranks(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """The place of each loss among those of both trainings, equal ones at their mean; a spike is the highest, no more."""
    _, inverse, counts = np.unique(losses, return_inverse=True, return_counts=True)
    places = np.cumsum(counts) - (counts - 1) / 2
    return np.where(np.isfinite(losses), places[inverse].reshape(losses.shape), np.nan)


def _gap(ends: NDArray[np.float64]) -> float:
    """The difference of two ends where not all is finite: infinite where only one of them is not, NaN where both are not."""
    one, other = (bool(np.isfinite(row).all()) for row in ends)
    if one and other:
        return float((ends[0] / ends.shape[1] - ends[1] / ends.shape[1]).sum())
    return math.nan if one == other else -math.inf if one else math.inf


@cache
def _cosines(length: int) -> NDArray[np.float64]:
    """The lowest cosines, made orthonormal to each other and to every straight line, shape ``(FREEDOM, length)``."""
    x = (np.arange(length) + 0.5) / length
    waves = [np.cos(math.pi * k * x) for k in range(1, FREEDOM + 1)]
    basis, _ = np.linalg.qr(np.column_stack([np.ones(length), x, *waves]))
    return basis[:, TREND:].T


def _chance(estimate: Estimate) -> float:
    """Of a difference as large where there is none, two-sided: Student's t with 4 degrees of freedom.

    Source: Abramowitz & Stegun 1964, 26.7.4.
    """
    if estimate.standard_error == 0:
        return float(estimate.mean == 0)
    angle = math.atan2(abs(estimate.mean) / estimate.standard_error, math.sqrt(FREEDOM))
    return 1 - math.sin(angle) * (1 + math.cos(angle) ** 2 / 2)


def _order(mean: float, chance: float, certain: float) -> Order:
    if math.isnan(chance) or chance >= certain:
        return Order.TIE
    return Order.HIGHER if mean > 0 else Order.LOWER
