"""What probes say: how far each is from the best of its length, all on one axis of rates."""

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

LATE = 0.4  # part of a probe, at its end, that tells whether it trains at all
CERTAIN = 2.0  # standard errors below the untrained loss, from which a probe trains
WILD = 3.0  # standard deviations above the untrained loss, from which a loss is one of a training that breaks out
INERT_NOISE, INERT_FALL = 0.1, 0.05  # parts of the untrained deviation and of the sweep's fall: less is no effect
DRIFT = 0.175  # octaves by which the best rate falls when a training becomes twice as long


@dataclass(frozen=True)
class Evidence:
    """Probes from one start on the same batches.

    Attributes:
        untrained: losses of the first iterations at the rate 0, shape ``(n,)``.
        fall: how far the sweep fell below them at best.
        runs: the losses of each probe, by its rate and by the length that it was made for; shorter where it broke off.
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
        """The rates of the probes of that length, rising."""
        return sorted(lr for lr, runs in self.runs.items() if length in runs)

    def doublings(self, length: int) -> float:
        """How often ``length`` has to be doubled to reach the horizon; never below 0."""
        return max(0.0, math.log2(self.horizon / length))

    def trains(self, lr: float, length: int) -> bool:
        """Whether the losses at the end of the probe lie below the untrained ones by more than chance."""
        change = self._change(lr, length)
        return bool(np.isfinite(change).all() and change.mean() + CERTAIN * change.std() / math.sqrt(len(change)) < 0)

    def harms(self, lr: float, length: int) -> bool:
        """Whether a probe that does not train is at too high a rate, and not at one that is too low to show.

        Batch by batch the losses then differ from the untrained ones; without those of the same batches, they are higher on
        the whole by more than chance.
        """
        change = self._change(lr, length)
        room = max(INERT_NOISE * self.untrained.std(), INERT_FALL * self.fall)
        paired = len(self.runs[lr][length]) <= len(self.untrained)
        certain = np.abs(change).mean() if paired else change.mean() - CERTAIN * change.std() / math.sqrt(len(change))
        return not bool(certain <= room)

    def regrets(self, length: int) -> dict[float, float] | None:
        """How far each probe of that length is from the best of them, as a part of what that one has learned: 0 to 1.

        A training that breaks out above the untrained loss on its way counts as worse by the share of time and of height
        that it spends there. ``None`` where no probe of that length trains.
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
        """The regret of each probe at its greatest length, and that length; without those of lengths that none trains at."""
        found: dict[float, tuple[float, int]] = {}
        for length in self.lengths:
            for lr, regret in (self.regrets(length) or {}).items():
                found.setdefault(lr, (regret, length))
        return found

    def profile(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The regrets of all probes, each at its greatest length, over the logarithm of the rate (base 2), rising.

        A probe of ``n`` iterations stands for a training of the horizon at a rate lower by ``DRIFT`` octaves per doubling:
        the longer the training, the lower its best rate.
        """
        points = [(math.log2(lr) - DRIFT * self.doublings(n), regret) for lr, (regret, n) in self.latest().items()]
        octaves, regrets = np.array(sorted(points)).reshape(-1, 2).T
        return octaves, regrets

    def _change(self, lr: float, length: int) -> Losses:
        """The last losses of a probe less the untrained ones of the same batches; less their mean where these end before."""
        losses = self.runs[lr][length]
        late = max(3, round(LATE * len(losses)))
        paired = len(losses) <= len(self.untrained)
        return losses[-late:] - (self.untrained[: len(losses)][-late:] if paired else self.untrained.mean())

    def _untrained_level(self, length: int) -> float:
        return search_score(self.untrained[:length]) if length <= len(self.untrained) else float(self.untrained.mean())

    def _breakouts(self, lr: float, length: int, learned: float) -> float:
        losses = self.runs[lr][length]
        above = losses[len(losses) // 4 :] - self.untrained.mean() - WILD * self.untrained.std()
        return float(np.nan_to_num(np.clip(above / learned, 0, 1), nan=1.0).mean())
