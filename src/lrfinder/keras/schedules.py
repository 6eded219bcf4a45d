"""From a rate to a schedule: ``keras.optimizers.SGD(learning_rate=schedule)``. A saved model keeps them.

Rates of a suggestion are ``None`` where its status says why there is none; every schedule here refuses those.
"""

from __future__ import annotations

import math
from typing import Any

from lrfinder.errors import RatesError
from lrfinder.keras._framework import keras
from lrfinder.schedules import FIRST, LAST, WARM_UP

_register: Any = keras.saving.register_keras_serializable(package="lrfinder")
_Schedule: Any = keras.optimizers.schedules.LearningRateSchedule


@_register
class Constant(_Schedule):
    """Up to ``lr`` in ``warmup`` iterations along a line, then ``lr``.

    Raises:
        RatesError: ``lr`` is no number above 0, or ``warmup`` is negative.
    """

    def __init__(self, lr: float | None, warmup: int = 0) -> None:
        super().__init__()
        self.lr = _positive(lr)
        if warmup < 0:
            message = f"warmup is {warmup!r}; it is a number of iterations, 0 or more."
            raise RatesError(message)
        self.warmup = warmup

    def __call__(self, step: Any) -> Any:
        """The rate of an iteration, counted from 0: the first is not 0, in which nothing would be learnt."""
        part = (_float(step) + 1.0) / (self.warmup + 1.0)
        return self.lr * keras.ops.minimum(part, 1.0)

    def get_config(self) -> dict[str, Any]:
        """What it is made from."""
        return {"lr": self.lr, "warmup": self.warmup}


@_register
class OneCycle(_Schedule):
    """Up from ``first * lr`` to ``lr``, then down to ``last * lr``, both along half a cosine; then it stays.

    It is :func:`lrfinder.one_cycle`, for which ``finder.suggest(schedule=...)`` looks for a rate.

    Source: Smith & Topin 2018 (arXiv 1708.07120), section 3.

    Raises:
        RatesError: ``lr`` is no number above 0, ``iterations`` below 1, or ``warmup_part`` not between 0 and 1.
    """

    def __init__(
        self, lr: float | None, iterations: int, *, warmup_part: float = WARM_UP, first: float = FIRST, last: float = LAST
    ) -> None:
        super().__init__()
        self.lr = _positive(lr)
        if iterations < 1 or not 0 < warmup_part < 1:
            message = (
                f"iterations is {iterations!r} and warmup_part {warmup_part!r}; "
                "there must be at least 1 iteration, and the part must be between 0 and 1."
            )
            raise RatesError(message)
        self.iterations, self.warmup_part, self.first, self.last = iterations, warmup_part, first, last

    def __call__(self, step: Any) -> Any:
        """The rate of an iteration, counted from 0."""
        top = self.iterations * self.warmup_part
        step = _float(step)
        up = _half_cosine(self.first * self.lr, self.lr, step / top)
        down = _half_cosine(self.lr, self.last * self.lr, keras.ops.minimum((step - top) / (self.iterations - top), 1.0))
        return keras.ops.where(step < top, up, down)

    def get_config(self) -> dict[str, Any]:
        """What it is made from."""
        kept = {"warmup_part": self.warmup_part, "first": self.first, "last": self.last}
        return {"lr": self.lr, "iterations": self.iterations, **kept}


@_register
class Triangular(_Schedule):
    """Up from ``base_lr`` to ``max_lr`` and down again, each in ``half_cycle`` iterations, over and over.

    Source: Smith, Cyclical learning rates for training neural networks (2017), section 3, policy "triangular". From a
    suggestion: ``Triangular(suggestion.low, suggestion.high, 1000)``.

    Raises:
        RatesError: the rates do not rise from above 0, or half a cycle is shorter than 1 iteration.
    """

    def __init__(self, base_lr: float | None, max_lr: float | None, half_cycle: int) -> None:
        super().__init__()
        self.base_lr, self.max_lr = _positive(base_lr), _positive(max_lr)
        if not self.base_lr < self.max_lr or half_cycle < 1:
            message = (
                f"base_lr is {base_lr!r}, max_lr {max_lr!r}, half_cycle {half_cycle!r}; "
                "the rates must rise from above 0, and half a cycle takes at least 1 iteration."
            )
            raise RatesError(message)
        self.half_cycle = half_cycle

    def __call__(self, step: Any) -> Any:
        """The rate of an iteration, counted from 0."""
        cycles = _float(step) / (2.0 * self.half_cycle)
        x = keras.ops.abs(2.0 * (cycles - keras.ops.floor(cycles)) - 1.0)
        return self.base_lr + (self.max_lr - self.base_lr) * (1.0 - x)

    def get_config(self) -> dict[str, Any]:
        """What it is made from."""
        return {"base_lr": self.base_lr, "max_lr": self.max_lr, "half_cycle": self.half_cycle}


def _float(step: Any) -> Any:
    return keras.ops.cast(step, "float32")


def _half_cosine(first: float, last: float, part: Any) -> Any:
    return last + (first - last) * (1.0 + keras.ops.cos(math.pi * part)) / 2.0


def _positive(lr: float | None) -> float:
    if lr is None or not 0 < lr < math.inf:
        message = f"lr is {lr!r}; give a rate above 0 (a suggestion's is None where its status says why there is none)."
        raise RatesError(message)
    return lr
