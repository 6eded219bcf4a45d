"""From a suggestion, or a rate, to a schedule: ``optax.adam(schedules.one_cycle(suggestion, 1000))``.

Optax's own where it has them. Each is a function of the number of updates made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import optax

from lrfinder._results.results import Suggestion
from lrfinder.errors import RatesError

if TYPE_CHECKING:
    from jax.typing import ArrayLike


def warmup_constant(rate: Suggestion | float, warmup: int) -> optax.Schedule:
    """From 0 up to the rate in ``warmup`` updates, then the rate: ``optax.linear_schedule``, which stays at its end.

    Raises:
        RatesError: ``rate`` is no number above 0, or a suggestion without one; also for every other schedule here.
    """
    return optax.linear_schedule(0.0, rate_of(rate), _count("warmup", warmup))


def one_cycle(rate: Suggestion | float, iterations: int, **settings: Any) -> optax.Schedule:
    """Up to the rate and down to almost nothing, along half cosines: ``optax.cosine_onecycle_schedule``.

    Args:
        rate: the highest.
        iterations: updates of the whole cycle.
        settings: further ones of optax's, ``pct_start`` say.

    Source: Smith, A disciplined approach to neural network hyper-parameters (2018), section 4.1.
    """
    return optax.cosine_onecycle_schedule(_count("iterations", iterations), rate_of(rate), **settings)


def triangular(rate: Suggestion | float, half_cycle: int, *, lowest: float | None = None) -> Triangular:
    """Up from ``lowest`` to the rate and down again, each in ``half_cycle`` updates, over and over.

    ``lowest`` is a quarter of the rate by default.

    Source: Smith, Cyclical learning rates for training neural networks (2017), sections 3.1 and 3.3.
    """
    highest = rate_of(rate)
    base = highest / 4 if lowest is None else lowest
    if not 0 <= base < highest:
        message = f"lowest is {lowest!r} and the rate {highest!r}; the lowest must be 0 or more, and below the rate."
        raise RatesError(message)
    return Triangular(base, highest, _count("half_cycle", half_cycle))


@dataclass(frozen=True)
class Triangular:
    """A cyclical schedule, made by :func:`triangular`: from the number of updates, also an array of them, to the rate."""

    base_lr: float
    max_lr: float
    half_cycle: int

    def __call__(self, count: ArrayLike) -> Any:
        """The rate of an update; shape of ``count``."""
        cycle = jnp.floor_divide(count, 2 * self.half_cycle)
        x = jnp.abs(jnp.divide(count, self.half_cycle) - 2 * cycle - 1)
        return self.base_lr + (self.max_lr - self.base_lr) * (1 - x)


def rate_of(rate: Suggestion | float) -> float:
    """The number that a suggestion carries, or that was given.

    Raises:
        RatesError: there is none, or it is not above 0.
    """
    if isinstance(rate, Suggestion):
        if rate.lr is None:
            message = f"The suggestion carries no rate ({rate.status}); give a rate of your own."
            raise RatesError(message)
        return rate.lr
    if not 0 < rate < math.inf:
        message = f"The rate is {rate!r}; it must be a finite number above 0."
        raise RatesError(message)
    return float(rate)


def _count(name: str, value: int) -> int:
    if value < 1:
        message = f"{name} is {value!r}; it must be at least 1."
        raise RatesError(message)
    return value
