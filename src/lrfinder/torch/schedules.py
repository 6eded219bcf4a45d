"""From a suggestion, or a rate, to PyTorch's own schedulers, ready to use.

Each takes the optimizer, sets its rates and gives back a scheduler to be stepped once an iteration. The rate is that of the
parameter group with the highest rate, or of the one that ``group`` names; the others keep their ratio to it. Momentum stays
as it is, because the rate was found with it. A suggestion gives its own bounds: ``base_lr`` and ``max_lr`` to a cycle,
``max_lr`` to one cycle, ``lr`` elsewhere; a number is the highest rate of the schedule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor
from torch.optim.lr_scheduler import CyclicLR, LambdaLR, OneCycleLR

from lrfinder._results.results import Suggestion
from lrfinder.errors import RatesError
from lrfinder.torch.rates import Rates

if TYPE_CHECKING:
    from torch.optim import Optimizer

    Rate = Suggestion | float | None

CYCLE = 4.0  # the upper bound of a cycle over its lower one, where a single rate is given (Smith 2017, section 3.3)


def set_rate(optimizer: Optimizer, rate: Rate, *, group: str | int | None = None) -> None:
    """Set the optimizer's rate to that of the suggestion; the ratios between its parameter groups stay.

    What a scheduler of before has left in the groups as ``"initial_lr"`` is set too: the next one would begin there.

    Raises:
        RatesError: there is no rate above 0; also for every schedule here.
        OptimizerError: the rate does not reach the optimizer, or ``group`` names none of its groups.
    """
    rates = Rates([optimizer], group)
    _set(optimizer, rates, _positive(rate.lr if isinstance(rate, Suggestion) else rate))


def triangular(
    optimizer: Optimizer, rate: Rate, half_cycle: int, *, base_lr: float | None = None, group: str | int | None = None
) -> CyclicLR:
    """Up from ``base_lr`` to the highest rate and down again, each in ``half_cycle`` iterations, over and over.

    ``base_lr`` is the suggestion's, or a quarter of the highest rate, unless it is given.
    Source: Smith, Cyclical learning rates for training neural networks (2017), section 3, policy "triangular".
    """
    return _cyclic(optimizer, rate, half_cycle, base_lr, group, mode="triangular")


def triangular2(
    optimizer: Optimizer, rate: Rate, half_cycle: int, *, base_lr: float | None = None, group: str | int | None = None
) -> CyclicLR:
    """:func:`triangular`, each cycle half as high as the one before. Source: as there, policy "triangular2"."""
    return _cyclic(optimizer, rate, half_cycle, base_lr, group, mode="triangular2")


def exp_range(  # noqa: PLR0913  (those of triangular, and its own)
    optimizer: Optimizer,
    rate: Rate,
    half_cycle: int,
    *,
    gamma: float = 0.9999,
    base_lr: float | None = None,
    group: str | int | None = None,
) -> CyclicLR:
    """:func:`triangular`, its height ``gamma`` times less at each iteration. Source: as there, policy "exp_range"."""
    if not 0 < gamma <= 1:
        message = f"gamma is {gamma!r}; it must be above 0 and at most 1 (0.9999 is usual)."
        raise RatesError(message)
    return _cyclic(optimizer, rate, half_cycle, base_lr, group, mode="exp_range", gamma=gamma)


def one_cycle(
    optimizer: Optimizer, rate: Rate, iterations: int, *, warmup_part: float = 0.3, group: str | int | None = None
) -> OneCycleLR:
    """Up to the highest rate in the first ``warmup_part`` of the iterations, then down to almost nothing: ``OneCycleLR``."""
    _require_iterations(iterations)
    if not 0 < warmup_part < 1:
        message = f"warmup_part is {warmup_part!r}; it must be between 0 and 1 (0.3 is usual)."
        raise RatesError(message)
    rates = Rates([optimizer], group)
    highest = _highest(rate)
    _set(optimizer, rates, highest)
    return OneCycleLR(
        optimizer, rates.of(highest), total_steps=iterations, pct_start=float(warmup_part), cycle_momentum=False
    )


def warmup_cosine(  # noqa: PLR0913  (one of them names the group)
    optimizer: Optimizer,
    rate: Rate,
    iterations: int,
    *,
    warmup: int = 0,
    final_part: float = 0.0,
    group: str | int | None = None,
) -> LambdaLR:
    """Up to the rate in a straight line in ``warmup`` iterations, then down to ``final_part`` of it along half a cosine.

    Source of the cosine: Loshchilov & Hutter 2017 (arXiv 1608.03983), section 3, without restarts.
    """
    _require_iterations(iterations)
    if not 0 <= warmup < iterations:
        message = f"warmup is {warmup!r} and iterations {iterations!r}; the warm-up must be shorter than the training."
        raise RatesError(message)
    set_rate(optimizer, rate, group=group)
    return LambdaLR(optimizer, WarmupCosine(iterations, warmup, final_part))


@dataclass
class WarmupCosine:
    """The rate of an iteration as a part of the highest, for ``LambdaLR``; an object, so that it can be pickled."""

    iterations: int
    warmup: int = 0
    final_part: float = 0.0

    def __call__(self, iteration: int) -> float:
        """The part; after the last iteration it stays."""
        if iteration < self.warmup:
            return (iteration + 1) / (self.warmup + 1)
        progress = min(1.0, (iteration - self.warmup) / max(1, self.iterations - 1 - self.warmup))
        return self.final_part + (1 - self.final_part) * (1 + math.cos(math.pi * progress)) / 2


def _cyclic(  # noqa: PLR0913  (what the three have in common)
    optimizer: Optimizer,
    rate: Rate,
    half_cycle: int,
    base_lr: float | None,
    group: str | int | None,
    *,
    mode: Literal["triangular", "triangular2", "exp_range"],
    **options: Any,
) -> CyclicLR:
    highest = _highest(rate)
    base = _base(rate, highest) if base_lr is None else base_lr
    if not 0 < base < highest or half_cycle < 1:
        message = (
            f"base_lr is {base!r}, the highest rate {highest!r}, half_cycle {half_cycle!r}; "
            "the rates must rise from above 0, and half a cycle takes at least 1 iteration."
        )
        raise RatesError(message)
    rates = Rates([optimizer], group)
    _set(optimizer, rates, base)
    return CyclicLR(optimizer, rates.of(base), rates.of(highest), half_cycle, mode=mode, cycle_momentum=False, **options)


def _set(optimizer: Optimizer, rates: Rates, lr: float) -> None:
    rates.write(lr)
    for group in optimizer.param_groups:
        if "initial_lr" in group:
            own = group["lr"]
            group["initial_lr"] = own.clone() if isinstance(own, Tensor) else own


def _highest(rate: Rate) -> float:
    return _positive(rate.max_lr if isinstance(rate, Suggestion) else rate)


def _base(rate: Rate, highest: float) -> float:
    base = rate.base_lr if isinstance(rate, Suggestion) else None
    return highest / CYCLE if base is None else base


def _positive(lr: float | None) -> float:
    if lr is None or not 0 < lr < math.inf:
        message = f"the rate is {lr!r}; give one above 0 (a suggestion's is None where its status says why there is none)."
        raise RatesError(message)
    return lr


def _require_iterations(iterations: int) -> None:
    if iterations < 1:
        message = f"iterations is {iterations!r}; a training has at least 1."
        raise RatesError(message)
