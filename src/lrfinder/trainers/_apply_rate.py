"""Application of a suggestion to the optimizer of a trainer and to the schedulers that step it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

from lrfinder.errors import OptimizerError
from lrfinder.schedules import RateLike
from lrfinder.torch.schedules import set_rate

MakeScheduler = Callable[[Optimizer, RateLike], Any]
"""A function of ``lrfinder.torch.schedules``: it sets the rate, and returns a scheduler or None."""

_KEEP_OWN_RATES = (OneCycleLR, CyclicLR)


def apply_rate(optimizer: Optimizer, schedulers: Iterable[Any], rate: RateLike, schedule: MakeScheduler = set_rate) -> Any:
    """Set the rate of an optimizer; return the scheduler from ``schedule``, if it returns one.

    ``schedulers`` step the optimizer so far. They keep their shape and get the new rate as their highest.

    Raises:
        RatesError: there is no rate above 0.
        OptimizerError: one of ``schedulers`` has rates of its own, and ``schedule`` does not replace it.
    """
    scheduler = schedule(optimizer, rate)
    if scheduler is not None:
        return scheduler
    for before in schedulers:
        if isinstance(before, _KEEP_OWN_RATES):
            message = (
                f"The optimizer has a {type(before).__name__} that keeps rates of its own; replace it by a schedule: "
                "schedule=lambda optimizer, rate: lrfinder.torch.schedules.one_cycle(optimizer, rate, iterations)."
            )
            raise OptimizerError(message)
        if hasattr(before, "base_lrs"):
            before.base_lrs = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]
    return None
