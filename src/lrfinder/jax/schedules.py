"""Schedules of optax from a suggestion or a rate: ``optax.adam(schedules.one_cycle(suggestion, 1000))``.

Each is a function from the number of updates to the rate. A suggestion stands for its ``lr``. Every function here raises
:class:`lrfinder.RatesError` where there is no rate above 0.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax

from lrfinder.jax.rates import InjectedRates
from lrfinder.schedules import WARM_UP, RateLike, Triangular, check_one_cycle, check_warmup, rate_of, triangular_bounds


def set_rate(opt_state: Any, rate: RateLike) -> Any:
    """Return the state of an ``optax.inject_hyperparams`` optimizer at the rate; ratios between several rates stay.

    Raises:
        OptimizerError: the state holds no ``learning_rate``, or a schedule computes it.
    """
    return InjectedRates(opt_state).write(opt_state, jnp.asarray(rate_of(rate)))


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
    check_warmup(iterations, warmup)
    peak = rate_of(rate)
    return optax.warmup_cosine_decay_schedule(peak / (warmup + 1), peak, warmup, iterations, final_part * peak)
