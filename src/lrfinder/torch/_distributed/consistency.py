"""Settings and positions that must be equal on every rank of one training, and sentences that say what differs."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from lrfinder.errors import LRFinderWarning
from lrfinder.replay import batches_per_pass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn
    from torch.optim import Optimizer

_PLAIN = (bool, int, float, complex, str, type(None), torch.dtype)
_BATCHES = "batches in a pass over the data"
_NAMED_AT_MOST = 3  # differences in one sentence


def describe_settings(
    modules: Sequence[nn.Module], optimizers: Sequence[Optimizer], data: object, others: Mapping[str, object]
) -> dict[str, str]:
    """Return model, optimizers and settings as texts, under names that a user knows."""
    texts = {name: repr(value) for name, value in others.items()}
    for k, module in enumerate(modules):
        for name, parameter in module.named_parameters():
            texts[f"parameter {name} of model {k}"] = f"{tuple(parameter.shape)} {parameter.dtype}"
    for k, optimizer in enumerate(optimizers):
        texts[f"optimizer {k}"] = type(optimizer).__name__
        for j, group in enumerate(optimizer.param_groups):
            plain = {name: _plain_text(value) for name, value in group.items() if name != "params"}
            texts.update((f"{name} of parameter group {j} of optimizer {k}", text) for name, text in plain.items())
    texts[_BATCHES] = str(batches_per_pass(data))
    return texts


def settings_difference(ranks: Sequence[int], settings: Sequence[Mapping[str, str]]) -> str | None:
    """Return how the settings of the ranks differ, None where they agree. Data of different length only give a warning."""
    first = settings[0]
    for rank, one in zip(ranks, settings, strict=True):
        names = [name for name in {**first, **one} if name != _BATCHES and first.get(name) != one.get(name)]
        if names:
            pairs = (f"{name}: {first.get(name, 'none')} and {one.get(name, 'none')}" for name in names[:_NAMED_AT_MOST])
            more = f" (and {len(names) - _NAMED_AT_MOST} more)" if len(names) > _NAMED_AT_MOST else ""
            differences = "; ".join(pairs) + more
            return f"Rank {ranks[0]} and rank {rank} are set up differently: {differences}. Give every rank the same."
    lengths = [one.get(_BATCHES) for one in settings]
    if len(set(lengths)) > 1:
        named = ", ".join(f"{length} batches on rank {rank}" for rank, length in islice(zip(ranks, lengths, strict=True), 8))
        message = (
            f"The data are of different length: {named}. Each rank starts its data again by itself; a training that "
            "ends its pass on all ranks at once needs the same number on each (DistributedSampler gives it)."
        )
        warnings.warn(message, LRFinderWarning, stacklevel=2)
    return None


def position_difference(ranks: Sequence[int], stages: Sequence[str], lrs: Sequence[float]) -> str | None:
    """Return how the stages or rates of the ranks differ, None where they agree."""
    for rank, stage, lr in zip(ranks, stages, lrs, strict=True):
        if (stage, lr) != (stages[0], lrs[0]):
            rates = f"is at the rate {lrs[0]:.6g}, rank {rank} at {lr:.6g}"
            difference = rates if stage == stages[0] else f"{stages[0]}, rank {rank} {stage}"
            return (
                f"Rank {ranks[0]} {difference}: they were called differently. Call the finder on every rank with the same "
                "settings (rates, iterations, stopping)."
            )
    return None


def _plain_text(value: object) -> str:
    if isinstance(value, Tensor):
        return repr(value.item()) if value.numel() == 1 else f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_plain_text, cast('list[object]', value)))})"
    return repr(value) if isinstance(value, _PLAIN) else type(value).__name__
