"""Schedulers of MXNet: their shape for a search, and from a suggestion or a rate to the ``lr_scheduler`` of a trainer.

:func:`shape_of` reads a scheduler. Every other function but :func:`set_rate` returns one: a function from the number of
updates to the rate. A suggestion stands for its ``lr``. Every function here raises :class:`lrfinder.RatesError` where there
is no rate above 0. A trainer that is also given a ``learning_rate`` writes it into the ``base_lr`` of its scheduler.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from lrfinder.analysis.shapes import Shape, checked_steps, shape_of_rates, unknown_scheduler
from lrfinder.gluon._framework import mx
from lrfinder.schedules import RateLike, Triangular, along_cosine, check_one_cycle, check_warmup, rate_of, triangular_bounds


def set_rate(trainer: Any, rate: RateLike) -> None:
    """Set the rate of a trainer; MXNet refuses this for one with a scheduler."""
    trainer.set_learning_rate(rate_of(rate))


def shape_of(scheduler: Any, iterations: int, *, start: int = 0) -> Shape:
    """Return the shape of a scheduler for ``finder.suggest(schedule=...)``: its rates over the highest of them.

    A copy gives the rates, since MXNet's schedulers count.

    Args:
        scheduler: one of ``mxnet.lr_scheduler``, or any function from the number of updates to the rate.
        iterations: the length of the run, in updates.
        start: the updates that are done already: the shape is then that of what remains, and 1 the highest rate of it.

    Raises:
        RatesError: ``scheduler`` is not a function, there is no iteration, or no rate is above 0.
    """
    if not callable(scheduler):
        raise unknown_scheduler(scheduler, "one of mxnet.lr_scheduler")
    copied: Any = copy.deepcopy(scheduler)
    rates = (float(copied(step + 1)) for step in checked_steps(iterations, start))  # MXNet counts updates from 1
    return shape_of_rates(getattr(scheduler, "__name__", type(scheduler).__name__), rates)


def one_cycle(rate: RateLike, iterations: int, *, warmup_part: float = 0.25) -> OneCycle:
    """Return a rise to the rate, then a fall to almost nothing, both along half a cosine.

    Source: Smith, A disciplined approach to neural network hyper-parameters (2018), section 4.1; the cosines are fastai's.
    """
    check_one_cycle(iterations, warmup_part)
    return OneCycle(rate_of(rate), iterations, warmup_part)


def triangular(rate: RateLike, half_cycle: int, *, base_lr: float | None = None) -> Triangular:
    """Return a cycle from ``base_lr`` up to the rate and down again, each in ``half_cycle`` updates, without end.

    ``base_lr`` is a quarter of the rate by default.
    Source: Smith, Cyclical learning rates for training neural networks (2017), sections 3.1 and 3.3.
    """
    return Triangular(*triangular_bounds(rate_of(rate), base_lr, half_cycle), half_cycle)


def warmup_cosine(rate: RateLike, iterations: int, *, warmup: int = 0, final_part: float = 0.0) -> Any:
    """Return MXNet's ``CosineScheduler``: up to the rate in ``warmup`` updates, then down to ``final_part`` of it.

    Source of the cosine: Loshchilov & Hutter 2017 (arXiv 1608.03983), section 3, without restarts.
    """
    check_warmup(iterations, warmup)
    peak = rate_of(rate)
    return mx.lr_scheduler.CosineScheduler(iterations, base_lr=peak, final_lr=final_part * peak, warmup_steps=warmup)


@dataclass
class OneCycle:
    """The schedule of :func:`one_cycle`: from ``base_lr / start`` to ``base_lr`` to ``base_lr / end``, where it stays."""

    base_lr: float
    iterations: int
    warmup_part: float = 0.25
    start: float = 25.0
    end: float = 1e5

    def __call__(self, num_update: int) -> float:
        """Return the rate of an update."""
        top = self.iterations * self.warmup_part
        if num_update < top:
            return along_cosine(self.base_lr / self.start, self.base_lr, num_update / top)
        return along_cosine(self.base_lr, self.base_lr / self.end, min(1.0, (num_update - top) / (self.iterations - top)))
