"""What is drawn and said of each training of a comparison, computed apart from drawing and saying it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrfinder.records import Stop
from lrfinder.views.curve import LossAxis, axis_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lrfinder.records import Comparison

COMPLETE = "complete"
ENDED_ABOVE = "ended above where it began"
FEWEST = 50  # iterations of a training, below which its last tenth is too short to know its own noise


@dataclass(frozen=True)
class Training:
    """One training: ``losses`` up to its end (finite ones only), ``smoothed`` by a centred mean, has the same length."""

    lr: float
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    ended: str
    diverged: bool
    best: bool

    @property
    def label(self) -> str:
        """The rate, and how the training ended where that is not plain from the picture."""
        remark = ": lowest" if self.best else f": {self.ended}" if self.diverged else ""
        return f"{self.lr:.3g}{remark}"


def trainings(comparison: Comparison) -> tuple[Training, ...]:
    """One training for each rate, in the order in which they were given."""
    best = comparison.best
    best_row = int(comparison.final().argmin()) if best is not None else -1  # two rows may have one rate
    rows = enumerate(zip(comparison.lrs, comparison.losses, comparison.stops, strict=True))
    return tuple(_training(float(lr), losses, stop, best=row == best_row) for row, (lr, losses, stop) in rows)


def headline(comparison: Comparison) -> str:
    """What came of the comparison, as a title."""
    best = comparison.best
    return "Learning rates compared: " + ("none reached the end" if best is None else f"{best:.3g} ended lowest")


def comparison_axis(comparison: Comparison) -> LossAxis:
    """One axis for all trainings: they began at the same loss, and it is to hold the lowest of any."""
    return axis_of(comparison.losses.T.ravel())  # by iteration, so that the first is the loss before any update


def _training(lr: float, losses: NDArray[np.float64], stop: Stop, *, best: bool) -> Training:
    finite = losses[: _finite_length(losses)]
    ended = _ended(losses, len(finite), stop)
    diverged = stop in (Stop.NOT_FINITE, Stop.DIVERGED) or ended == ENDED_ABOVE
    return Training(lr, finite, _running_mean(finite, max(1, len(losses) // 20)), ended, diverged, best)


def _finite_length(losses: NDArray[np.float64]) -> int:
    broken = np.flatnonzero(~np.isfinite(losses))
    return int(broken[0]) if len(broken) else len(losses)


def _ended(losses: NDArray[np.float64], length: int, stop: Stop) -> str:
    if stop is Stop.NOT_FINITE:
        return f"diverged at iteration {length}"
    if length < len(losses):
        return f"{stop.value} (after {length} iterations)"
    return ENDED_ABOVE if _ended_above(losses) else COMPLETE


def _ended_above(losses: NDArray[np.float64]) -> bool:
    """Whether the whole last tenth lies above the first loss, and by more than luck with the first batch explains.

    That is, by more than it is spread itself; or, where it explodes, above the whole first tenth.
    """
    if len(losses) < FEWEST:
        return False
    tenth = len(losses) // 10
    first, low, high = float(losses[0]), float(losses[-tenth:].min()), float(losses[-tenth:].max())
    return low > first and (low - first > high - low or low > float(losses[:tenth].max()))


def _running_mean(losses: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Mean over ``window`` neighbours, half on each side and ever fewer towards the ends, so that it lags nowhere."""
    last = len(losses) - 1
    reaches = [min(window // 2, at, last - at) for at in range(len(losses))]
    # divided before they are summed, since the losses of a diverging training may add up to more than a float holds
    means = [(losses[at - reach : at + reach + 1] / (2 * reach + 1)).sum() for at, reach in enumerate(reaches)]
    return np.array(means, dtype=np.float64)
