"""The check that a function is a schedule, before any training."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfinder.errors import RatesError
from lrfinder.schedules import name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lrfinder.schedules import Schedule

CHECKED_POINTS = 1000  # of a schedule, and a fifth as many again around the highest of them
HIGHEST_TOLERANCE = 0.01  # the highest value of a schedule may differ from 1 by this
HOW = (
    "give a function of the progress from 0 to 1, such as lrfinder.cosine or lrfinder.warmup_cosine(0.1), or the shape of "
    "your scheduler: shape_of(scheduler, iterations), in the schedules of each framework package."
)


def check_schedule(schedule: Schedule) -> None:
    """Check that a schedule is a function of the progress whose highest value is 1.

    Raises:
        RatesError: it is not a function, returns something else than a finite number of at least 0, or is never 1.
    """
    if not callable(schedule):
        message = f"schedule is a {type(schedule).__name__}; {HOW}"
        raise RatesError(message)
    _check_signature(schedule)
    coarse = [_value(schedule, k / CHECKED_POINTS) for k in range(CHECKED_POINTS + 1)]
    top = int(np.argmax(coarse))
    around = np.linspace(max(top - 1, 0), min(top + 1, CHECKED_POINTS), CHECKED_POINTS // 5) / CHECKED_POINTS
    highest = max(*coarse, *(_value(schedule, progress) for progress in around.tolist()))
    if not abs(highest - 1) <= HIGHEST_TOLERANCE:
        message = f"The highest value of the schedule {name_of(schedule)} is {highest:.3g}, and must be 1; {HOW}"
        raise RatesError(message)


def _check_signature(schedule: Schedule) -> None:
    try:
        signature = inspect.signature(schedule)
    except (TypeError, ValueError):  # some functions of other languages have none
        return
    try:
        signature.bind(0.0)
    except TypeError as error:
        message = f"The schedule {name_of(schedule)} takes {signature}, and is called with the progress alone; {HOW}"
        raise RatesError(message) from error


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
