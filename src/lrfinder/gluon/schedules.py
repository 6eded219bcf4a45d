"""Schedulers of MXNet: their shape for a search, and from a suggestion or a rate to the ``lr_scheduler`` of a trainer.

:func:`shape_of` reads a scheduler. Every other function but :func:`set_rate` returns one: a function from the number of
updates to the rate. A suggestion stands for its ``lr``. Every function here raises :class:`lrfinder.RatesError` where there
is no rate above 0. A trainer that is also given a ``learning_rate`` writes it into the ``base_lr`` of its scheduler.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from lrfinder._arguments import given
from lrfinder.analysis.shapes import Shape, checked_steps, shape_of_rates, unknown_scheduler
from lrfinder.errors import OptimizerError
from lrfinder.gluon._framework import mx
from lrfinder.schedules import RateLike, Triangular, along_cosine, check_one_cycle, check_warmup, rate_of, triangular_bounds

UPDATES = 100_000
"""The number of updates in which the highest rate of an attached scheduler is looked for."""


def set_rate(trainer: Any, rate: RateLike, *, scheduler: Any = None) -> None:
    """Set the rate of a trainer.

    With ``scheduler``, the one that is attached to the trainer, its whole schedule is scaled: the highest of the next
    100,000 rates becomes ``rate``. The trainer then has a :class:`Scaled` scheduler.

    Raises:
        OptimizerError: it is no trainer, or has a scheduler, which would overwrite the rate, and ``scheduler`` is not it.
    """
    if not isinstance(trainer, mx.gluon.Trainer):
        message = f"trainer is {given(trainer)}; give a gluon.Trainer."
        raise OptimizerError(message)
    attached, lr = trainer.optimizer.lr_scheduler, rate_of(rate)
    if scheduler is not attached:
        raise OptimizerError(_other_scheduler(attached))
    if attached is None:
        trainer.set_learning_rate(lr)
        return
    now = trainer.optimizer.num_update
    trainer.optimizer.lr_scheduler = Scaled(attached, lr / max(_rates(attached, range(now, now + UPDATES))))


def _other_scheduler(attached: Any) -> str:
    if attached is None:
        return "scheduler= is not attached to the trainer; leave it out, or attach it: trainer.optimizer.lr_scheduler = ..."
    return (
        f"The trainer has a {type(attached).__name__}, which overwrites the rate at each update. To scale its schedule to "
        "the rate, write set_rate(trainer, rate, scheduler=trainer.optimizer.lr_scheduler). For a constant rate, write "
        "trainer.optimizer.lr_scheduler = None first."
    )


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
    rates = _rates(scheduler, checked_steps(iterations, start))
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
    check_warmup(iterations, warmup, final_part)
    peak = rate_of(rate)
    return mx.lr_scheduler.CosineScheduler(iterations, base_lr=peak, final_lr=final_part * peak, warmup_steps=warmup)


def _rates(scheduler: Any, updates: range) -> list[float]:
    """Return the rates after so many updates; a copy gives them, since MXNet's schedulers count."""
    copied: Any = copy.deepcopy(scheduler)
    return [float(copied(update + 1)) for update in updates]  # MXNet counts updates from 1


@dataclass
class Scaled:
    """A scheduler whose rates are those of another one, each multiplied by ``factor``."""

    scheduler: Any
    factor: float

    def __call__(self, num_update: int) -> float:
        """Return the rate of an update."""
        return float(self.scheduler(num_update)) * self.factor


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
