"""Paired comparison of trainings on the same batches: the difference of their ends, and its standard error."""

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

DEGREES_OF_FREEDOM = 4  # of the t-distribution: the number of cosines
TREND_TERMS = 2  # a mean and a slope
NOISE_WINDOWS = 3  # the noise is estimated from this many times the iterations of the end
MIN_NOISE_ITERATIONS = 12  # ... but at least from these
FAMILYWISE_ALPHA = 0.05  # the probability that a comparison of equal trainings finds any difference


class Estimate(NamedTuple):
    """A mean difference and its standard error; NaN where it cannot be estimated."""

    mean: float
    standard_error: float


def differences(lrs: ArrayLike, losses: ArrayLike) -> tuple[Difference, ...]:
    """Compare all pairs of trainings, in the order of the rates; the probability of any false difference is 0.05.

    Two trainings differ where Student's t of the ranks of their losses is significant at 0.05 divided by the number of pairs
    (Bonferroni), and the means of their ends agree. A training that ended above its first loss, or did not reach its end, is
    higher than one that did, whatever the noise.

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
        read = rows[[one, other], -_noise_window(rows.shape[1]) :]
        estimate, of_ranks = _estimate(read, end), _estimate(_ranks(read), end)
        chance = math.nan if math.isnan(estimate.standard_error) else _chance(of_ranks)
        differ = chance < FAMILYWISE_ALPHA / len(pairs) and estimate.mean * of_ranks.mean > 0
        order = (Order.HIGHER if estimate.mean > 0 else Order.LOWER) if differ else Order.TIE
        if lost[one] != lost[other]:
            order = Order.HIGHER if lost[one] else Order.LOWER
        found.append(Difference(float(rates[one]), float(rates[other]), *estimate, chance, order))
    return tuple(found)


def difference(losses: NDArray[np.float64], others: NDArray[np.float64]) -> Estimate:
    """Return how much higher ``losses`` ended than ``others``: the mean difference over the last tenth of the iterations.

    The standard error is that of a mean of correlated numbers. A straight line is subtracted from the differences of the
    last three tenths, because losses are still falling. The rest is projected on the four lowest cosines orthogonal to the
    line, which contain the same slow noise as a mean. Their mean square is the variance, with four degrees of freedom, so
    that ``(mean - truth) / standard_error`` has about Student's t-distribution. Coverage by simulation: decision 9.

    Source: Müller 2007 (J. Econometrics 141) and Lazarus, Lewis, Stock & Watson 2018 (J. Bus. Econ. Stat. 36), the
    equal-weighted cosine estimator; detrending and the longer window are additions.
    """
    return _estimate(np.stack([losses, others])[:, -_noise_window(len(losses)) :], comparison_window(len(losses)))


def _estimate(read: NDArray[np.float64], end: int) -> Estimate:
    """Return the difference of the means of the last ``end`` columns of two rows, with its noise from all columns."""
    scale = float(np.abs(read).max()) or 1.0
    if not math.isfinite(scale):
        return Estimate(_gap(read[:, -end:]), math.nan)
    gaps = read[0] / scale - read[1] / scale  # so that squares of a diverging training do not overflow
    mean = float(gaps[-end:].mean()) * scale
    if len(gaps) < TREND_TERMS + DEGREES_OF_FREEDOM:
        return Estimate(mean, math.nan)
    coefficients = _cosines(len(gaps)) @ (gaps - gaps.mean())
    return Estimate(mean, math.sqrt(float((coefficients**2).mean()) / end) * scale)


def _noise_window(iterations: int) -> int:
    return max(NOISE_WINDOWS * comparison_window(iterations), MIN_NOISE_ITERATIONS)


def _ranks(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each loss among those of both trainings, equal ones by their mean; a spike is merely highest."""
    _, inverse, counts = np.unique(losses, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return np.where(np.isfinite(losses), ranks[inverse].reshape(losses.shape), np.nan)


def _gap(ends: NDArray[np.float64]) -> float:
    """Return the difference of two ends: infinite where one of them has a loss that is not finite, NaN where both have."""
    one, other = (bool(np.isfinite(row).all()) for row in ends)
    if one and other:
        return float((ends[0] / ends.shape[1] - ends[1] / ends.shape[1]).sum())
    return math.nan if one == other else -math.inf if one else math.inf


@cache
def _cosines(length: int) -> NDArray[np.float64]:
    """Return the lowest cosines, orthonormal to each other and to straight lines, shape ``(DEGREES_OF_FREEDOM, length)``."""
    x = (np.arange(length) + 0.5) / length
    waves = [np.cos(math.pi * k * x) for k in range(1, DEGREES_OF_FREEDOM + 1)]
    basis, _ = np.linalg.qr(np.column_stack([np.ones(length), x, *waves]))
    return basis[:, TREND_TERMS:].T


def _chance(estimate: Estimate) -> float:
    """Return the two-sided p-value of Student's t with 4 degrees of freedom (Abramowitz & Stegun 1964, 26.7.4)."""
    if estimate.standard_error == 0:
        return float(estimate.mean == 0)
    angle = math.atan2(abs(estimate.mean) / estimate.standard_error, math.sqrt(DEGREES_OF_FREEDOM))
    return 1 - math.sin(angle) * (1 + math.cos(angle) ** 2 / 2)
