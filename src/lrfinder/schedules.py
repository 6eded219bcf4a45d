"""Schedules: functions from the progress of a training, 0 to 1, to the rate as a factor of its highest.

``finder.suggest(schedule=...)`` takes any such function; these are the usual ones. The ``schedules`` module of each
framework package reads the shape of a scheduler of that framework (``shape_of``), and turns a suggestion into one. The
checks of its arguments are here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from lrfinder._arguments import given, is_count, number
from lrfinder._results.results import Suggestion
from lrfinder.errors import RatesError

Schedule = Callable[[float], float]
RateLike = Suggestion | float | None

WARM_UP, FIRST, LAST = 0.3, 1 / 25, 1 / 25e4  # the defaults of torch.optim.lr_scheduler.OneCycleLR


def _of_progress(schedule: Schedule) -> Schedule:
    """Let a schedule refuse a call without the progress, as in ``suggest(schedule=one_cycle())``."""

    @wraps(schedule)
    def called(*progress: float, **named: float) -> float:
        if not progress and not named:
            name = name_of(schedule)
            message = f"{name} is a schedule itself, so it is given without parentheses: suggest(schedule=lrfinder.{name})."
            raise RatesError(message)
        return schedule(*progress, **named)

    return called


@_of_progress
def constant(progress: float) -> float:  # noqa: ARG001  (a schedule is a function of it)
    """Return 1: the same rate from beginning to end."""
    return 1.0


@_of_progress
def one_cycle(progress: float) -> float:
    """Rise to the highest rate in the first three tenths, then fall to almost nothing, both along half a cosine.

    Source: Smith & Topin 2018 (arXiv 1708.07120), section 3, in the form and with the numbers of PyTorch's ``OneCycleLR``.
    """
    if progress < WARM_UP:
        return along_cosine(FIRST, 1.0, progress / WARM_UP)
    return along_cosine(1.0, LAST, (progress - WARM_UP) / (1 - WARM_UP))


@_of_progress
def cosine(progress: float) -> float:
    """Fall from the highest rate to 0 along half a cosine.

    Source: Loshchilov & Hutter 2017 (arXiv 1608.03983), section 3, without restarts.
    """
    return along_cosine(1.0, 0.0, progress)


@_of_progress
def linear_decay(progress: float) -> float:
    """Fall from the highest rate to 0 along a line.

    Source: Devlin et al. 2019 (arXiv 1810.04805), appendix A.2.
    """
    return 1.0 - progress


def warmup_cosine(warmup: float = 0.1) -> WarmedUp:
    """Return a schedule that rises along a line from 0, then falls to 0 along half a cosine.

    Source of the cosine: Loshchilov & Hutter 2017 (arXiv 1608.03983), section 3, without restarts.

    Args:
        warmup: the part of the run in which the rate rises: its iterations over those of the run, from 0 to below 1.

    Raises:
        RatesError: ``warmup`` is out of that range.
    """
    return WarmedUp(warmup, cosine)


def warmup_linear(warmup: float = 0.1) -> WarmedUp:
    """Return a schedule that rises along a line from 0, then falls to 0 along another.

    It is the ``get_linear_schedule_with_warmup`` of Transformers.
    Source: Devlin et al. 2019 (arXiv 1810.04805), appendix A.2.

    Args:
        warmup: as for :func:`warmup_cosine`.

    Raises:
        RatesError: ``warmup`` is out of range.
    """
    return WarmedUp(warmup, linear_decay)


@dataclass(frozen=True, repr=False)
class WarmedUp:
    """A schedule that rises along a line in the first part of the run, and follows ``decay`` in the rest of it."""

    warmup: float
    decay: Schedule

    def __post_init__(self) -> None:
        if not 0 <= number(self.warmup) < 1:
            message = (
                f"warmup is {self.warmup!r}; it is the part of the run in which the rate rises, from 0 to below 1: "
                "iterations of the warm-up over those of the run."
            )
            raise RatesError(message)

    def __call__(self, progress: float) -> float:
        """Return the factor at a progress, from 0 to 1."""
        if progress < self.warmup:
            return progress / self.warmup
        return self.decay((progress - self.warmup) / (1 - self.warmup))

    @property
    def __name__(self) -> str:
        """The name in results: the call that returns this schedule."""
        return f"warmup_{name_of(self.decay).removesuffix('_decay')}(warmup={self.warmup:g})"

    def __repr__(self) -> str:
        """Return the name."""
        return self.__name__


def along_cosine(start: float, end: float, progress: float) -> float:
    """Return the rate on half a cosine from ``start`` to ``end``."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def rate_of(rate: RateLike) -> float:
    """Return the number that a suggestion carries, or that was given.

    Raises:
        RatesError: the suggestion has no rate, or the number is not above 0.
    """
    lr = rate.lr if isinstance(rate, Suggestion) else rate
    if not 0 < number(lr) < math.inf:
        status = f" ({rate.status})" if isinstance(rate, Suggestion) else ""
        message = f"The rate is {given(lr)}{status}; give a finite number above 0, or a suggestion that has a rate."
        raise RatesError(message)
    return number(lr)


def check_one_cycle(iterations: int, warmup_part: float) -> None:
    """Check the length of a cycle and the part of it in which the rate rises.

    Raises:
        RatesError: there is no iteration, or the part is not between 0 and 1.
    """
    if not is_count(iterations, 1) or not 0 < number(warmup_part) < 1:
        message = (
            f"iterations is {iterations!r} and warmup_part {warmup_part!r}; "
            "give an int of at least 1, and a part between 0 and 1."
        )
        raise RatesError(message)


def triangular_bounds(max_lr: float, base_lr: float | None, half_cycle: int) -> tuple[float, float]:
    """Return the lowest and the highest rate of a cycle.

    The lowest is a quarter of the highest unless it is given.

    Raises:
        RatesError: the rates do not rise from above 0, or half a cycle is shorter than 1 iteration.

    Source: Smith, Cyclical learning rates for training neural networks (2017), section 3.3.
    """
    lowest = max_lr / 4 if base_lr is None else base_lr
    if not 0 < number(lowest) < number(max_lr) < math.inf or not is_count(half_cycle, 1):
        message = (
            f"base_lr is {lowest!r}, the highest rate {max_lr!r}, half_cycle {half_cycle!r}; "
            "the rates must rise from above 0, and half a cycle is an int of at least 1 iteration."
        )
        raise RatesError(message)
    return lowest, max_lr


@dataclass
class Triangular:
    """A cycle from ``base_lr`` up to ``max_lr`` and down again, each in ``half_cycle`` updates, without end."""

    base_lr: float
    max_lr: float
    half_cycle: int

    def __call__(self, num_update: Any) -> Any:
        """Return the rate of an update, a number or an array."""
        cycle = num_update // (2 * self.half_cycle)
        x = abs(num_update / self.half_cycle - 2 * cycle - 1)
        return self.base_lr + (self.max_lr - self.base_lr) * (1 - x)


def check_warmup(iterations: int, warmup: int, final_part: float = 0.0) -> None:
    """Check the lengths of a training and of its warm-up, in iterations, and the part of the rate that is left at the end.

    Raises:
        RatesError: there is no iteration, or none after the warm-up, or the part is not from 0 to 1.
    """
    if not 0 <= number(final_part) <= 1:
        message = f"final_part is {given(final_part)}; it is the part of the rate that is left at the end, from 0 to 1."
        raise RatesError(message)
    if not is_count(iterations, 1) or not is_count(warmup, 0) or warmup >= iterations:
        message = (
            f"iterations is {iterations!r} and warmup {warmup!r}; "
            "give ints: at least 1 iteration, and a warm-up that is shorter than the training."
        )
        raise RatesError(message)


def name_of(schedule: Schedule) -> str:
    """Return the name of a schedule."""
    return str(getattr(schedule, "__name__", type(schedule).__name__))
