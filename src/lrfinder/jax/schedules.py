"""Schedules of optax: their shape for a search, and from a suggestion or a rate to a schedule.

:func:`shape_of` reads a schedule. Every other function but :func:`set_rate` returns one, a function from the number of
updates to the rate: ``optax.adam(schedules.one_cycle(suggestion, 1000))``. A suggestion stands for its ``lr``. Every
function here raises :class:`lrfinder.RatesError` where there is no rate above 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lrfinder.analysis.shapes import Shape, checked_steps, shape_of_rates, unknown_scheduler
from lrfinder.jax.rates import InjectedRates
from lrfinder.schedules import WARM_UP, RateLike, Triangular, check_one_cycle, check_warmup, rate_of, triangular_bounds

if TYPE_CHECKING:
    from collections.abc import Callable


def set_rate(opt_state: Any, rate: RateLike) -> Any:
    """Return the state of an ``optax.inject_hyperparams`` optimizer at the rate; ratios between several rates stay.

    Raises:
        OptimizerError: the state holds no ``learning_rate``, or a schedule computes it.
    """
    return InjectedRates(opt_state).write(opt_state, jnp.asarray(rate_of(rate)))


def shape_of(schedule: Callable[[Any], Any], iterations: int, *, start: int = 0) -> Shape:
    """Return the shape of a schedule for ``finder.suggest(schedule=...)``: its rates over the highest of them.

    Args:
        schedule: a schedule of optax, or any function from the number of updates to the rate.
        iterations: the length of the run, in updates.
        start: the updates that are done already: the shape is then that of what remains, and 1 the highest rate of it.

    Raises:
        RatesError: ``schedule`` is not a function, there is no iteration, or no rate is above 0.
    """
    if not callable(schedule):
        raise unknown_scheduler(schedule, "a schedule of optax, such as optax.cosine_decay_schedule(0.1, 1000)")
    steps = checked_steps(iterations, start)
    try:
        rates = np.asarray(jax.vmap(schedule)(jnp.arange(steps.start, steps.stop)))
    except jax.errors.JAXTypeError:  # it decides by the values
        rates = np.array([float(schedule(step)) for step in steps])
    name = getattr(schedule, "__qualname__", type(schedule).__name__)  # optax.cosine_decay_schedule returns a local function
    return shape_of_rates(name.partition(".<locals>")[0], rates.tolist())


def one_cycle(rate: RateLike, iterations: int, *, warmup_part: float = WARM_UP) -> optax.Schedule:
    """Return ``optax.cosine_onecycle_schedule``: up to the rate, then down to almost nothing, along half cosines.

    Source: Smith, A disciplined approach to neural network hyper-parameters (2018), section 4.1.
    """
    check_one_cycle(iterations, warmup_part)
    return optax.cosine_onecycle_schedule(iterations, rate_of(rate), warmup_part)


def triangular(rate: RateLike, half_cycle: int, *, base_lr: float | None = None) -> Triangular:
    """Return a cycle from ``base_lr`` up to the rate and down again, each in ``half_cycle`` updates, without end.

    ``base_lr`` is a quarter of the rate by default.
    Source: Smith, Cyclical learning rates for training neural networks (2017), sections 3.1 and 3.3.
    """
    return Triangular(*triangular_bounds(rate_of(rate), base_lr, half_cycle), half_cycle)


def warmup_cosine(rate: RateLike, iterations: int, *, warmup: int = 0, final_part: float = 0.0) -> optax.Schedule:
    """Return ``optax.warmup_cosine_decay_schedule``: up to the rate in ``warmup`` updates, then down to a part of it.

    Source of the cosine: Loshchilov & Hutter 2017 (arXiv 1608.03983), section 3, without restarts.
    """
    check_warmup(iterations, warmup, final_part)
    peak = rate_of(rate)
    return optax.warmup_cosine_decay_schedule(peak / (warmup + 1), peak, warmup, iterations, final_part * peak)
