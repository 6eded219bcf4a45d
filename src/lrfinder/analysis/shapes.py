"""Shapes: schedules read from a list of rates, and the check that a function is a schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfinder.errors import RatesError
from lrfinder.schedules import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lrfinder.schedules import Schedule

CHECKED_POINTS = 1000  # of a schedule, and a fifth as many again around the highest of them
HIGHEST_TOLERANCE = 0.01  # the highest value of a schedule may differ from 1 by this
_ROUNDING = 1e-9  # the progress k / n of iteration k, times n, may be just below k
HOW = (
    "give a function of the progress from 0 to 1, such as lrfinder.cosine or warmup_cosine(0.1); or that of a scheduler: "
    "shape_of(scheduler, iterations) of lrfinder.torch.schedules, .jax., .keras. or .gluon."
)


@dataclass(frozen=True)
class Shape:
    """A schedule that repeats the rates of a scheduler, as factors of their highest.

    Attributes:
        scheduler: the name of the scheduler.
        factors: the rate of each of its steps over the highest, shape ``(steps,)``; each holds for an equal part of the run.
    """

    scheduler: str
    factors: tuple[float, ...] = field(repr=False)

    @property
    def __name__(self) -> str:
        """The name in results."""
        return f"{self.scheduler} of {len(self.factors)} steps"

    def __call__(self, progress: float) -> float:
        """Return the factor at a progress, from 0 to 1."""
        step = int(progress * len(self.factors) + _ROUNDING)
        return self.factors[min(max(step, 0), len(self.factors) - 1)]

    def __repr__(self) -> str:
        """Return the name: the factors may be many."""
        return f"<shape of {self.__name__}>"


def shape_of_rates(scheduler: str, rates: Iterable[float]) -> Shape:
    """Return the shape of the rates that a scheduler produces, one at each step.

    Raises:
        RatesError: a rate is negative or not finite, or none is above 0.
    """
    values = np.array(list(rates), dtype=np.float64)
    highest = float(values.max(initial=0.0))
    if not (np.isfinite(values).all() and (values >= 0).all() and highest > 0):
        message = (
            f"The rates of the {scheduler} go from {values.min(initial=0.0):.3g} to {highest:.3g}; its shape needs finite "
            "rates of at least 0, and one above it."
        )
        raise RatesError(message)
    return Shape(scheduler, tuple((values / highest).tolist()))


def checked_steps(steps: int, start: int = 0) -> range:
    """Return the numbers of the steps after the first ``start``.

    Raises:
        RatesError: there is no step, or ``start`` is negative.
    """
    if steps < 1 or start < 0:
        message = f"The schedule has {steps!r} iterations and starts at {start!r}; it needs at least 1, from 0 or later on."
        raise RatesError(message)
    return range(start, start + steps)


def unknown_scheduler(scheduler: object, wanted: str) -> RatesError:
    """Return the error for an object that is no scheduler of the framework; ``wanted`` says which one is."""
    return RatesError(
        f"The scheduler is a {type(scheduler).__module__}.{type(scheduler).__name__}, whose rates cannot be read; give "
        f"{wanted}, or your own function of the progress as schedule=."
    )


def check_schedule(schedule: Schedule) -> None:
    """Check that a schedule is a function of the progress whose highest value is 1.

    Raises:
        RatesError: it is not a function, returns something else than a finite number of at least 0, or is never 1.
    """
    if not callable(schedule):
        message = f"schedule is a {type(schedule).__name__}; {HOW}"
        raise RatesError(message)
    coarse = [_value(schedule, k / CHECKED_POINTS) for k in range(CHECKED_POINTS + 1)]
    top = int(np.argmax(coarse))
    around = np.linspace(max(top - 1, 0), min(top + 1, CHECKED_POINTS), CHECKED_POINTS // 5) / CHECKED_POINTS
    highest = max(*coarse, *(_value(schedule, progress) for progress in around.tolist()))
    if not abs(highest - 1) <= HIGHEST_TOLERANCE:
        message = f"The highest value of the schedule {name_of(schedule)} is {highest:.3g}, and must be 1; {HOW}"
        raise RatesError(message)


def _value(schedule: Callable[[float], Any], progress: float) -> float:
    given = schedule(progress)
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value < math.inf:
        message = f"The schedule {name_of(schedule)} returns {given!r:.60} at {progress:g}, which is not a factor; {HOW}"
        raise RatesError(message)
    return value
