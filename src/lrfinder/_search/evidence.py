"""The evidence of the probes: the regret of each against the best of its length, on one axis of rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrfinder.analysis.endings import search_score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Losses = NDArray[np.float64]

LATE_FRACTION = 0.4  # of a probe, at its end, that decides whether it trains at all
TRAINS_STANDARD_ERRORS = 2.0  # below the untrained loss, from which a probe trains
BREAKOUT_DEVIATIONS = 3.0  # standard deviations above the untrained loss, from which a training breaks out
INERT_NOISE_FRACTION, INERT_FALL_FRACTION = 0.1, 0.05  # of the untrained deviation, of the sweep's fall: less is no effect
DRIFT_OCTAVES = 0.175  # by which the best rate falls when a training becomes twice as long


@dataclass(frozen=True)
class Evidence:
    """Probes from one start on the same batches.

    Attributes:
        untrained: losses of the first iterations at the rate 0, shape ``(n,)``.
        fall: how far the sweep fell below them at best.
        runs: the losses of each probe, by its rate and its requested length; shorter where it stopped early.
        horizon: length of the training that the rate is for, in iterations.
    """

    untrained: Losses
    fall: float
    runs: Mapping[float, Mapping[int, Losses]]
    horizon: int

    @property
    def lengths(self) -> list[int]:
        """The lengths of the probes, longest first."""
        return sorted({length for runs in self.runs.values() for length in runs}, reverse=True)

    def rates(self, length: int) -> list[float]:
        """Return the rates of the probes of that length, rising."""
        return sorted(lr for lr, runs in self.runs.items() if length in runs)

    def doublings(self, length: int) -> float:
        """Return how often ``length`` has to be doubled to reach the horizon; never below 0."""
        return max(0.0, math.log2(self.horizon / length))

    def trains(self, lr: float, length: int) -> bool:
        """Return whether the end of the probe lies below the untrained losses by more than chance."""
        change = self._change(lr, length)
        margin = TRAINS_STANDARD_ERRORS * change.std() / math.sqrt(len(change))
        return bool(np.isfinite(change).all() and change.mean() + margin < 0)

    def harms(self, lr: float, length: int) -> bool:
        """Return whether a probe that does not train has too high a rate, rather than one too low to have an effect.

        Batch by batch, its losses then differ from the untrained ones. Beyond the untrained losses of the same batches, they
        are higher on average by more than chance.
        """
        change = self._change(lr, length)
        inert = max(INERT_NOISE_FRACTION * self.untrained.std(), INERT_FALL_FRACTION * self.fall)
        paired = len(self.runs[lr][length]) <= len(self.untrained)
        margin = TRAINS_STANDARD_ERRORS * change.std() / math.sqrt(len(change))
        effect = np.abs(change).mean() if paired else change.mean() - margin
        return not bool(effect <= inert)

    def regrets(self, length: int) -> dict[float, float] | None:
        """Return the regrets of the probes of that length: how far each is from the best, over what the best learned.

        A training that breaks out above the untrained loss on its way counts as worse by the share of time and of height
        that it spends there.

        Returns:
            Regrets from 0 to 1 by rate; ``None`` where no probe of that length trains.
        """
        rates = self.rates(length)
        if not any(self.trains(lr, length) for lr in rates):
            return None
        level = self._untrained_level(length)
        ends = {lr: search_score(self.runs[lr][length]) for lr in rates}
        learned = level - min(ends.values())
        if not learned > 0:
            return None
        return {lr: min(1.0, (ends[lr] - level) / learned + 1 + self._breakouts(lr, length, learned)) for lr in rates}

    def latest(self) -> dict[float, tuple[float, int]]:
        """Return the regret of each probe at its greatest length, and that length, where any probe of that length trains."""
        found: dict[float, tuple[float, int]] = {}
        for length in self.lengths:
            for lr, regret in (self.regrets(length) or {}).items():
                found.setdefault(lr, (regret, length))
        return found

    def profile(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the regrets of all probes, each at its greatest length, over the logarithm of the rate (base 2).

        A probe of ``n`` iterations stands for a training of the horizon at a rate lower by ``DRIFT_OCTAVES`` per doubling:
        the longer the training, the lower its best rate.

        Returns:
            The logarithms, rising, and the regrets, both of shape ``(probes,)``.
        """
        points = [(math.log2(lr) - DRIFT_OCTAVES * self.doublings(n), regret) for lr, (regret, n) in self.latest().items()]
        octaves, regrets = np.array(sorted(points)).reshape(-1, 2).T
        return octaves, regrets

    def _change(self, lr: float, length: int) -> Losses:
        """Return a probe's last losses minus the untrained losses of the same batches, or their mean if it is longer."""
        losses = self.runs[lr][length]
        late = max(3, round(LATE_FRACTION * len(losses)))
        paired = len(losses) <= len(self.untrained)
        return losses[-late:] - (self.untrained[: len(losses)][-late:] if paired else self.untrained.mean())

    def _untrained_level(self, length: int) -> float:
        return search_score(self.untrained[:length]) if length <= len(self.untrained) else float(self.untrained.mean())

    def _breakouts(self, lr: float, length: int, learned: float) -> float:
        losses = self.runs[lr][length]
        above = losses[len(losses) // 4 :] - self.untrained.mean() - BREAKOUT_DEVIATIONS * self.untrained.std()
        return float(np.nan_to_num(np.clip(above / learned, 0, 1), nan=1.0).mean())
