"""Smoothing without lag, and noise. A running median removes wild batches; then a line fits the neighbors of each loss.

A running mean of past losses shifts every feature of a curve to higher rates, by 1.5 decades and more with common settings
(0.98 on 100 rates). A centered local line preserves constants and straight lines, also at the ends.

:func:`smooth` is what decisions read. Views draw :func:`drawn_line`, which promises to stay among the losses it stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Fit = Callable[[NDArray[np.float64], int], NDArray[np.float64]]

HALF_WIDTH_DECADES = 0.25
MIN_NEIGHBORS, MAX_NEIGHBORS = 3, 250  # on each side: fewer do not smooth, more cost time without effect
STEADY_REACHES = 6  # of the last losses of a training, whose slope is that of its end


def smooth(lrs: NDArray[np.float64], losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth losses over half a decade of rates.

    Local linear regression with tricube weights (Cleveland 1979, section 2) after a running median of 3. The lines are
    fitted over iterations, not over rates, so that all have the same number of neighbors.

    Args:
        lrs: rising rates above 0, shape ``(n,)``.
        losses: finite losses, shape ``(n,)``.

    Returns:
        The smoothed losses, shape ``(n,)``.
    """
    reach = half_width(lrs)
    return _fitted(losses, reach) if reach else losses.copy()


def is_coarse(lrs: NDArray[np.float64]) -> bool:
    """Return True if a quarter of a decade holds too few rates to smooth over, on average."""
    return _neighbors(lrs) < MIN_NEIGHBORS


def drawn_line(lrs: NDArray[np.float64], losses: NDArray[np.float64], ceiling: float = np.inf) -> NDArray[np.float64]:
    """Return the line to draw through the losses of a sweep: smoothed over half a decade, or the losses of a coarse sweep.

    Args:
        lrs: rising rates above 0, shape ``(n,)``.
        losses: finite losses, shape ``(n,)``.
        ceiling: losses above it count as it, so that an explosion does not lift the line before it.

    Returns:
        The line, shape ``(n,)``. Each point lies between the lowest and the highest loss that it was smoothed over.
    """
    return losses.copy() if is_coarse(lrs) else local_lines(losses, half_width(lrs), ceiling)


def local_lines(losses: NDArray[np.float64], reach: int, ceiling: float = np.inf) -> NDArray[np.float64]:
    """Smooth losses over ``reach`` neighbors on each side, and keep each point within the range of those losses.

    Positive losses are smoothed in their logarithm, as they are drawn: equal factors up and down cancel. A local line
    follows the trend at both ends, where a mean would lag; there it also may overshoot, which the range ends.
    """
    return _within_windows(losses, reach, _fitted, ceiling)


def training_line(losses: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Smooth the losses of a training like :func:`local_lines`, with a calm right end.

    A line through the few last losses follows their noise, so that its end points anywhere. There the slope is that of the
    last ``STEADY_REACHES * reach`` losses: a training that ends changes slowly.
    """
    return _within_windows(losses, reach, _fitted_with_steady_end)


def _within_windows(losses: NDArray[np.float64], reach: int, fit: Fit, ceiling: float = np.inf) -> NDArray[np.float64]:
    reach = min(reach, (len(losses) - 1) // 2)
    if reach < 1:
        return losses.copy()
    capped = np.minimum(losses, ceiling)
    low, high = _range_of_window(losses, reach)
    with np.errstate(over="ignore", under="ignore"):  # beyond the largest float lies the range, too
        if (capped > 0).all():
            return np.clip(np.exp(fit(np.log(capped), reach)), low, high)
        unit = float(np.abs(capped).max()) or 1.0
        return np.clip(fit(capped / unit, reach) * unit, low, high)


def spread(lrs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard deviation of :func:`smooth` of independent losses of deviation 1, shape ``(n,)``.

    It is the root of the sum of the squared weights, and larger at the ends. The running median is not included.
    """
    reach = half_width(lrs)
    if not reach:
        return np.ones(len(lrs))
    kernel, s1, s2, determinant = _local_lines(len(lrs), reach)
    q0, q1, q2 = _moments(len(lrs), kernel**2)
    return np.sqrt(s2**2 * q0 - 2 * s1 * s2 * q1 + s1**2 * q2) / determinant


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


def half_width(lrs: NDArray[np.float64]) -> int:
    """Return the number of neighbors on each side; 0 for too few losses to smooth."""
    n = len(lrs)
    if n < MIN_NEIGHBORS:
        return 0
    return int(min(max(MIN_NEIGHBORS, round(min(_neighbors(lrs), MAX_NEIGHBORS))), (n - 1) // 2))


def _neighbors(lrs: NDArray[np.float64]) -> float:
    """Return how many rates there are on each side within ``HALF_WIDTH_DECADES``, on average."""
    decades = np.log10(lrs[-1]) - np.log10(lrs[0]) if len(lrs) else 0.0
    return float(HALF_WIDTH_DECADES * (len(lrs) - 1) / decades) if decades > 0 else float(MAX_NEIGHBORS)


def _fitted(losses: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    values = losses.copy()
    values[1:-1] = np.median([losses[:-2], losses[1:-1], losses[2:]], axis=0)  # the first and the last have one neighbor
    offset = losses[0]  # preserves a constant to the last bit
    values -= offset
    kernel, s1, s2, determinant = _local_lines(len(losses), reach)
    steps = np.arange(-reach, reach + 1.0)
    t0, t1 = (np.convolve(values, (kernel * steps**power)[::-1], "same") for power in (0, 1))
    return offset + (s2 * t0 - s1 * t1) / determinant


def _fitted_with_steady_end(losses: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    fitted = _fitted(losses, reach)
    last = losses[-STEADY_REACHES * reach :]
    steps = np.arange(len(last)) - (len(last) - 1) / 2
    slope = float(steps @ (last - last[0]) / (steps @ steps))
    for place in range(len(losses) - reach, len(losses)):  # all before have as many neighbors on either side
        kernel = _tricube(reach)[: reach + len(losses) - place]
        window = losses[place - reach :]
        steps = np.arange(-reach, len(losses) - place)
        fitted[place] = losses[0] + kernel @ (window - losses[0] - slope * steps) / kernel.sum()
    return fitted


def _range_of_window(losses: NDArray[np.float64], reach: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and the highest loss among each loss and its neighbors."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(losses, reach, mode="edge"), 2 * reach + 1)
    return windows.min(axis=1), windows.max(axis=1)


def _local_lines(n: int, reach: int) -> tuple[NDArray[np.float64], ...]:
    kernel = _tricube(reach)
    s0, s1, s2 = _moments(n, kernel)
    return kernel, s1, s2, s0 * s2 - s1**2


def _tricube(reach: int) -> NDArray[np.float64]:
    return (1 - np.abs(np.arange(-reach, reach + 1.0) / (reach + 1)) ** 3) ** 3


def _moments(n: int, kernel: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return the sums of weight, weight x step and weight x step squared over the neighbors of each of ``n`` losses."""
    reach = len(kernel) // 2
    steps = np.arange(-reach, reach + 1.0)
    return tuple(np.convolve(np.ones(n), (kernel * steps**power)[::-1], "same") for power in (0, 1, 2))
