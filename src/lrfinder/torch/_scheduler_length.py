"""The length of a scheduler: how far it is followed, and the highest rate that it has on the way."""

from __future__ import annotations

import math
import re
import warnings
from functools import partial
from inspect import getclosurevars, isfunction, ismethod
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from torch.optim.lr_scheduler import (
    CosineAnnealingWarmRestarts,
    CyclicLR,
    LambdaLR,
    LRScheduler,
    MultiplicativeLR,
    ReduceLROnPlateau,
)

from lrfinder._state.attributes import attributes_of
from lrfinder.errors import RatesError
from lrfinder.torch._scheduler_copy import Copier
from lrfinder.torch.rates import index_of_group

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from types import FunctionType

Scheduler = Any  # one of torch.optim.lr_scheduler

OF_PYTORCH = re.compile("_last_lr|(base|max|min)_lrs?|default_min_lr|eta_min")  # attributes of a scheduler that are rates
OF_OTHERS = re.compile(OF_PYTORCH.pattern + "|(.*_)?(lrs?|learning_rates?)(_.*)?|eta_.*")  # of classes of the user's own
NO_LENGTHS = re.compile(
    f"(?!lr_lambdas)({OF_OTHERS.pattern}|last_epoch|_step_count|T_cur)"
)  # of attributes: rates, and present steps
STEPS = range(1024, 100_000)  # how far ahead the highest rate is looked for, at least and at most
UNFALLEN_STEPS = 10_000  # the least where the rate has not fallen at the end that the scheduler shows
TOLERANCE = 1e-5  # relative; rates may be tensors of single precision
Number = (int, float, np.integer, np.floating)
_MOST_OBJECTS = 1000  # whose numbers are read


def nested(scheduler: Scheduler) -> Iterator[Scheduler]:
    """Yield a scheduler and those that it holds."""
    yield scheduler
    for one in held_by(scheduler):
        if issubclass(type(one), LRScheduler) and one is not scheduler:
            yield from nested(one)


def held_by(value: object) -> Iterator[Any]:
    """Yield the attributes of an object and the items of lists and tuples among them, without calling any of its code."""
    for one in attributes_of(value).values():
        yield from cast("Sequence[Any]", one) if issubclass(type(one), list | tuple) else (one,)


def rates_ahead(scheduler: Scheduler, steps: int) -> Generator[list[float]]:
    """Yield the present rates of the groups of a copied scheduler and those of its next steps, up to its end.

    It ends where its next rates cannot be read: a table has no more of them, or a base has become negative.

    Raises:
        RatesError: it cannot be stepped for another reason.
    """
    groups = scheduler.optimizer.param_groups
    arguments = (0.0,) if isinstance(scheduler, ReduceLROnPlateau) else ()  # a loss that no longer falls
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the optimizer was not stepped
        for step in range(steps):
            try:
                if step:
                    scheduler.step(*arguments)
                rates = [float(group["lr"]) for group in groups]
            except (ValueError, TypeError, LookupError, StopIteration):
                return
            except Exception as error:
                name, reason = type(scheduler).__name__, f"{type(error).__name__}: {error!s:.200}"
                message = f"The {name} cannot be stepped {step} times without its training: {reason}"
                raise RatesError(message) from error
            if any(map(math.isnan, rates)):
                return
            yield rates


def highest_of(scheduler: Scheduler, group: str | int | None) -> float:
    """Return the highest rate of the group, or of all, from the present step on.

    The scheduler is followed to the end that it shows. If the rate has not fallen there, the end may be that of something
    else, such as a count of epochs: it is followed on, until the highest rate lies in the first half of the way.

    Raises:
        RatesError: the rate rises as far as it is followed.
    """
    copied = Copier().copied(scheduler)
    groups = copied.optimizer.param_groups
    counted = slice(None) if group is None else slice(index := index_of_group(group, groups), index + 1)
    bound = _upper_bound(scheduler, counted) * (1 - TOLERANCE)
    steps, highest, place = steps_to_look(scheduler), 0.0, 0
    for step, rates in enumerate(rates_ahead(copied, STEPS.stop)):
        rate = max(rates[counted])
        if rate > highest * (1 + TOLERANCE):
            highest, place = rate, step
        has_fallen = rate < highest * (1 - TOLERANCE)
        if highest >= bound or step + 1 >= (steps if has_fallen else max(steps, UNFALLEN_STEPS, 2 * place)):
            break
    if place == STEPS.stop - 1 or highest == math.inf:
        message = f"The rate of the {type(scheduler).__name__} rises for {place} steps and more, so none is its highest."
        raise RatesError(message)
    return highest


def _upper_bound(scheduler: Scheduler, counted: slice) -> float:
    """Return the rate above which the scheduler never goes; infinite where its class does not show it."""
    parts = list(nested(scheduler))
    for one in parts:
        own = type(one).__module__ == LRScheduler.__module__ and not isinstance(one, LambdaLR | MultiplicativeLR)
        if not own or getattr(one, "gamma", 0.0) > 1 or getattr(one, "_scale_fn_custom", None) is not None:
            return math.inf
        if isinstance(one, ReduceLROnPlateau):
            return 0.0  # it only falls: the first rate is the highest
    groups = scheduler.optimizer.param_groups[counted]
    bounds = [group[name] for group in groups for name in ("initial_lr", "max_lr") if name in group]
    bounds += [rate for one in parts for rate in getattr(one, "max_lrs", [])[counted]]
    bounds += [one.eta_min for one in parts if hasattr(one, "eta_min")]
    return max(map(float, bounds), default=math.inf)


def steps_to_look(scheduler: Scheduler) -> int:
    """Return how many steps the scheduler is followed: to its end if it shows one, or through two of its periods.

    Its end is the largest whole number in it and in what its functions read: beyond it, half a cosine would rise again.
    """
    parts = list(nested(scheduler))
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
    if isinstance(value, Number):
        if float(value).is_integer():
            yield int(value)
    elif isinstance(value, list | tuple | dict):
        for one in cast("Iterable[Any]", value):  # of a dict its keys: milestones
            yield from _whole_numbers(one)
    elif isinstance(value, partial):
        yield from _whole_numbers([*value.args, *value.keywords.values()])
    elif isfunction(value) or ismethod(value):
        yield from _whole_numbers(_numbers_read(value))
    elif callable(value) and hasattr(value, "__dict__"):
        yield from _whole_numbers([one for one in vars(value).values() if isinstance(one, Number)])


def _numbers_read(function: Any) -> list[Any]:
    """Return the numbers that a function and the functions that it calls read: variables, attributes and items by name."""
    numbers: list[Any] = []
    waiting, seen = [function], set[int]()
    while waiting and len(seen) < _MOST_OBJECTS:
        one = waiting.pop()
        one, owner = (one.__func__, [one.__self__]) if ismethod(one) else (one, [])
        if not isfunction(one) or id(one) in seen:
            continue
        seen.add(id(one))
        values = [*_variables(one), *owner]
        values += [item for value in values for item in _items(value, one)]
        numbers += [value for value in values if isinstance(value, Number)]
        waiting += values
    return numbers


def _variables(function: FunctionType) -> list[Any]:
    names = getclosurevars(function)
    return [*names.nonlocals.values(), *names.globals.values(), *(function.__defaults__ or ())]


def _items(value: Any, function: FunctionType) -> list[Any]:
    """Return the attributes of an object, or the items of a dictionary, whose names are in the function."""
    code = function.__code__
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value)
        return [items[name] for name in code.co_consts if isinstance(name, str) and name in items]
    own = getattr(type(value), "__dict__", {}) | getattr(value, "__dict__", {})
    return [own[name] for name in code.co_names if name in own]


def _whole_literals(value: Any) -> Iterator[int]:
    """Yield 0 and the whole numbers in the source of functions."""
    yield 0
    for one in cast("Sequence[Any]", value) if isinstance(value, list | tuple) else (value,):
        if isfunction(one):
            yield from _whole_numbers([number for number in one.__code__.co_consts if isinstance(number, Number)])
