"""Schedulers that are moved to another rate: every rate in them times one factor, so that their shape stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from lrfinder.analysis.shapes import unknown_scheduler
from lrfinder.errors import OptimizerError, RatesError
from lrfinder.torch._live_schedulers import live_schedulers, names_of
from lrfinder.torch._scheduler_copy import Copier
from lrfinder.torch._scheduler_length import (
    OF_OTHERS,
    OF_PYTORCH,
    STEPS,
    TOLERANCE,
    highest_of,
    nested,
    rates_ahead,
    steps_to_look,
)
from lrfinder.torch.rates import highest_rate, share_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch.optim import Optimizer

Scheduler = Any  # one of torch.optim.lr_scheduler
Attributes = dict[str, Any]

OF_GROUPS = re.compile("lr|initial_lr|max_lr|min_lr|swa_lr")  # entries of a parameter group that are rates
CHECKED_STEPS = 10_000  # whose rates must keep their shape


def unwrapped(scheduler: Any) -> Scheduler:
    """Return the scheduler in a wrapper, such as that of accelerate."""
    while not isinstance(scheduler, LRScheduler) and hasattr(scheduler, "scheduler"):
        scheduler = scheduler.scheduler
    return scheduler


def move_schedulers(optimizer: Optimizer, schedulers: Sequence[Any], rate: float, group: str | int | None) -> None:
    """Multiply all rates of the schedulers and their optimizer, so that the highest still to come is ``rate``.

    Copies are stepped first: the rates of the schedule must be what they were, times one factor. Otherwise nothing changes.

    Raises:
        RatesError: a scheduler is of an unknown kind, or no rate that is still to come is above 0.
        OptimizerError: a scheduler steps another optimizer, does not keep its shape, or is not the only one.
    """
    schedulers = [unwrapped(one) for one in schedulers]
    for one in schedulers:
        _check_scheduler(one, optimizer)
    _check_complete(schedulers, optimizer)
    highest = highest_to_come(optimizer, schedulers, group)
    if not highest > 0:
        message = f"No rate of the {names_of(schedulers)} that is still to come is above 0, so no factor leads to {rate!r}."
        raise RatesError(message)
    names = [_names_that_keep_the_shape(one, rate / highest) for one in schedulers]
    for one, matching in zip(schedulers, names, strict=True):
        _scale_attributes(one, rate / highest, matching)
    _scale_groups(optimizer, rate / highest)


def highest_to_come(optimizer: Optimizer, schedulers: Sequence[Scheduler], group: str | int | None = None) -> float:
    """Return the highest rate that the schedulers have from now on; without any, that of the optimizer."""
    if not schedulers:
        return highest_rate(optimizer)
    return max(highest_of(unwrapped(one), group) for one in schedulers)


def refuse_scheduled(optimizer: Optimizer) -> None:
    """Raise an ``OptimizerError`` if a scheduler would write its own rates over one that is set now."""
    if found := live_schedulers(optimizer):
        _refuse_foreign(found, optimizer)
        message = (
            f"A {names_of(found)} steps the rate of this {type(optimizer).__name__}, and would write its own rates over the "
            "new one. To move it, with its shape: set_rate(optimizer, rate, scheduler=scheduler). If it is of an earlier "
            "training, delete it first: del scheduler."
        )
        raise OptimizerError(message)


def _refuse_foreign(schedulers: Sequence[Scheduler], optimizer: Optimizer) -> None:
    """Raise an ``OptimizerError`` for schedulers that cannot be given either."""
    if foreign := [one for one in schedulers if not isinstance(one, LRScheduler)]:
        message = (
            f"A {names_of(foreign)} steps the rate of this {type(optimizer).__name__}, and would write its own rates over "
            "the new one. It is none of torch.optim.lr_scheduler, so it cannot be moved: create the optimizer with the new "
            "rate, and the scheduler after it. If it is of an earlier training, delete it first: del scheduler."
        )
        raise OptimizerError(message)


def _check_scheduler(scheduler: Scheduler, optimizer: Optimizer) -> None:
    if not isinstance(scheduler, LRScheduler):
        raise unknown_scheduler(scheduler, "one of torch.optim.lr_scheduler")
    if not share_groups(scheduler.optimizer, optimizer):
        message = f"The {type(scheduler).__name__} steps another optimizer; give the optimizer that it was made with."
        raise OptimizerError(message)


def _check_complete(schedulers: Sequence[Scheduler], optimizer: Optimizer) -> None:
    if others := live_schedulers(optimizer, schedulers):
        _refuse_foreign(others, optimizer)
        message = (
            f"A {names_of(others)} steps the rate of this {type(optimizer).__name__} as well as the {names_of(schedulers)}; "
            "give all of them: scheduler=[first, second]. One that holds others stands for them. If it is of an earlier "
            "training, delete it first."
        )
        raise OptimizerError(message)


def _names_that_keep_the_shape(scheduler: Scheduler, factor: float) -> re.Pattern[str]:
    """Return which attributes are rates: with these scaled, a copy has the rates of the scheduler times ``factor``."""
    for names in (OF_PYTORCH, OF_OTHERS):
        copied = Copier().copied(scheduler)
        _scale_attributes(copied, factor, names)
        _scale_groups(copied.optimizer, factor)
        if is_multiple(scheduler, copied, factor):
            return names
    message = (
        f"The {type(scheduler).__name__} does not keep its shape when its rates are multiplied: it holds rates under names "
        "of its own. Create the optimizer with the new rate, and the scheduler after it."
    )
    raise OptimizerError(message)


def is_multiple(scheduler: Scheduler, other: Scheduler, factor: float) -> bool:
    """Return whether the rates of the other scheduler are those of the first one, times the factor; copies are stepped."""
    steps = min(max(STEPS.start, steps_to_look(scheduler)), CHECKED_STEPS)
    before, after = (np.array(list(rates_ahead(Copier().copied(one), steps))) for one in (scheduler, other))
    if after.shape != before.shape:
        return False
    return bool(np.allclose(after, before * factor, TOLERANCE, TOLERANCE * before.max() * factor))


def _scale_attributes(scheduler: Scheduler, factor: float, names: re.Pattern[str]) -> None:
    for one in {id(part): part for part in nested(scheduler)}.values():
        own: Attributes = vars(one)
        matching = [name for name in own if names.fullmatch(name)]
        matching += ["eps"] if isinstance(one, ReduceLROnPlateau) else []  # the smallest decrease of a rate
        own.update({name: scaled(own[name], factor) for name in matching})


def _scale_groups(optimizer: Optimizer, factor: float) -> None:
    for group in optimizer.param_groups:
        for name in filter(OF_GROUPS.fullmatch, list(group)):
            if isinstance(group[name], Tensor):
                group[name].mul_(factor)  # in place, for programs that were compiled with it
            else:
                group[name] = scaled(group[name], factor)


def scaled(value: Any, factor: float) -> Any:
    """Return a rate, or a list of rates, times the factor; any other value as it is."""
    if isinstance(value, list | tuple):
        return type(value)(scaled(one, factor) for one in cast("Sequence[Any]", value))
    is_rate = isinstance(value, int | float | Tensor) and not isinstance(value, bool)
    return value * factor if is_rate else value
