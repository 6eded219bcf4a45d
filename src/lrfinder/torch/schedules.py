"""Schedules: the shape of PyTorch's schedulers for a search, and from a suggestion, or a rate, to these schedulers.

:func:`shape_of` reads a scheduler. Every other function takes the optimizer, sets its rates and returns a scheduler to be
stepped once per iteration. The rate is that of the parameter group with the highest rate, or of the group that ``group``
names. The other groups keep their ratio to it. Momentum stays as it is, because the rate was found with it. A suggestion
brings its own bounds: ``base_lr`` and ``max_lr`` for a cycle, ``max_lr`` for one cycle, ``lr`` for everything else. A number
is the highest rate of the schedule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor
from torch.optim.lr_scheduler import CyclicLR, LambdaLR, OneCycleLR

from lrfinder._results.results import Suggestion
from lrfinder.analysis.shapes import Shape, shape_of_rates
from lrfinder.errors import OptimizerError
from lrfinder.schedules import WARM_UP, RateLike, check_one_cycle, check_warmup, rate_of, triangular_bounds
from lrfinder.torch._scheduler_base import move_schedulers, refuse_scheduled
from lrfinder.torch._scheduler_copy import rates_by_step
from lrfinder.torch.rates import Rates, index_of_group, inner_optimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


def set_rate(
    optimizer: Optimizer,
    rate: RateLike,
    *,
    group: str | int | None = None,
    only_group: str | int | None = None,
    scheduler: LRScheduler | Sequence[LRScheduler] | None = None,
) -> None:
    """Set the optimizer's rate to the suggestion's; the ratios between its parameter groups stay.

    With ``scheduler=``, that scheduler keeps its shape and moves to the new rate, also in the middle of a training: from now
    on its rates are what they would have been, times one factor, and the highest of them is the given one. So it is the rate
    that ``finder.suggest(schedule=shape_of(scheduler, ...))`` searches for. Copies of the scheduler are stepped to check it.
    Of several schedulers, it is the highest that any of them would reach alone; together they may stay below it.

    Without it, a scheduler that holds this optimizer is refused: its next step would write its own rates. An entry
    ``"initial_lr"``, which an earlier scheduler left in a group, is set too: the next one would start from it.

    Args:
        optimizer: the optimizer.
        rate: a suggestion, or a number.
        group: the parameter group whose rate is given; by default, the one with the highest.
        only_group: the one group that gets the rate, as in a search with ``TorchLearner(..., only_group=...)``.
        scheduler: the scheduler of the optimizer, one of ``torch.optim.lr_scheduler`` or derived from them; or several.

    Raises:
        RatesError: there is no rate above 0; this holds for every schedule here. Or the scheduler rises without end.
        OptimizerError: the optimizer ignores its rate, a name is that of no group, both kinds of group are given,
            ``only_group`` is given with a scheduler, a scheduler was not given, or one does not keep its shape. Nothing was
            changed.
    """
    optimizer = inner_optimizer(optimizer)
    rates, lr = Rates([optimizer], group, only_group), rate_of(rate)
    if scheduler is not None and only_group is not None:
        message = "only_group and scheduler are given; a scheduler moves the rates of all groups: give group in place of it."
        raise OptimizerError(message)
    if scheduler is not None:
        given = list(scheduler) if isinstance(scheduler, Sequence) else [scheduler]
        move_schedulers(optimizer, given, lr, group)
        return
    refuse_scheduled(optimizer)
    start_at(rates, lr)


def shape_of(scheduler: object, iterations: int, *, group: str | int | None = None) -> Shape:
    """Return the shape of a scheduler for ``finder.suggest(schedule=...)``: its rates over the highest of them.

    A copy of the scheduler makes the steps. The scheduler and its optimizer stay as they are; functions that they hold, such
    as those of ``LambdaLR``, are called. The shape begins at the present step: of a scheduler in the middle of a training it
    is what remains, and 1 is the highest rate that is still to come.

    Args:
        scheduler: one of ``torch.optim.lr_scheduler``, or of a class derived from them, as those of Transformers.
        iterations: how often the scheduler will be stepped from now on. For one that is stepped once an epoch, these are the
            epochs; each rate then holds for an epoch of the search's horizon.
        group: the parameter group whose rates count; by default, the one with the highest.

    Raises:
        RatesError: the rates depend on the losses (``ReduceLROnPlateau``), the scheduler ends earlier or is of an unknown
            kind, or no rate is above 0.
        OptimizerError: ``group`` names none of the groups.
    """
    rates, groups = rates_by_step(scheduler, iterations)
    by_group = list(zip(*rates, strict=True))
    own = max(by_group, key=max) if group is None else by_group[index_of_group(group, groups)]
    return shape_of_rates(type(scheduler).__name__, own)


def triangular(
    optimizer: Optimizer, rate: RateLike, half_cycle: int, *, base_lr: float | None = None, group: str | int | None = None
) -> CyclicLR:
    """Return a ``CyclicLR`` that rises from ``base_lr`` to the highest rate and falls again, without end.

    Each half takes ``half_cycle`` iterations. By default, ``base_lr`` is the suggestion's, or a quarter of the highest rate.
    Source: Smith, Cyclical learning rates for training neural networks (2017), section 3, policy "triangular".
    """
    if base_lr is None and isinstance(rate, Suggestion):
        base_lr = rate.base_lr
    base, highest = triangular_bounds(_highest(rate), base_lr, half_cycle)
    rates = Rates([optimizer], group)
    start_at(rates, base)
    return CyclicLR(optimizer, rates.of(base), rates.of(highest), half_cycle, cycle_momentum=False)


def one_cycle(
    optimizer: Optimizer, rate: RateLike, iterations: int, *, warmup_part: float = WARM_UP, group: str | int | None = None
) -> OneCycleLR:
    """Return a ``OneCycleLR``: up to the highest rate in ``warmup_part`` of the iterations, then down to almost nothing."""
    check_one_cycle(iterations, warmup_part)
    rates = Rates([optimizer], group)
    highest = _highest(rate)
    start_at(rates, highest)
    return OneCycleLR(
        optimizer, rates.of(highest), total_steps=iterations, pct_start=float(warmup_part), cycle_momentum=False
    )


def warmup_cosine(  # noqa: PLR0913  (one of them names the group)
    optimizer: Optimizer,
    rate: RateLike,
    iterations: int,
    *,
    warmup: int = 0,
    final_part: float = 0.0,
    group: str | int | None = None,
) -> LambdaLR:
    """Return a ``LambdaLR``: linearly up to the rate in ``warmup`` iterations, then down half a cosine to ``final_part``.

    Source of the cosine: Loshchilov & Hutter 2017 (arXiv 1608.03983), section 3, without restarts.
    """
    check_warmup(iterations, warmup, final_part)
    rates = Rates([optimizer], group)
    start_at(rates, rate_of(rate))
    return LambdaLR(optimizer, WarmupCosine(iterations, warmup, final_part))


@dataclass
class WarmupCosine:
    """The factor on the highest rate at each iteration, for ``LambdaLR``; unlike a function, it can be pickled."""

    iterations: int
    warmup: int = 0
    final_part: float = 0.0

    def __call__(self, iteration: int) -> float:
        """Return the factor; it is constant after the last iteration."""
        if iteration < self.warmup:
            return (iteration + 1) / (self.warmup + 1)
        progress = min(1.0, (iteration - self.warmup) / max(1, self.iterations - 1 - self.warmup))
        return self.final_part + (1 - self.final_part) * (1 + math.cos(math.pi * progress)) / 2


def start_at(rates: Rates, lr: float) -> None:
    """Write the rate, also as the one from which the next scheduler starts."""
    rates.write(lr)
    for group in rates.written():
        if "initial_lr" in group:
            own = group["lr"]
            group["initial_lr"] = own.clone() if isinstance(own, Tensor) else own


def _highest(rate: RateLike) -> float:
    return rate_of(rate.max_lr if isinstance(rate, Suggestion) else rate)
