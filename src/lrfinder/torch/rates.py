"""One rate for the parameter groups of all optimizers, their ratios kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lrfinder._state.attributes import attributes_of
from lrfinder.errors import OptimizerError
from lrfinder.torch._arguments import check_optimizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Group = dict[str, Any]


_SAME_SCALE = 1 + 1e-6  # of a rate over its "lr_scale", to rounding
SAME_RATE = 1e-6  # relative: the precision of a rate that is a tensor


class Rates:
    """The parameter groups of optimizers, to which one rate applies.

    The rate is that of the reference group: the group with the highest rate, or the one that ``group`` names. The other
    groups keep the ratios to it that they have when this object is built. The rate of a group is its ``"lr"``. If all of
    those are 0, as at the start of a warm-up, it is its ``"initial_lr"``.

    Args:
        optimizers: the owners of the groups.
        group: the reference group, by its index among all groups or by its entry ``"name"``.
        only_group: the one group that the rate is written to, named likewise, in place of ``group``; the others keep their
            own rates.

    Raises:
        OptimizerError: an optimizer ignores its rate, a name is that of no group, or both kinds of group are given.
    """

    def __init__(
        self, optimizers: Sequence[Optimizer], group: str | int | None = None, only_group: str | int | None = None
    ) -> None:
        if group is not None and only_group is not None:
            message = (
                f"There are group={group!r} and only_group={only_group!r}; give one: all groups get rates, or only one."
            )
            raise OptimizerError(message)
        optimizers = [inner_optimizer(one) for one in optimizers]
        for optimizer in optimizers:
            _check_rate_applies(optimizer)
        self._optimizers = optimizers
        groups = self._groups()
        if only_group is None:
            _check_scales(groups)
        own = _own_rates(groups)
        reference = max(own, default=0.0) if group is None else own[index_of_group(group, groups)]
        if group is not None and not reference > 0:
            message = f"The parameter group {group!r} has the rate {reference!r}, of which no other can be a multiple."
            raise OptimizerError(message)
        self._only = None if only_group is None else index_of_group(only_group, groups, "only_group")
        self._ratios = [rate / reference if reference > 0 else 1.0 for rate in own]

    def _groups(self) -> list[Group]:
        if len(self._optimizers) == 1:
            return self._optimizers[0].param_groups  # read again each time: loading replaces it
        return [group for optimizer in self._optimizers for group in optimizer.param_groups]

    def write(self, lr: float) -> None:
        """Set every group to its multiple of ``lr``; a rate that is a tensor is written in place.

        Raises:
            OptimizerError: groups were added or removed since this object was built.
        """
        groups = self._groups()
        if len(groups) != len(self._ratios):
            message = (
                f"There are {len(groups)} parameter groups now, and {len(self._ratios)} when the learner was created; "
                "create a new learner."
            )
            raise OptimizerError(message)
        if self._only is not None:
            _write(groups[self._only], lr)
            return
        for group, ratio in zip(groups, self._ratios):  # noqa: B905  (equally long; a second check takes as long as writing)
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr * ratio)
            else:
                group["lr"] = lr * ratio

    def stay(self, lr: float) -> bool:
        """Return whether all groups still have the rates of ``write(lr)``, as far as reading them does not stop a device."""
        if self._only is not None:
            return _is_rate(self.written()[0]["lr"], lr)
        for group, ratio in zip(self._groups(), self._ratios, strict=False):  # noqa: SIM110  (all() takes twice as long)
            if not _is_rate(group["lr"], lr * ratio):
                return False
        return True

    def of(self, lr: float) -> list[float]:
        """Return the rate of each group when the reference group has ``lr``."""
        return [lr * ratio for ratio in self._ratios]

    def written(self) -> list[Group]:
        """Return the groups that :meth:`write` sets."""
        groups = self._groups()
        return groups if self._only is None else [groups[self._only]]


def _write(group: Group, lr: float) -> None:
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr


def _is_rate(held: Any, lr: float) -> bool:
    if isinstance(held, Tensor):
        return not held.is_cpu or math.isclose(float(held), lr, rel_tol=SAME_RATE)
    return held == lr


def _check_rate_applies(optimizer: Optimizer) -> None:
    check_optimizer("optimizer", optimizer)
    if isinstance(optimizer, torch.optim.Rprop):
        message = (
            "Rprop reads its rate at the first step only, so a range test says nothing about it; use another optimizer."
        )
        raise OptimizerError(message)
    for place, group in enumerate(optimizer.param_groups):
        _check_group(group, f"The parameter group {place} of {type(optimizer).__name__}")


def _check_group(group: Group, place: str) -> None:
    if "lr" not in group:
        message = f"{place} has no rate; it needs an entry 'lr'."
        raise OptimizerError(message)
    if group["lr"] is None:
        own = "; for Adafactor relative_step=False, warmup_init=False" if "relative_step" in group else ""
        message = f"{place} has the rate None: the optimizer makes its own rate. Create it with a rate: lr=1e-3{own}."
        raise OptimizerError(message)
    try:
        float(group["lr"])
    except (TypeError, ValueError) as error:
        message = f"{place} has the rate {group['lr']!r:.80}; it must be one number."
        raise OptimizerError(message) from error


def _check_scales(groups: Sequence[Group]) -> None:
    """Refuse groups whose ratios are still to be applied: ``lr_scale`` of timm's and MAE's layer-wise decay."""
    scales = [float(group.get("lr_scale", 1.0)) for group in groups]
    if all("lr_scale" not in group for group in groups):
        return
    scaled = [float(group["lr"]) / scale for group, scale in zip(groups, scales, strict=True) if scale]
    if scaled and max(scaled) > min(scaled) * _SAME_SCALE:
        message = (
            'The parameter groups have entries "lr_scale", and their rates are not in that proportion: a scheduler '
            "multiplies them later. Do it first: for group in optimizer.param_groups: "
            'group["lr"] *= group.get("lr_scale", 1.0)'
        )
        raise OptimizerError(message)


def inner_optimizer(optimizer: Any) -> Any:
    """Return the optimizer in the wrappers of accelerate or Lightning: the object that schedulers and steps share.

    Of an object that is no optimizer, only what it stores is read: a property may raise, or do any work.
    """
    if issubclass(type(optimizer), Optimizer):
        inner = getattr(optimizer, "optimizer", None)
    else:
        stored = attributes_of(optimizer)
        inner = (stored.dictionary or stored.slots).get("optimizer")
    return inner_optimizer(inner) if issubclass(type(inner), Optimizer) else optimizer


def share_groups(one: Any, optimizer: Optimizer) -> bool:
    """Return whether an object is the optimizer, a wrapper of it, or an optimizer of the same groups, as in SAM."""
    inner = inner_optimizer(one)
    if inner is optimizer or not issubclass(type(inner), Optimizer):  # by type: the __class__ of a lazy module imports it
        return inner is optimizer
    return not set(map(id, inner.param_groups)).isdisjoint(map(id, optimizer.param_groups))


def highest_rate(optimizer: Optimizer) -> float:
    """Return the highest rate of the groups; of one whose rates are all 0, the highest of those before the warm-up."""
    return max(_own_rates(optimizer.param_groups), default=0.0)


def _own_rates(groups: Sequence[Group]) -> list[float]:
    own = [float(group["lr"]) for group in groups]
    return own if any(own) else [float(group.get("initial_lr", 0.0)) for group in groups]


def index_of_group(group: str | int, groups: Sequence[Mapping[str, Any]], argument: str = "group") -> int:
    """Return the index of the group that is named by its index or by its entry ``"name"``.

    Raises:
        OptimizerError: there is none.
    """
    names = [one.get("name") for one in groups]
    if isinstance(group, int) and group in range(len(groups)):
        return group
    if isinstance(group, str) and group in names:
        return names.index(group)
    message = (
        f"{argument}={group!r} is none of the {len(groups)} parameter groups; give an index from 0, or one of the names "
        f"{names}."
    )
    raise OptimizerError(message)
