"""Shapes: schedules read from the rates that a scheduler produces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._arguments import is_count
from lrfinder.errors import RatesError

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROUNDING = 1e-9  # the progress k / n of iteration k, times n, may be just below k


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
    if not is_count(steps, 1) or not is_count(start, 0):
        message = (
            f"The schedule has {steps!r} iterations and starts at {start!r}; give ints: at least 1, from 0 or later on."
        )
        raise RatesError(message)
    return range(start, start + steps)


def unknown_scheduler(scheduler: object, wanted: str) -> RatesError:
    """Return the error for an object that is no scheduler of the framework; ``wanted`` says which one is."""
    return RatesError(
        f"The scheduler is a {type(scheduler).__module__}.{type(scheduler).__name__}, whose rates cannot be read; give "
        f"{wanted}, or your own function of the progress as schedule=."
    )
