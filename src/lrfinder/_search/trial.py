"""Trials: the short trainings that a search asks for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from lrfinder._results.records import Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lrfinder.schedules import Schedule

    Losses = tuple[float, ...]

_SAME_LOSS = 1e-5  # relative difference; sums in another order differ by less


def is_same_loss(one: float, other: float) -> bool:
    """Return whether two losses of one batch and one state are equal to rounding; both may be NaN."""
    return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=_SAME_LOSS)


class Trial(NamedTuple):
    """A training from the start of the search.

    Attributes:
        lr: its rate; under a schedule the highest.
        length: its iterations in total; the schedule is stretched over them.
        done: how many of these the search already has, from a shorter trial at this rate.
    """

    lr: float
    length: int
    done: int = 0


def rates_of(trial: Trial, schedule: Schedule) -> Losses:
    """Return the rate of each iteration of a trial."""
    return tuple(trial.lr * schedule(k / trial.length) for k in range(trial.length))


def stop_of(losses: Sequence[float], length: int) -> Stop:
    """Return why a trial of ``length`` iterations ended with these losses."""
    if losses and not math.isfinite(losses[-1]):
        return Stop.NOT_FINITE
    return Stop.MAX_ITERATIONS if len(losses) == length else Stop.DATA_ENDED
