"""The valley of a training: how much worse rates beside the best one are, as recorded trainings show it.

Its shape depends on how far the training has come, and on whether the optimizer has made updates before. So does the way
that its lowest point moves while the training goes on. The numbers are in ``valley.json``.
``benchmarks/suggestion/generated/fit_valley.py`` computes them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


MOST_DOUBLINGS = 6.0  # below the least fraction, over which the drift is taken to go on


class Drift(NamedTuple):
    """The distance, in octaves, by which the best rate of a part of a training lies above that of the whole."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Valley:
    """The regrets around the best rate, for trainings of one kind.

    Attributes:
        offsets: octaves from the best rate, rising, shape ``(n,)``.
        fractions: parts of a training, rising to 1, shape ``(k,)``.
        regrets: for each part, those of a wide, a usual and a narrow valley, shape ``(k, 3, n)``.
        drift: mean and deviation for each part, shape ``(k, 2)``.
    """

    offsets: Floats
    fractions: Floats
    regrets: Floats
    drift: Floats

    def regret(self, octaves: ArrayLike, fraction: float) -> Floats:
        """Return the regrets of rates so many octaves from the best one, after a part of the training.

        Args:
            octaves: of any shape.
            fraction: the part; the nearest one known is taken.

        Returns:
            The regrets in a wide, a usual and a narrow valley, shape ``(3, *octaves.shape)``.
        """
        nearest = int(np.abs(np.log(self.fractions / fraction)).argmin())
        at = np.asarray(octaves, dtype=np.float64)
        return np.stack([np.interp(at, self.offsets, row) for row in self.regrets[nearest]])

    def drift_at(self, fraction: float) -> Drift:
        """Return the drift after a part of the training; below the least part that is known, as if it went on."""
        logs = np.log2(self.fractions)
        at = math.log2(min(fraction, 1.0))
        mean, deviation = (float(np.interp(at, logs, column)) for column in self.drift.T)
        beyond = min(max(0.0, float(logs[0]) - at), MOST_DOUBLINGS)
        slope = (self.drift[0] - self.drift[-1]) / -logs[0]
        return Drift(mean + beyond * float(slope[0]), math.hypot(deviation, beyond * float(slope[1])))


@cache
def valley(*, trained: bool) -> Valley:
    """Return the valley of trainings whose optimizer has made updates before, or of all others."""
    from importlib.resources import files  # a fifth of the time that importing lrfinder would take

    stored = json.loads(files("lrfinder._search").joinpath("valley.json").read_text(encoding="utf-8"))
    kind = stored["trained" if trained else "new"]
    arrays = (stored["offsets"], stored["fractions"], kind["regrets"], kind["drift"])
    return Valley(*(np.array(numbers, dtype=np.float64) for numbers in arrays))
