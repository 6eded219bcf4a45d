"""The probability of each rate to be the best one: from the reading of the sweep first, then from the probes.

Bayes' rule on a grid of rates. The best rate after part of a training is that of the whole one, moved by a drift that is
known up to its deviation. Around it, the regrets follow one of three valleys. What a probe has learned is then known up to
one number, the most that any rate learns, which is fitted for each rate of the grid.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lrfinder._search.evidence import Scores
    from lrfinder._search.valley import Valley
    from lrfinder.analysis.reading import Reading

    Floats = NDArray[np.float64]

GRID_OCTAVES = 0.25  # between the rates of the grid
BEYOND_OCTAVES = 8.0  # that the grid reaches beyond the rates that may be tried
NORMAL_QUANTILE_80 = 1.28  # an interval of 80 % reaches so many deviations to either side
PRIOR_WIDENING = 1.5  # of the interval of a reading
LEAST_PRIOR_OCTAVES = 0.3  # added to each side of that interval
UNREAD_SHARE, UNREAD_OCTAVES = 0.02, 6.0  # of the prior, for curves unlike all recorded ones; its deviation
MODEL_ERROR, MODEL_ERROR_PER_REGRET = 0.01, 0.3  # of the regrets that a valley says
MOST_SQUARED_DEVIATIONS = 9.0  # that one probe may count for: a strange one does not outweigh the others
LEAST_AMPLITUDE, MOST_AMPLITUDE, AMPLITUDE_DEVIATION = 0.7, 2.5, 0.3  # of the most learned, over the most that a probe has
LEAST_LIKELIHOOD = 1e-9
RISES_ERRORS = 4.0  # standard errors above the untrained loss, from which a probe counts as too high if no other learns


class Choice(NamedTuple):
    """A rate, as the logarithm to base 2, and the regret that is to be expected of it."""

    octave: float
    regret: float


class Posterior:
    """The probabilities of each rate to be the best one for the whole training.

    Args:
        reading: of the sweep; ``None`` where it shows nothing.
        limits: the lowest and the highest rate that may be tried.
        valley: of the kind of training.
        horizon: length of the whole training, in iterations.
    """

    def __init__(self, reading: Reading | None, limits: tuple[float, float], valley: Valley, horizon: int) -> None:
        low, high = (math.log2(lr) for lr in limits)
        self._valley, self._horizon = valley, horizon
        self._grid = np.arange(low - BEYOND_OCTAVES, high + BEYOND_OCTAVES + GRID_OCTAVES / 2, GRID_OCTAVES)
        inside = self._grid[(self._grid >= low) & (self._grid <= high)]
        self._rates = np.unique([low, *inside, high])  # that may be chosen
        self._prior = np.log(_prior(self._grid, reading))
        self._likelihoods: dict[int, Floats] = {}  # by length, their logarithms

    def update(self, length: int, scores: Scores) -> None:
        """Take into account what all probes of a length say; it replaces what fewer of them said.

        Args:
            length: of the probes, in iterations.
            scores: how they ended.
        """
        learned = scores.level - scores.losses
        most = float(learned.max())
        fraction = length / self._horizon
        distances = np.log2(scores.lrs) - self._grid[:, None]
        regrets = self._valley.regret(distances, fraction)
        if most > 0:
            shares = np.clip(learned / most, 0, 1)
            errors = np.hypot(np.minimum(scores.errors / most, 3), MODEL_ERROR + MODEL_ERROR_PER_REGRET * (1 - shares))
            likelihood = _likelihood(shares, errors, 1 - regrets)
        else:  # those that rise are too high; the others may be too low as well
            rises = learned < -RISES_ERRORS * scores.level_error
            likelihood = np.where(distances > 0, regrets.mean(axis=0), 0)[:, rises].prod(axis=1)
        self._likelihoods[length] = np.log(self._drifted(likelihood, fraction) + LEAST_LIKELIHOOD)

    @property
    def probabilities(self) -> Floats:
        """The probability of each rate of the grid."""
        return _normalized(self._prior + sum(self._likelihoods.values()))

    def best(self, length: int | None = None) -> Choice:
        """Return the rate with the lowest expected regret after so many iterations; by default, after all."""
        fraction = min(1.0, (length or self._horizon) / self._horizon)
        regrets = self.expected_regrets(self._rates, fraction)
        best = int(regrets.argmin())
        return Choice(float(self._rates[best]), float(regrets[best]))

    def expected_regrets(self, octaves: Floats, fraction: float = 1.0) -> Floats:
        """Return the expected regrets of rates after a part of the training, of the shape of ``octaves``."""
        distances = octaves[:, None] - self._grid - self._valley.drift_at(fraction).mean
        return self._valley.regret(distances, fraction).mean(axis=0) @ self.probabilities

    def above(self, octave: float, length: int) -> float:
        """Return the probability that the best rate after so many iterations is higher."""
        drift = self._valley.drift_at(length / self._horizon).mean
        return float(self.probabilities[self._grid + drift > octave].sum())

    def interval(self, share: float = 0.8) -> tuple[float, float]:
        """Return the logarithms of the rates between which the best one lies with this probability."""
        below = self.probabilities.cumsum()
        low, high = np.interp([(1 - share) / 2, (1 + share) / 2], below, self._grid)
        return float(low), float(high)

    def _drifted(self, likelihood: Floats, fraction: float) -> Floats:
        """Return the likelihood of the best rate of the whole training, from that of a part of it."""
        drift = self._valley.drift_at(fraction)
        reach = math.ceil(4 * drift.deviation / GRID_OCTAVES)
        steps = np.arange(-reach, reach + 1) * GRID_OCTAVES
        kernel = np.exp(-0.5 * (steps / drift.deviation) ** 2)
        blurred = np.convolve(np.pad(likelihood, reach, mode="edge"), kernel / kernel.sum(), "valid")
        moved = np.interp(self._grid + drift.mean, self._grid, blurred)
        return np.asarray(moved, dtype=np.float64)


def _prior(grid: Floats, reading: Reading | None) -> Floats:
    """Return the probabilities before any probe: a normal curve with another width to either side, and a wide one."""
    if reading is None:
        return np.full(len(grid), 1 / len(grid))
    center = math.log2(reading.lr)
    below, above = math.log2(reading.lr / reading.low), math.log2(reading.high / reading.lr)
    widths = np.where(grid < center, below, above) + LEAST_PRIOR_OCTAVES
    read = np.exp(-0.5 * ((grid - center) * NORMAL_QUANTILE_80 / PRIOR_WIDENING / widths) ** 2)
    unread = np.exp(-0.5 * ((grid - center) / UNREAD_OCTAVES) ** 2)
    return (1 - UNREAD_SHARE) * read / read.sum() + UNREAD_SHARE * unread / unread.sum()


def _likelihood(shares: Floats, errors: Floats, learned: Floats) -> Floats:
    """Return how well each best rate explains the probes, up to a factor.

    Args:
        shares: what each probe has learned, over the most that one has, shape ``(probes,)``.
        errors: their standard errors, of that shape.
        learned: what they would learn by each valley and best rate, over the most possible, shape ``(3, grid, probes)``.
    """
    weights = 1 / errors**2
    amplitude = (learned * shares * weights).sum(-1) / np.maximum((learned**2 * weights).sum(-1), 1e-12)
    amplitude = np.clip(amplitude, LEAST_AMPLITUDE, MOST_AMPLITUDE)
    squares = ((shares - amplitude[..., None] * learned) / errors) ** 2
    logs = -0.5 * np.minimum(squares, MOST_SQUARED_DEVIATIONS).sum(-1)
    logs -= 0.5 * ((amplitude - 1) / AMPLITUDE_DEVIATION) ** 2
    return np.exp(logs - logs.max()).mean(axis=0)


def _normalized(logs: Floats) -> Floats:
    probabilities = np.exp(logs - logs.max())
    return probabilities / probabilities.sum()
