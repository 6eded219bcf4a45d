"""The facts about a training that an optimizer of PyTorch shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder._results.facts import TrainingFacts, optimizer_family

if TYPE_CHECKING:
    from torch.optim import Optimizer


def facts_of(optimizer: Optimizer, batch_size: int | None = None) -> TrainingFacts:
    """Return the family of an optimizer, and whether it has made updates before; plain gradient descent does not show it."""
    momentum = any(group.get("momentum", 0) for group in optimizer.param_groups)
    family = optimizer_family(type(optimizer).__name__, momentum=momentum)
    return TrainingFacts(family, batch_size, trained=bool(optimizer.state))
