"""What must be the same on every rank of one training, and the sentence that says what is not."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence, Sized
from itertools import islice
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from lrfinder.errors import LRFinderWarning

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    Settings = Mapping[str, str]

_PLAIN = (bool, int, float, complex, str, type(None))
_BATCHES = "batches in a pass over the data"


def describe_settings(
    modules: Sequence[nn.Module], optimizers: Sequence[Optimizer], data: object, others: Mapping[str, object]
) -> dict[str, str]:
    """Model, optimizers and settings as texts, under names that a user knows."""
    found = {name: repr(value) for name, value in others.items()}
    for k, module in enumerate(modules):
        for name, parameter in module.named_parameters():
            found[f"parameter {name} of model {k}"] = f"{tuple(parameter.shape)} {parameter.dtype}"
    for k, optimizer in enumerate(optimizers):
        found[f"optimizer {k}"] = type(optimizer).__name__
        for j, group in enumerate(optimizer.param_groups):
            plain = {name: _plain(value) for name, value in group.items() if name != "params"}
            found.update((f"{name} of parameter group {j} of optimizer {k}", text) for name, text in plain.items())
    found[_BATCHES] = str(_length(data))
    return found


def difference(ranks: Sequence[int], every: Sequence[Settings]) -> str | None:
    """How the ranks' settings differ, if they do. Data of different length give a warning alone."""
    first, rest = every[0], list(zip(ranks, every, strict=True))[1:]
    for rank, one in rest:
        different = [name for name in {**first, **one} if name != _BATCHES and first.get(name) != one.get(name)]
        if different:
            named = "; ".join(f"{name}: {first.get(name, 'none')} and {one.get(name, 'none')}" for name in different[:3])
            more = f" (and {len(different) - 3} more)" if len(different) > 3 else ""  # noqa: PLR2004  (a sentence's worth)
            return f"Rank {ranks[0]} and rank {rank} are set up differently: {named}{more}. Give every rank the same."
    lengths = [one.get(_BATCHES) for one in every]
    if len(set(lengths)) > 1:
        named = ", ".join(f"{length} batches on rank {rank}" for rank, length in islice(zip(ranks, lengths, strict=True), 8))
        message = (
            f"The data are of different length: {named}. Each rank begins its data anew by itself; a training that "
            "ends its pass on all ranks at once needs the same number on each (DistributedSampler gives it)."
        )
        warnings.warn(message, LRFinderWarning, stacklevel=2)
    return None


def elsewhere(ranks: Sequence[int], doing: Sequence[str], lrs: Sequence[float]) -> str | None:
    """How what the ranks are about differs, if it does."""
    for rank, does, lr in zip(ranks, doing, lrs, strict=True):
        what = f"{doing[0]}, rank {rank} {does}" if does != doing[0] else ""
        if not what and lr != lrs[0]:
            what = f"is at the rate {lrs[0]:.6g}, rank {rank} at {lr:.6g}"
        if what:
            return (
                f"Rank {ranks[0]} {what}: they were not asked for the same. Call the finder on every rank with the same "
                "settings (rates, iterations, stopping)."
            )
    return None


def _plain(value: object) -> str:
    if isinstance(value, Tensor):
        return repr(value.item()) if value.numel() == 1 else f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_plain, cast('list[object]', value)))})"
    if isinstance(value, (torch.dtype, *_PLAIN)):
        return repr(value)
    return type(value).__name__


def _length(data: object) -> int | None:
    try:
        return len(data) if isinstance(data, Sized) else None
    except TypeError:  # a loader over an endless data set has a length only in name
        return None
