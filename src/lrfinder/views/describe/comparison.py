"""What is drawn and said of each training of a comparison, computed apart from drawing and saying it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import Order, Stop
from lrfinder.analysis.endings import ended_above_first_loss
from lrfinder.views.describe.curve import LossAxis, axis_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lrfinder._results.records import Difference
    from lrfinder._results.results import Comparison

COMPLETE = "complete"
ENDED_ABOVE = "ended above where it began"


@dataclass(frozen=True)
class Training:
    """One training: ``losses`` up to its end (finite ones only), ``smoothed`` by a centred mean, has the same length.

    ``above`` is its difference to the training that ended lowest, ``None`` for that one.
    """

    lr: float
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    ended: str
    diverged: bool
    best: bool
    above: Difference | None

    @property
    def label(self) -> str:
        """The rate, and what came of the training."""
        remark = "lowest" if self.best else self.ended if self.diverged else self.distance
        return f"{self.lr:.3g}: {remark}" if remark else f"{self.lr:.3g}"

    @property
    def tied(self) -> bool:
        """Whether it cannot be told from the one that ended lowest."""
        return self.above is not None and self.above.order is Order.TIE

    @property
    def distance(self) -> str:
        """By how much it ended above the lowest, with the standard error; empty where there is no such number."""
        if self.above is None or not math.isfinite(self.above.mean):
            return ""
        error = "" if math.isnan(self.above.standard_error) else f" ± {self.above.standard_error:.1g}"
        return f"{self.above.mean:+.3g}{error}" + (", a tie" if self.tied else "")


def trainings(comparison: Comparison) -> tuple[Training, ...]:
    """One training for each rate, in the order in which they were given."""
    best = comparison.best
    best_row = int(comparison.final().argmin()) if best is not None else -1  # two rows may have one rate
    rows = enumerate(zip(comparison.lrs, comparison.losses, comparison.stops, strict=True))
    above = comparison.against_best()
    return tuple(
        _training(float(lr), losses, stop, best=row == best_row, above=above[row]) for row, (lr, losses, stop) in rows
    )


def headline(comparison: Comparison) -> str:
    """What came of the comparison, as a title."""
    best, tied = comparison.best, len(comparison.tied)
    if best is None:
        return "Learning rates compared: none reached the end"
    return f"Learning rates compared: {best:.3g} ended lowest" + (f", {tied + 1} are a tie" if tied else "")


def comparison_axis(comparison: Comparison) -> LossAxis:
    """One axis for all trainings: they began at the same loss, and it is to hold the lowest of any."""
    return axis_of(comparison.losses.T.ravel())  # by iteration, so that the first is the loss before any update


def _training(lr: float, losses: NDArray[np.float64], stop: Stop, *, best: bool, above: Difference | None) -> Training:
    finite = losses[: _finite_length(losses)]
    ended = _ended(losses, len(finite), stop)
    diverged = stop in (Stop.NOT_FINITE, Stop.DIVERGED) or ended == ENDED_ABOVE
    return Training(lr, finite, running_mean(finite, max(1, len(losses) // 20)), ended, diverged, best, above)


def _finite_length(losses: NDArray[np.float64]) -> int:
    broken = np.flatnonzero(~np.isfinite(losses))
    return int(broken[0]) if len(broken) else len(losses)


def _ended(losses: NDArray[np.float64], length: int, stop: Stop) -> str:
    if stop is Stop.NOT_FINITE:
        return f"diverged at iteration {length}"
    if length < len(losses):
        return f"{stop.value} (after {length} iterations)"
    return ENDED_ABOVE if ended_above_first_loss(losses) else COMPLETE


def running_mean(losses: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Mean over ``window`` neighbours, half on each side and ever fewer towards the ends, so that it lags nowhere."""
    last = len(losses) - 1
    reaches = [min(window // 2, at, last - at) for at in range(len(losses))]
    # divided before they are summed, since the losses of a diverging training may add up to more than a float holds
    means = [(losses[at - reach : at + reach + 1] / (2 * reach + 1)).sum() for at, reach in enumerate(reaches)]
    return np.array(means, dtype=np.float64)
