"""From a rate to a schedule: ``Trainer(params, "sgd", {"learning_rate": lr, "lr_scheduler": schedule})``.

MXNet's own schedulers where it has them; small callables, from the number of updates to the rate, for what it lacks. Where a
trainer is given a ``learning_rate`` it writes that into the schedule's ``base_lr``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lrfinder.errors import RatesError
from lrfinder.gluon._framework import mx

if TYPE_CHECKING:
    from collections.abc import Sequence


def warmup_cosine(lr: float | None, iterations: int, *, warmup: int = 0, final_lr: float = 0.0) -> Any:
    """Up to ``lr`` in ``warmup`` iterations, then down to ``final_lr`` along half a cosine.

    It is an ``mx.lr_scheduler.CosineScheduler``.

    Raises:
        RatesError: ``lr`` is no number above 0; also for every other schedule here.
    """
    return mx.lr_scheduler.CosineScheduler(iterations, base_lr=_positive(lr), final_lr=final_lr, warmup_steps=warmup)


def factor(lr: float | None, every: int, by: float = 0.1, *, warmup: int = 0) -> Any:
    """``by`` times less every so many iterations: ``mx.lr_scheduler.FactorScheduler``."""
    return mx.lr_scheduler.FactorScheduler(every, by, base_lr=_positive(lr), warmup_steps=warmup)


def multi_factor(lr: float | None, at: Sequence[int], by: float = 0.1, *, warmup: int = 0) -> Any:
    """``by`` times less at each of the iterations ``at``: ``mx.lr_scheduler.MultiFactorScheduler``."""
    return mx.lr_scheduler.MultiFactorScheduler(list(at), by, base_lr=_positive(lr), warmup_steps=warmup)


def poly(lr: float | None, iterations: int, power: float = 2, *, warmup: int = 0, final_lr: float = 0.0) -> Any:
    """Down to ``final_lr`` along a power of the iterations left: ``mx.lr_scheduler.PolyScheduler``."""
    return mx.lr_scheduler.PolyScheduler(iterations, _positive(lr), power, final_lr, warmup_steps=warmup)


@dataclass
class Triangular:
    """Up from ``base_lr`` to ``max_lr`` and down again, each in ``half_cycle`` iterations, over and over.

    Source: Smith, Cyclical learning rates for training neural networks (2017), section 3, policy "triangular".
    """

    base_lr: float
    max_lr: float
    half_cycle: int

    def __post_init__(self) -> None:
        if not 0 < self.base_lr < self.max_lr or self.half_cycle < 1:
            message = (
                f"base_lr is {self.base_lr!r}, max_lr {self.max_lr!r}, half_cycle {self.half_cycle!r}; "
                "the rates must rise from above 0, and half a cycle takes at least 1 iteration."
            )
            raise RatesError(message)

    def __call__(self, num_update: int) -> float:
        """The rate of an update."""
        cycle = num_update // (2 * self.half_cycle)
        x = abs(num_update / self.half_cycle - 2 * cycle - 1)
        return self.base_lr + (self.max_lr - self.base_lr) * (1 - x) * self.scale(cycle, num_update)

    def scale(self, cycle: int, num_update: int) -> float:  # noqa: ARG002  (for those who scale)
        """By how much of the whole height a cycle rises."""
        return 1.0


@dataclass
class Triangular2(Triangular):
    """:class:`Triangular`, each cycle half as high as the one before. Source: as there, policy "triangular2"."""

    def scale(self, cycle: int, num_update: int) -> float:  # noqa: ARG002  (as above)
        """By how much of the whole height a cycle rises."""
        return 0.5**cycle


@dataclass
class ExpRange(Triangular):
    """:class:`Triangular`, ``gamma`` times lower at each update. Source: as there, policy "exp_range"."""

    gamma: float = 0.9999

    def scale(self, cycle: int, num_update: int) -> float:  # noqa: ARG002  (as above)
        """By how much of the whole height an update may rise."""
        return self.gamma**num_update


@dataclass
class OneCycle:
    """Up from ``base_lr / start`` to ``base_lr``, then down to ``base_lr / end``, both along half a cosine; then it stays.

    Source: Smith, A disciplined approach to neural network hyper-parameters (2018), section 4.1; the cosines are fastai's.
    """

    base_lr: float
    iterations: int
    warmup_part: float = 0.25
    start: float = 25.0
    end: float = 1e5

    def __post_init__(self) -> None:
        _positive(self.base_lr)
        if self.iterations < 1 or not 0 < self.warmup_part < 1:
            message = (
                f"iterations is {self.iterations!r} and warmup_part {self.warmup_part!r}; "
                "there must be at least 1 iteration, and the part must be between 0 and 1."
            )
            raise RatesError(message)

    def __call__(self, num_update: int) -> float:
        """The rate of an update."""
        top = self.iterations * self.warmup_part
        if num_update < top:
            return _half_cosine(self.base_lr / self.start, self.base_lr, num_update / top)
        return _half_cosine(self.base_lr, self.base_lr / self.end, min(1.0, (num_update - top) / (self.iterations - top)))


def _half_cosine(first: float, last: float, part: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * part)) / 2


def _positive(lr: float | None) -> float:
    if lr is None or not 0 < lr < math.inf:
        message = f"lr is {lr!r}; give a rate above 0 (a suggestion's is None where its status says why there is none)."
        raise RatesError(message)
    return lr
