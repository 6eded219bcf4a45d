"""The truth about a task: where each rate of a grid ends, all from one start on the same batches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from answers import Case
    from numpy.typing import NDArray

COARSE = 4  # half octaves between the rates of the first look: a factor of 4
REACH = 6  # half octaves around the best that are filled in, on either side
LOWEST, HIGHEST = -80, 60  # no rate under 1e-12 or over 1e9 is tried


def rate(k: int) -> float:
    """The ``k``-th rate of the grid, sqrt(2) apart, and off the powers of sqrt(2) that a finder's own ladder may hold."""
    return 2.0 ** (k / 2 + 1 / 4)


def nearest(lr: float) -> int:
    """The place in the grid that is nearest to a rate."""
    return round(2 * math.log2(lr) - 1 / 2)


def final(losses: NDArray[np.float64]) -> float:
    """Mean of the last tenth of a training's losses, shape ``(horizon,)``; infinite where it did not get there."""
    window = max(1, len(losses) // 10)
    mean = float((losses[-window:] / window).sum())
    return mean if math.isfinite(mean) else math.inf


@dataclass(frozen=True)
class Truth:
    """Where the rates of the grid end.

    Attributes:
        finals: mean loss of the last tenth of the horizon, by place in the grid; infinite where one did not get there.
        untrained: the same of the model as it is at the start, on the same batches.
        held_out: held-out loss after the training at the best rate; None without held-out data.
        held_out_untrained: the same of the model as it is at the start.
    """

    finals: Mapping[int, float]
    untrained: float
    held_out: float | None = None
    held_out_untrained: float | None = None

    @property
    def place(self) -> int:
        """Where in the grid the lowest end is."""
        return min(self.finals, key=self.finals.__getitem__)

    @property
    def best(self) -> float:
        """The lowest end."""
        return self.finals[self.place]

    @property
    def best_lr(self) -> float:
        """The best rate: the minimum of the parabola through the lowest end and its neighbours, over the rate's logarithm.

        Through the logarithm of the losses where these are positive; the grid's own best where a neighbour diverged.
        """
        three = np.array([self.finals.get(self.place + step, math.inf) for step in (-1, 0, 1)])
        if not np.isfinite(three).all():
            return rate(self.place)
        left, middle, right = np.log(three) if (three > 0).all() else three
        bend = left - 2 * middle + right
        shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
        return rate(self.place) * 2.0 ** (shift / 2)

    def regret(self, end: float) -> float:
        """How much of the way back from the best to the untrained model a training ends (0: the best, 1: not trained)."""
        return (end - self.best) / (self.untrained - self.best)

    def to_json(self) -> dict[str, Any]:
        """The truth as JSON holds it; ``null`` for what did not get there."""
        return {
            "grid": {str(k): _number(self.finals[k]) for k in sorted(self.finals)},
            "untrained": _number(self.untrained),
            "held_out": self.held_out,
            "held_out_untrained": self.held_out_untrained,
            "best": _number(self.best),  # this and the next are for readers
            "best_lr": _number(self.best_lr),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Truth:
        """The inverse of :meth:`to_json`."""
        finals = {int(k): math.inf if end is None else end for k, end in kept["grid"].items()}
        return cls(finals, kept["untrained"], kept["held_out"], kept["held_out_untrained"])


def measured(case: Case) -> Truth:
    """Train at as many rates of the grid as it takes to see the best with its neighbours.

    First a look at rates a factor of 4 apart, 6 octaves to either side of the default rate and on until two of them on
    either side of the best end worse; then every rate of the grid within 3 octaves of the best, until the best stays
    where it is.

    Raises:
        ValueError: the task is no task: no rate ends lower than the untrained model.
    """
    finals: dict[int, float] = {}
    learner = case.learner

    def look(k: int) -> None:
        if k not in finals and LOWEST <= k <= HIGHEST:
            finals[k] = final(learner.training(rate(k)))

    _coarse(finals, look, COARSE * round(nearest(case.task.default_lr) / COARSE))
    while missing := [k for k in _around(_lowest(finals)) if k not in finals and LOWEST <= k <= HIGHEST]:
        for k in missing:
            look(k)
    untrained = final(learner.training(0.0))
    place = _lowest(finals)
    if not finals[place] < untrained:
        ends = f"{untrained:.4g} at the start, {finals[place]:.4g} at best"
        message = f"No rate trains {case.task.name} at seed {case.seed}: {ends}."
        raise ValueError(message)
    return Truth(finals, untrained, learner.held_out(rate(place)), learner.held_out(0.0))


def _coarse(finals: Mapping[int, float], look: Callable[[int], None], centre: int) -> None:
    low, high = centre - 3 * COARSE, centre + 3 * COARSE
    for k in range(low, high + 1, COARSE):
        look(k)
    while True:
        best = _lowest(finals)
        if best - low < 2 * COARSE and low > LOWEST:
            low -= COARSE
            look(low)
        elif high - best < 2 * COARSE and high < HIGHEST:
            high += COARSE
            look(high)
        else:
            return


def _around(place: int) -> range:
    return range(place - REACH, place + REACH + 1)


def _lowest(finals: Mapping[int, float]) -> int:
    return min(finals, key=finals.__getitem__)


def _number(value: float) -> float | None:
    return float(f"{value:.10g}") if math.isfinite(value) else None
