"""fastai's sweep and its four rules, reimplemented from their description.

fastai itself does not run, because it needs torchvision, which is not available for every torch. The sweep is its default:
1e-7 to 10 in 100 iterations, losses averaged with weight 0.98 and bias-corrected, stopped above 4 times the best. The rules
are its defaults too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lrfinder.torch import TorchLearner

    Rule = Callable[[NDArray[np.float64], NDArray[np.float64]], float]

ITERATIONS = 100
START, END = 1e-7, 10.0
SMOOTHING = 0.98
STOP_AT = 4.0


def sweep(learner: TorchLearner) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rates and smoothed losses, shape ``(n,)`` each, up to the end of the sweep."""
    lrs = START * (END / START) ** (np.arange(ITERATIONS) / ITERATIONS)
    smoothed: list[float] = []
    mean, best = 0.0, math.inf
    for k, lr in enumerate(lrs, start=1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * float(learner.iteration(lr))
        smoothed.append(mean / (1 - SMOOTHING**k))
        best = min(best, smoothed[-1])
        if smoothed[-1] > STOP_AT * best:
            break
    return lrs[: len(smoothed)], np.array(smoothed)


def trimmed(lrs: NDArray[np.float64], losses: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Drop the first tenth, the last five, and everything from the first NaN on."""
    lrs, losses = lrs[ITERATIONS // 10 : -5], losses[ITERATIONS // 10 : -5]
    undefined = np.flatnonzero(np.isnan(losses))
    end = int(undefined[0]) if undefined.size else len(losses)
    return lrs[:end], losses[:end]


def minimum(lrs: NDArray[np.float64], losses: NDArray[np.float64]) -> float:
    """Return a tenth of the rate with the lowest loss."""
    return float(lrs[losses.argmin()]) / 10


def steep(lrs: NDArray[np.float64], losses: NDArray[np.float64]) -> float:
    """Return the rate at which the loss falls fastest over the logarithm of the rate."""
    return float(lrs[(np.diff(losses) / np.diff(np.log(lrs))).argmin()])


def valley(lrs: NDArray[np.float64], losses: NDArray[np.float64]) -> float:
    """Return the middle of the longest falling subsequence, counted in samples back from its end."""
    longest = np.ones(len(losses), dtype=int)
    for k in range(1, len(losses)):
        above = losses[:k] > losses[k]
        longest[k] += longest[:k][above].max(initial=0)
    end = int(longest.argmax())
    start = end - int(longest[end]) if end else 0
    third = (end - start) / 3
    return float(lrs[start + int(third) + int(third / 2)])


def slide(lrs: NDArray[np.float64], losses: NDArray[np.float64], width: int = 15, threshold: float = 0.005) -> float:
    """Slide a window from the right while the slopes at its ends differ, and return its left end.

    Raises:
        IndexError: If the window does not fit.
    """
    slope = np.gradient(losses)
    right = len(losses) - 1
    left = right - width
    if left < 0:
        message = f"{len(losses)} losses are too few for a window of {width + 1}"
        raise IndexError(message)
    found = float(lrs[left])
    while left >= 0 and abs(slope[right] - slope[left]) > threshold:
        found = float(lrs[left])
        left, right = left - 1, right - 1
    return found


RULES: dict[str, Rule] = {"valley": valley, "slide": slide, "minimum": minimum, "steep": steep}
