"""The rates of a PyTorch scheduler, from a copy of it that steps another optimizer."""

from __future__ import annotations

import copy
import types
import warnings
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from lrfinder.analysis.shapes import checked_steps, unknown_scheduler
from lrfinder.errors import RatesError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTAINERS = (list, tuple, dict, set)
NOT_COPIED = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type, torch.nn.Module)


def rates_by_step(scheduler: object, steps: int) -> tuple[Sequence[Sequence[float]], Sequence[Mapping[str, Any]]]:
    """Return the rates of the next steps of a scheduler, shape ``(steps, groups)``, and the groups that have them.

    Neither the scheduler nor its optimizer changes.

    Raises:
        RatesError: there is no step, or the rates do not follow from the scheduler alone.
    """
    checked_steps(steps)
    if not isinstance(scheduler, LRScheduler | ReduceLROnPlateau):
        raise unknown_scheduler(scheduler, "one of torch.optim.lr_scheduler")
    if isinstance(scheduler, ReduceLROnPlateau):
        message = (
            "ReduceLROnPlateau lowers the rate when the loss stops falling, so its rates are not known before; search "
            "without schedule=, for the constant rate with which it begins."
        )
        raise RatesError(message)
    copied = Copier().copied(scheduler)
    groups = copied.optimizer.param_groups
    rates = [_rates(groups)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the optimizer was not stepped
            for _ in range(steps - 1):
                copied.step()
                rates.append(_rates(groups))
    except Exception as error:
        name, reason = type(scheduler).__name__, f"{type(error).__name__}: {error!s:.200}"
        message = f"The {name} cannot be stepped {steps - 1} times without its training: {reason}"
        raise RatesError(message) from error
    return rates, groups


def _rates(groups: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(group["lr"]) for group in groups]


class Copier:
    """Copies schedulers: each optimizer of them is replaced by one of the same groups without their parameters.

    What a scheduler holds is copied as far as stepping may change it: containers, other schedulers, and callable objects.
    """

    def __init__(self) -> None:
        self._copies: dict[int, tuple[object, Any]] = {}  # by id, each with the original, so that no other gets its id

    def copied(self, value: Any) -> Any:
        if id(value) not in self._copies:
            self._copies[id(value)] = value, self._copy(value)
        return self._copies[id(value)][1]

    def _copy(self, value: Any) -> Any:
        if isinstance(value, Optimizer):
            return _without_parameters(value)
        if isinstance(value, Tensor):
            return value.detach().clone()
        if type(value) in CONTAINERS:
            return self._container(value)
        has_state = callable(value) and hasattr(value, "__dict__") and not isinstance(value, NOT_COPIED)
        return self._object(value) if has_state or isinstance(value, LRScheduler) else value

    def _container(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.copied(one) for key, one in cast("dict[Any, Any]", value).items()}
        return type(value)(map(self.copied, value))

    def _object(self, value: Any) -> Any:
        new = copy.copy(value)
        self._copies[id(value)] = value, new  # first, for objects that refer to it
        vars(new).update({name: self.copied(one) for name, one in vars(value).items()})
        return new


def _without_parameters(optimizer: Optimizer) -> Optimizer:
    """Return an optimizer with the same groups, rates and settings, and one number to train in each group."""
    groups: list[dict[str, Any]] = []
    for group in optimizer.param_groups:
        settings = {name: value.detach().clone() if isinstance(value, Tensor) else value for name, value in group.items()}
        settings.pop("param_names", None)
        groups.append({**settings, "params": [torch.zeros(1)]})
    return _OnlyGroups(groups, {})


class _OnlyGroups(Optimizer):
    """An optimizer that never steps; of a class of its own, since PyTorch changes the class of a new optimizer."""

    def step(self, closure: object = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Do nothing."""
