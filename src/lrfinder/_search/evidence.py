"""The evidence of the probes: how each length ended, and whether a probe trains at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfinder.analysis.curve import LARGEST_LOSS
from lrfinder.analysis.endings import search_score, search_window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Losses = NDArray[np.float64]

LATE_FRACTION = 0.4  # of a probe, at its end, that decides whether it trains at all
TRAINS_STANDARD_ERRORS = 1.5  # below the untrained loss, from which a probe trains
BREAKOUT_DEVIATIONS = 3.0  # standard deviations above the untrained loss, from which a training breaks out


class Scores(NamedTuple):
    """The ends of the probes of one length.

    Attributes:
        lrs: their rates, rising, shape ``(n,)``.
        losses: the mean losses of their ends, of that shape; infinite where not finite.
        errors: the standard error of each loss beside the lowest, on the same batches, of that shape.
        level: the mean loss of the untrained model.
        level_error: the standard error of such a mean.
    """

    lrs: NDArray[np.float64]
    losses: Losses
    errors: Losses
    level: float
    level_error: float


@dataclass(frozen=True)
class Evidence:
    """Probes from one start on the same batches.

    Attributes:
        untrained: losses of the first iterations at the rate 0, shape ``(n,)``.
        runs: the losses of each probe, by its rate and its requested length; shorter where it stopped early.
        horizon: length of the training that the rate is for, in iterations.
    """

    untrained: Losses
    runs: Mapping[float, Mapping[int, Losses]]
    horizon: int

    @property
    def lengths(self) -> list[int]:
        """The lengths of the probes, longest first."""
        return sorted({length for runs in self.runs.values() for length in runs}, reverse=True)

    def rates(self, length: int) -> list[float]:
        """Return the rates of the probes of that length, rising."""
        return sorted(lr for lr, runs in self.runs.items() if length in runs)

    def trains(self, lr: float, length: int) -> bool:
        """Return whether the end of the probe lies below the untrained losses by more than chance."""
        losses = self.runs[lr][length]
        late = max(3, round(LATE_FRACTION * len(losses)))
        paired = len(losses) <= len(self.untrained)
        change = losses[-late:] - (self.untrained[: len(losses)][-late:] if paired else self.untrained.mean())
        if not np.isfinite(change).all():
            return False
        margin = TRAINS_STANDARD_ERRORS * change.std() / math.sqrt(len(change))
        return bool(change.mean() + margin < 0)

    @property
    def any_trains(self) -> bool:
        """``True`` if any probe of any length trains."""
        return any(self.trains(lr, length) for lr, runs in self.runs.items() for length in runs)

    def best(self, length: int) -> float:
        """Return the rate of the probe of that length that ended lowest; of equals the lowest."""
        scores = self.scores(length)
        return float(scores.lrs[scores.losses.argmin()])

    def scores(self, length: int) -> Scores:
        """Return how the probes of that length ended.

        A training that breaks out above the untrained loss on its way counts as higher by the share of time and of height
        that it spends there.
        """
        lrs = self.rates(length)
        runs = [self.runs[lr][length] for lr in lrs]
        ends = np.array([search_score(losses) for losses in runs])
        level = self._level(length)
        learned = max(0.0, level - float(ends.min()))
        if learned:
            ends = ends + learned * np.array([self._breakouts(losses, learned) for losses in runs])
        best = runs[int(ends.argmin())]
        noise = float(self.untrained.std())
        highest = level + learned + BREAKOUT_DEVIATIONS * noise  # beyond it, an explosion would pass for noise
        errors = np.array([_error(np.minimum(losses, highest), np.minimum(best, highest), length) for losses in runs])
        return Scores(np.array(lrs), ends, errors, level, noise / math.sqrt(search_window(length)))

    def signal(self, length: int) -> float:
        """Return what the best probe of that length has learned, over the largest standard error among all of them."""
        scores, window = self.scores(length), search_window(length)
        end = np.clip(np.nan_to_num(self.runs[self.best(length)][length][-window:]), -LARGEST_LOSS, LARGEST_LOSS)
        error = float(scores.errors.max()) or float(end.std()) / math.sqrt(window)
        return (scores.level - float(scores.losses.min())) / max(error, float(np.finfo(float).tiny))

    def _level(self, length: int) -> float:
        return search_score(self.untrained[:length]) if length <= len(self.untrained) else float(self.untrained.mean())

    def _breakouts(self, losses: Losses, learned: float) -> float:
        above = losses[len(losses) // 4 :] - self.untrained.mean() - BREAKOUT_DEVIATIONS * self.untrained.std()
        return float(np.nan_to_num(np.clip(above / learned, 0, 1), nan=1.0).mean())


def _error(losses: Losses, best: Losses, length: int) -> float:
    """Return the standard error of the difference of two ends; 0 where a probe did not reach its end."""
    window = search_window(length)
    ends = np.array([losses[-window:], best[-window:]]) if min(len(losses), len(best)) == length else np.array([np.nan])
    return float(np.diff(ends, axis=0).std() / math.sqrt(window)) if np.isfinite(ends).all() else 0.0
