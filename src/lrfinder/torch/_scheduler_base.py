"""Schedulers that are moved to another rate: every rate in them times one factor, so that their shape stays."""

from __future__ import annotations

import gc
import re
import warnings
from functools import partial
from inspect import getclosurevars, isfunction
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingWarmRestarts,
    CyclicLR,
    LambdaLR,
    LRScheduler,
    MultiplicativeLR,
    ReduceLROnPlateau,
)

from lrfinder.analysis.shapes import unknown_scheduler
from lrfinder.errors import OptimizerError, RatesError
from lrfinder.torch._scheduler_copy import Copier
from lrfinder.torch.rates import highest_rate, index_of_group, inner_optimizer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

Scheduler = Any  # one of torch.optim.lr_scheduler
Attributes = dict[str, Any]

OF_GROUPS = re.compile("lr|initial_lr|max_lr|min_lr|swa_lr")  # entries of a parameter group that are rates
OF_PYTORCH = re.compile("_last_lr|(base|max|min)_lrs?|default_min_lr|eta_min")  # attributes of a scheduler that are rates
OF_OTHERS = re.compile(OF_PYTORCH.pattern + "|(.*_)?(lrs?|learning_rates?)(_.*)?|eta_.*")  # of classes of the user's own
NO_LENGTHS = re.compile(
    f"(?!lr_lambdas)({OF_OTHERS.pattern}|last_epoch|_step_count|T_cur)"
)  # of attributes: rates, and present steps
STEPS = range(1024, 100_000)  # how far ahead the highest rate is looked for, at least and at most
CHECKED_STEPS = 10_000  # whose rates must keep their shape
TOLERANCE = 1e-5  # relative; rates may be tensors of single precision


def live_schedulers(optimizer: Optimizer, known: Sequence[Scheduler] = ()) -> list[Scheduler]:
    """Return the schedulers that hold the optimizer, without the known ones and those that are a part of another one.

    An optimizer does not know its schedulers, and what they have written into it outlives them.
    """
    if not _holders(optimizer, known):
        return []
    gc.collect()  # without a reference here: of those that nobody else holds
    found = _holders(optimizer, known)
    parts = {id(part) for one in (*found, *known) for part in _nested(one) if part is not one}
    return [one for one in found if id(one) not in parts]


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


def note_on_schedulers(optimizers: Iterable[Optimizer], given: Iterable[object]) -> str | None:
    """Return a remark on schedulers of the optimizers; ``None`` where there are none.

    Only optimizers that bear the mark of a scheduler are looked at: the look takes some ten milliseconds.

    Args:
        optimizers: the optimizers that are searched for.
        given: objects that the learner was given, among which schedulers count.
    """
    found = [one for one in given if isinstance(one, LRScheduler)]
    found += [
        one for optimizer in map(inner_optimizer, optimizers) if _is_marked(optimizer) for one in live_schedulers(optimizer)
    ]
    if not found:
        return None
    note = f"the search left out the {names_of(found)} of the optimizer, so the rate is for a constant one"
    if any(isinstance(one, ReduceLROnPlateau) for one in found):
        return note
    return f"{note}; with its shape: suggest(horizon, schedule=lrfinder.torch.schedules.shape_of(scheduler, horizon))"


def _is_marked(optimizer: Optimizer) -> bool:
    return hasattr(optimizer.step, "_wrapped_by_lr_sched") or any("initial_lr" in group for group in optimizer.param_groups)


def highest_to_come(optimizer: Optimizer, schedulers: Sequence[Scheduler], group: str | int | None = None) -> float:
    """Return the highest rate that the schedulers have from now on; without any, that of the optimizer."""
    if not schedulers:
        return highest_rate(optimizer)
    return max(_highest_of(unwrapped(one), group) for one in schedulers)


def refuse_scheduled(optimizer: Optimizer) -> None:
    """Raise an ``OptimizerError`` if a scheduler would write its own rates over one that is set now."""
    if found := live_schedulers(optimizer):
        message = (
            f"A {names_of(found)} steps the rate of this {type(optimizer).__name__}, and would write its own rates over the "
            "new one. To move it, with its shape: set_rate(optimizer, rate, scheduler=scheduler). If it is of an earlier "
            "training, delete it first: del scheduler."
        )
        raise OptimizerError(message)


def _holders(optimizer: Optimizer, known: Sequence[Scheduler]) -> list[Scheduler]:
    objects = gc.get_objects()
    kinds = {kind for kind in set(map(type, objects)) if _is_scheduler(kind)}
    of_kind = [one for one in objects if type(one) in kinds]  # by type: the __class__ of a lazy module would import it
    holders = [one for one in of_kind if inner_optimizer(getattr(one, "__dict__", {}).get("optimizer")) is optimizer]
    holders = [one for one in holders if isinstance(one, LRScheduler) or not _holds_any(one, holders)]
    return [one for one in holders if all(one is not part for whole in known for part in _nested(whole))]


def _holds_any(wrapper: object, schedulers: Sequence[Scheduler]) -> bool:
    return any(value is one for value in vars(wrapper).values() for one in schedulers if isinstance(one, LRScheduler))


def _is_scheduler(kind: type) -> bool:
    return issubclass(kind, LRScheduler) or ("Schedul" in kind.__name__ and not issubclass(kind, type | Optimizer))


def _nested(scheduler: Scheduler) -> Iterator[Scheduler]:
    """Yield a scheduler and those that it holds."""
    yield scheduler
    for value in getattr(scheduler, "__dict__", {}).values():
        for one in cast("Sequence[Any]", value) if isinstance(value, list | tuple) else (value,):
            if isinstance(one, LRScheduler) and one is not scheduler:
                yield from _nested(one)


def names_of(schedulers: Iterable[Scheduler]) -> str:
    """Return the names of their classes."""
    return " and ".join(sorted({type(one).__name__ for one in schedulers}))


def _check_scheduler(scheduler: Scheduler, optimizer: Optimizer) -> None:
    if not isinstance(scheduler, LRScheduler):
        raise unknown_scheduler(scheduler, "one of torch.optim.lr_scheduler")
    if inner_optimizer(scheduler.optimizer) is not optimizer:
        message = f"The {type(scheduler).__name__} steps another optimizer; give the optimizer that it was made with."
        raise OptimizerError(message)


def _check_complete(schedulers: Sequence[Scheduler], optimizer: Optimizer) -> None:
    if others := live_schedulers(optimizer, schedulers):
        message = (
            f"A {names_of(others)} steps the rate of this {type(optimizer).__name__} as well as the {names_of(schedulers)}; "
            "give all of them: scheduler=[first, second]. One that holds others stands for them. If it is of an earlier "
            "training, delete it first."
        )
        raise OptimizerError(message)


def _rates(scheduler: Scheduler, steps: int) -> Generator[list[float]]:
    """Yield the present rates of the groups of a copied scheduler and those of its next steps, up to its end."""
    groups = scheduler.optimizer.param_groups
    arguments = (0.0,) if isinstance(scheduler, ReduceLROnPlateau) else ()  # a loss that no longer falls
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the optimizer was not stepped
        for _ in range(steps):
            yield [float(group["lr"]) for group in groups]
            try:
                scheduler.step(*arguments)
            except ValueError:  # beyond its last step
                return


def _highest_of(scheduler: Scheduler, group: str | int | None) -> float:
    """Return the highest rate of the group, or of all, from the present step on."""
    copied = Copier().copied(scheduler)
    groups = copied.optimizer.param_groups
    counted = slice(None) if group is None else slice(index := index_of_group(group, groups), index + 1)
    bound = _upper_bound(scheduler, counted) * (1 - TOLERANCE)
    highest = 0.0
    for rates in _rates(copied, _steps_to_look(scheduler)):
        highest = max(highest, *rates[counted])
        if highest >= bound:
            break
    return highest


def _upper_bound(scheduler: Scheduler, counted: slice) -> float:
    """Return the rate above which the scheduler never goes; infinite where its class does not show it."""
    for one in _nested(scheduler):
        own = type(one).__module__ == LRScheduler.__module__ and not isinstance(one, LambdaLR | MultiplicativeLR)
        if not own or getattr(one, "gamma", 0.0) > 1 or getattr(one, "_scale_fn_custom", None) is not None:
            return np.inf
        if isinstance(one, ReduceLROnPlateau):
            return 0.0  # it only falls: the first rate is the highest
    groups = scheduler.optimizer.param_groups[counted]
    bounds = [group[name] for group in groups for name in ("initial_lr", "max_lr") if name in group]
    bounds += [rate for one in _nested(scheduler) for rate in getattr(one, "max_lrs", [])[counted]]
    return max(map(float, bounds), default=np.inf)


def _steps_to_look(scheduler: Scheduler) -> int:
    """Return how many steps the scheduler is followed: to its end if it shows one, or through two of its periods.

    Its end is the largest whole number in it and in what its functions hold: beyond it, half a cosine would rise again.
    """
    parts = list(_nested(scheduler))
    values = [value for one in parts for name, value in vars(one).items() if not NO_LENGTHS.fullmatch(name)]
    last = max(vars(one).get("last_epoch", 0) for one in parts)
    end = max((number for value in values for number in _whole_numbers(value)), default=0)
    if any(isinstance(one, CyclicLR | CosineAnnealingWarmRestarts) for one in parts):
        steps = max(STEPS.start, 2 * end)
    elif end > last:
        steps = end - last + 1
    else:
        steps = max(STEPS.start, *(number - last for value in values for number in _whole_literals(value)))
    return min(steps, STEPS.stop)


def _whole_numbers(value: Any) -> Iterator[int]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        if float(value).is_integer():
            yield int(value)
    elif isinstance(value, list | tuple | dict):
        for one in cast("Iterable[Any]", value):  # of a dict its keys: milestones
            yield from _whole_numbers(one)
    elif isinstance(value, partial):
        yield from _whole_numbers([*value.args, *value.keywords.values()])
    elif isfunction(value):
        names = getclosurevars(value)
        yield from _whole_numbers([one for one in (*names.nonlocals.values(), *names.globals.values()) if _is_number(one)])
    elif callable(value) and hasattr(value, "__dict__"):
        yield from _whole_numbers([one for one in vars(value).values() if _is_number(one)])


def _whole_literals(value: Any) -> Iterator[int]:
    """Yield 0 and the whole numbers in the source of functions."""
    yield 0
    for one in cast("Sequence[Any]", value) if isinstance(value, list | tuple) else (value,):
        if isfunction(one):
            yield from _whole_numbers([number for number in one.__code__.co_consts if _is_number(number)])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


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
    steps = min(max(STEPS.start, _steps_to_look(scheduler)), CHECKED_STEPS)
    before, after = (np.array(list(_rates(Copier().copied(one), steps))) for one in (scheduler, other))
    if after.shape != before.shape:
        return False
    return bool(np.allclose(after, before * factor, TOLERANCE, TOLERANCE * before.max() * factor))


def _scale_attributes(scheduler: Scheduler, factor: float, names: re.Pattern[str]) -> None:
    for one in {id(part): part for part in _nested(scheduler)}.values():
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
