"""Schedules of Keras: their shape for a search, and from a suggestion or a rate to a schedule.

:func:`shape_of` reads a schedule. Every other function but :func:`set_rate` returns a ``LearningRateSchedule``, which a
saved model contains: ``keras.optimizers.SGD(schedules.one_cycle(suggestion, 1000))``. A suggestion stands for its ``lr``.
Every function here raises :class:`lrfinder.RatesError` where there is no rate above 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lrfinder._arguments import given
from lrfinder.analysis.ratios import constant_ratios
from lrfinder.analysis.shapes import Shape, checked_steps, shape_of_rates, unknown_scheduler
from lrfinder.errors import OptimizerError
from lrfinder.keras._framework import keras
from lrfinder.keras.optimizers import holders_of_rates, optimizers_of
from lrfinder.schedules import FIRST, LAST, WARM_UP, RateLike, check_one_cycle, check_warmup, rate_of, triangular_bounds

MAX_CALLS = 2000  # of a schedule, to read its shape: on TensorFlow each takes a millisecond

_register: Any = keras.saving.register_keras_serializable(package="lrfinder")
_Schedule: Any = keras.optimizers.schedules.LearningRateSchedule


def set_rate(optimizer: Any, rate: RateLike) -> None:
    """Set the rate of an optimizer, also inside ``LossScaleOptimizer``, ``MultiOptimizer`` and other wrappers.

    It may be a list of optimizers. Several rates keep their ratios, and the highest becomes ``rate``.

    Raises:
        OptimizerError: there is no optimizer, or one was created with a schedule, which Keras does not replace by a number.
    """
    lr, holders = rate_of(rate), holders_of_rates(optimizers_of(optimizer))
    if not holders:
        message = f"optimizer is {given(optimizer)}; give a keras.optimizers.Optimizer, several of them, or a model."
        raise OptimizerError(message)
    for name, one in holders.items():
        if not isinstance(one._learning_rate, keras.Variable):
            raise OptimizerError(_scheduled(name, one))
    ratios = constant_ratios({name: [float(one._learning_rate)] for name, one in holders.items()})
    for name, one in holders.items():
        one._learning_rate.assign(lr * ratios[name])


def _scheduled(name: str, optimizer: Any) -> str:
    kind = type(optimizer).__name__
    return (
        f"{name} ({kind}) was created with a {type(optimizer._learning_rate).__name__}, which computes its rate. Compile "
        f"the model with a schedule of the new peak: model.compile(keras.optimizers.{kind}(schedules.one_cycle(rate, "
        "iterations)), ...), or with a number."
    )


def shape_of(schedule: Any, iterations: int, *, start: int = 0) -> Shape:
    """Return the shape of a schedule for ``finder.suggest(schedule=...)``: its rates over the highest of them.

    Args:
        schedule: a ``keras.optimizers.schedules.LearningRateSchedule``.
        iterations: the length of the run, in updates; of a long one, 2000 evenly spaced rates are read.
        start: the updates that are done already: the shape is then that of what remains, and 1 the highest rate of it.

    Raises:
        RatesError: ``schedule`` is of another kind, there is no iteration, or no rate is above 0.
    """
    if not isinstance(schedule, _Schedule):
        raise unknown_scheduler(schedule, "a keras.optimizers.schedules.LearningRateSchedule")
    steps = checked_steps(iterations, start)
    every = math.ceil(iterations / MAX_CALLS)
    rates = np.repeat([float(schedule(step)) for step in steps[::every]], every)[:iterations]
    return shape_of_rates(type(schedule).__name__, rates.tolist())


def one_cycle(rate: RateLike, iterations: int, *, warmup_part: float = WARM_UP) -> OneCycle:
    """Return a rise to the rate, then a fall to almost nothing, both along half a cosine.

    It is :func:`lrfinder.one_cycle`, the schedule that ``finder.suggest(schedule=...)`` finds a rate for.
    Source: Smith & Topin 2018 (arXiv 1708.07120), section 3.
    """
    return OneCycle(rate_of(rate), iterations, warmup_part=warmup_part)


def triangular(rate: RateLike, half_cycle: int, *, base_lr: float | None = None) -> Triangular:
    """Return a cycle from ``base_lr`` up to the rate and down again, each in ``half_cycle`` iterations, without end.

    ``base_lr`` is a quarter of the rate by default.
    Source: Smith, Cyclical learning rates for training neural networks (2017), sections 3.1 and 3.3.
    """
    return Triangular(*triangular_bounds(rate_of(rate), base_lr, half_cycle), half_cycle)


def warmup_cosine(rate: RateLike, iterations: int, *, warmup: int = 0, final_part: float = 0.0) -> Any:
    """Return Keras's ``CosineDecay``: up to the rate in ``warmup`` iterations, then down to ``final_part`` of it.

    Source of the cosine: Loshchilov & Hutter 2017 (arXiv 1608.03983), section 3, without restarts.
    """
    check_warmup(iterations, warmup, final_part)
    peak = rate_of(rate)
    return keras.optimizers.schedules.CosineDecay(
        peak / (warmup + 1), iterations - warmup, final_part, warmup_target=peak if warmup else None, warmup_steps=warmup
    )


@_register
class OneCycle(_Schedule):
    """The schedule of :func:`one_cycle`: from ``first * lr`` to ``lr`` to ``last * lr``, where it stays.

    Raises:
        RatesError: ``iterations`` is below 1, or ``warmup_part`` not between 0 and 1.
    """

    def __init__(
        self, lr: float, iterations: int, *, warmup_part: float = WARM_UP, first: float = FIRST, last: float = LAST
    ) -> None:
        super().__init__()
        check_one_cycle(iterations, warmup_part)
        self.lr, self.iterations, self.warmup_part, self.first, self.last = lr, iterations, warmup_part, first, last

    def __call__(self, step: Any) -> Any:
        """Return the rate of an iteration, counted from 0."""
        top = self.iterations * self.warmup_part
        step = keras.ops.cast(step, "float32")
        up = _half_cosine(self.first * self.lr, self.lr, step / top)
        down = _half_cosine(self.lr, self.last * self.lr, keras.ops.minimum((step - top) / (self.iterations - top), 1.0))
        return keras.ops.where(step < top, up, down)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        ends = {"warmup_part": self.warmup_part, "first": self.first, "last": self.last}
        return {"lr": self.lr, "iterations": self.iterations, **ends}


@_register
class Triangular(_Schedule):
    """The schedule of :func:`triangular`."""

    def __init__(self, base_lr: float, max_lr: float, half_cycle: int) -> None:
        super().__init__()
        self.base_lr, self.max_lr, self.half_cycle = base_lr, max_lr, half_cycle

    def __call__(self, step: Any) -> Any:
        """Return the rate of an iteration, counted from 0."""
        cycles = keras.ops.cast(step, "float32") / (2.0 * self.half_cycle)
        x = keras.ops.abs(2.0 * (cycles - keras.ops.floor(cycles)) - 1.0)
        return self.base_lr + (self.max_lr - self.base_lr) * (1.0 - x)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"base_lr": self.base_lr, "max_lr": self.max_lr, "half_cycle": self.half_cycle}


def _half_cosine(first: float, last: float, part: Any) -> Any:
    return last + (first - last) * (1.0 + keras.ops.cos(math.pi * part)) / 2.0
