"""From a suggestion to the optimizer that a trainer holds, and to the schedule that steps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

from lrfinder.errors import OptimizerError
from lrfinder.torch.schedules import set_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch.optim import Optimizer

    from lrfinder._results.results import Suggestion

    Schedule = Callable[[Optimizer, Suggestion | float], Any]

_WITH_RATES_OF_THEIR_OWN = (OneCycleLR, CyclicLR)


def hand_over(
    optimizer: Optimizer, schedulers: Iterable[Any], rate: Suggestion | float, *, schedule: Schedule = set_rate
) -> Any:
    """Give the optimizer the rate, or what ``schedule`` makes of it, a scheduler say, which is returned.

    A schedule of before keeps its shape and gets the new rate for its highest.

    Args:
        optimizer: whose rate is set.
        schedulers: those of before that step it.
        rate: a suggestion, or a rate.
        schedule: called with optimizer and rate: one of :mod:`lrfinder.torch.schedules`, its other arguments bound.

    Raises:
        RatesError: there is no rate above 0.
        OptimizerError: a scheduler of before has rates of its own, and no ``schedule`` takes its place.
    """
    made = schedule(optimizer, rate)
    if made is not None:
        return made
    for scheduler in schedulers:
        if isinstance(scheduler, _WITH_RATES_OF_THEIR_OWN):
            message = (
                f"The optimizer has a {type(scheduler).__name__} that keeps rates of its own; give a schedule in its place: "
                "schedule=lambda optimizer, rate: lrfinder.torch.schedules.one_cycle(optimizer, rate, iterations)."
            )
            raise OptimizerError(message)
        if hasattr(scheduler, "base_lrs"):
            scheduler.base_lrs = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]
    return None
