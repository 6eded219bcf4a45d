"""The truth about a task: the final loss at each rate of a grid, from one start on the same batches."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from answers import Case
    from numpy.typing import NDArray

COARSE = 4  # half octaves between the rates of the coarse grid: a factor of 4
REACH = 6  # half octaves to either side of the best that are filled in
LOWEST, HIGHEST = -80, 60  # indices of the grid: no rate below 1e-12 or above 1e9 is tried


def rate(k: int) -> float:
    """Return the ``k``-th rate of the grid. Rates are sqrt(2) apart, and off the powers of sqrt(2) that finders may use."""
    return 2.0 ** (k / 2 + 1 / 4)


def nearest(lr: float) -> int:
    """Return the index in the grid that is nearest to a rate."""
    return round(2 * math.log2(lr) - 1 / 2)


def final(losses: NDArray[np.float64]) -> float:
    """Return the mean of the last tenth of the losses, shape ``(horizon,)``; infinite if the run diverged."""
    window = max(1, len(losses) // 10)
    mean = float((losses[-window:] / window).sum())
    return mean if math.isfinite(mean) else math.inf


@dataclass(frozen=True)
class Truth:
    """The final losses at the rates of the grid.

    Attributes:
        finals: mean loss of the last tenth of the horizon, by index in the grid; infinite if the run diverged.
        untrained: the same for the untrained model, on the same batches.
        held_out: held-out loss after the run at the best rate; None without held-out data.
        held_out_untrained: the same for the untrained model.
        floor: the mean regret of the rates that the orders of the batches would choose, each alone; None for one order.
    """

    finals: Mapping[int, float]
    untrained: float
    held_out: float | None = None
    held_out_untrained: float | None = None
    floor: float | None = None

    @property
    def best_index(self) -> int:
        """Return the index in the grid of the lowest final loss."""
        return min(self.finals, key=self.finals.__getitem__)

    @property
    def best(self) -> float:
        """Return the lowest final loss."""
        return self.finals[self.best_index]

    @property
    def best_lr(self) -> float:
        """Return the best rate: the minimum of the parabola through the lowest final loss and its neighbors.

        The parabola is over the logarithm of the rate, and of the losses if all three are positive. If a neighbor diverged,
        the best rate is that of the grid.
        """
        three = np.array([self.finals.get(self.best_index + step, math.inf) for step in (-1, 0, 1)])
        if not np.isfinite(three).all():
            return rate(self.best_index)
        left, middle, right = np.log(three) if (three > 0).all() else three
        bend = left - 2 * middle + right
        shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
        return rate(self.best_index) * 2.0 ** (shift / 2)

    def regret(self, end: float) -> float:
        """Return the share of the possible improvement that is lost (0: the best rate, 1: untrained)."""
        return (end - self.best) / (self.untrained - self.best)

    def to_json(self) -> dict[str, Any]:
        """Return the truth for JSON, with ``null`` for losses that are not finite."""
        stored = {
            "grid": {str(k): _number(self.finals[k]) for k in sorted(self.finals)},
            "untrained": _number(self.untrained),
            "held_out": self.held_out,
            "held_out_untrained": self.held_out_untrained,
            "best": _number(self.best),  # this and the next one are for readers
            "best_lr": _number(self.best_lr),
        }
        return stored if self.floor is None else {**stored, "floor": _number(self.floor)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Truth:
        """Return the truth that :meth:`to_json` stored."""
        finals = {int(k): math.inf if end is None else end for k, end in stored["grid"].items()}
        return cls(finals, stored["untrained"], stored["held_out"], stored["held_out_untrained"], stored.get("floor"))


def measured(case: Case) -> Truth:
    """Train at the rates of the grid that are needed to find the best one.

    First come rates a factor of 4 apart, 6 octaves to either side of the default rate. They continue until two rates on
    either side of the best end higher. Then comes every rate of the grid within 3 octaves of the best, until the best no
    longer changes.

    Raises:
        ValueError: If no rate ends lower than the untrained model.
    """
    finals: dict[int, float] = {}
    learner = case.judge

    def measure(k: int) -> None:
        if k not in finals and LOWEST <= k <= HIGHEST:
            finals[k] = final(learner.training(rate(k)))

    _coarse(finals, measure, COARSE * round(nearest(case.task.default_lr) / COARSE))
    while missing := [k for k in _around(_lowest(finals)) if k not in finals and LOWEST <= k <= HIGHEST]:
        for k in missing:
            measure(k)
    untrained = final(learner.training(0.0))
    best = _lowest(finals)
    if not finals[best] < untrained:
        ends = f"{untrained:.4g} at the start, {finals[best]:.4g} at best"
        message = f"No rate trains {case.task.name} at seed {case.seed}: {ends}."
        raise ValueError(message)
    truth = Truth(finals, untrained, learner.held_out(rate(best)), learner.held_out(0.0))
    if case.orders is None:
        return truth
    chosen = case.orders.best_of_each(map(rate, finals))
    return replace(truth, floor=float(np.mean([min(1.0, truth.regret(finals[nearest(lr)])) for lr in chosen])))


def _coarse(finals: Mapping[int, float], measure: Callable[[int], None], center: int) -> None:
    low, high = center - 3 * COARSE, center + 3 * COARSE
    for k in range(low, high + 1, COARSE):
        measure(k)
    while True:
        best = _lowest(finals)
        if best - low < 2 * COARSE and low > LOWEST:
            low -= COARSE
            measure(low)
        elif high - best < 2 * COARSE and high < HIGHEST:
            high += COARSE
            measure(high)
        else:
            return


def _around(index: int) -> range:
    return range(index - REACH, index + REACH + 1)


def _lowest(finals: Mapping[int, float]) -> int:
    return min(finals, key=finals.__getitem__)


def _number(value: float) -> float | None:
    return float(f"{value:.10g}") if math.isfinite(value) else None
