"""Answers to "how did a training end?", one function per question.

A window is the number of last iterations that an answer is computed from. The part of a result that decides and the tables
and pictures that show it call the same function, so that they cannot disagree.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Losses = NDArray[np.float64]

SCORE_FRACTION = 0.2  # of a probe's iterations, at its end
SEARCH_WINDOW_AT_LEAST = 3  # iterations
GRID_WINDOW_AT_LEAST = 1  # iterations
TENTH = 10  # a comparison is decided by this part of a training, 1 / TENTH, at its end
LENGTH_WITH_NOISE = 50  # iterations of a training, below which its last tenth is too short to show its own noise


def search_window(iterations: int) -> int:
    """Return how many of a probe's iterations :func:`search_score` averages: the last fifth, at least 3."""
    return max(SEARCH_WINDOW_AT_LEAST, round(SCORE_FRACTION * iterations))


def search_score(losses: Losses) -> float:
    """Return the loss by which a search ranks a probe: the mean over :func:`search_window`.

    It is infinite for a probe without losses, and where a loss of the window is not finite.
    """
    return _mean_of_end(losses, search_window(len(losses)))


def grid_score(losses: Losses) -> float:
    """Return the loss by which a grid ranks a probe: the mean over the last fifth, at least 1; infinite if not finite."""
    return _mean_of_end(losses, max(GRID_WINDOW_AT_LEAST, round(SCORE_FRACTION * len(losses))))


def comparison_window(iterations: int) -> int:
    """Return how many iterations decide a comparison: the last tenth, at least 1."""
    return max(1, iterations // TENTH)


def final_losses(losses: Losses, window: int) -> Losses:
    """Return the mean over the last ``window`` iterations of each training; infinite if not finite.

    ``losses`` have the shape ``(trainings, iterations)``, the means ``(trainings,)``.
    """
    means = (losses[:, -window:] / window).sum(axis=1)  # in this order, diverged losses do not overflow
    return np.where(np.isfinite(means), means, np.inf)


def reached_end(losses: Losses) -> bool:
    """Return whether all losses of the window that decides a comparison are finite."""
    return bool(np.isfinite(losses[-comparison_window(len(losses)) :]).all())


def ended_above_first_tenth(losses: Losses) -> bool:
    """Return whether every loss of the last tenth lies above every loss of the first tenth."""
    window = comparison_window(len(losses))
    return bool(losses[-window:].min() > losses[:window].max())


def ended_above_first_loss(losses: Losses) -> bool:
    """Return whether a run ended above where it began, by more than a lucky first batch can explain.

    Every loss of the last tenth exceeds the first loss by more than the tenth's own spread, or exceeds every loss of the
    first tenth. ``False`` for fewer than 50 losses.
    """
    if len(losses) < LENGTH_WITH_NOISE:
        return False
    end = losses[-comparison_window(len(losses)) :]
    first, low, high = float(losses[0]), float(end.min()), float(end.max())
    return low > first and (low - first > high - low or ended_above_first_tenth(losses))


def diverged(losses: Losses) -> bool:
    """Return whether a probe's last loss is not finite, or its whole last tenth lies above its whole first tenth."""
    return len(losses) > 0 and (not math.isfinite(losses[-1]) or ended_above_first_tenth(losses))


def batch_not_finite(losses: Iterable[float]) -> str | None:
    """Return a note that names the first batch whose loss is not finite, in a training without updates."""
    for batch, loss in enumerate(losses):
        if not math.isfinite(loss):
            kind = "NaN" if math.isnan(loss) else "infinite"
            return f"batch {batch} is {kind} before any update (the first batch is 0)"
    return None


def _mean_of_end(losses: Losses, window: int) -> float:
    if not len(losses):
        return math.inf
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(losses[-window:].mean())
    return mean if math.isfinite(mean) else math.inf
