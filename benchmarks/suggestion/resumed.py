"""Trainings that are under way: the weights and the state of the optimizer after some updates."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from optimizers import DEFAULT_LRS, MAKERS
from recipes import INITIAL_SEED, WARM_SEED, Criterion
from task import Task, Training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from data import Data
    from torch import nn

State = dict[str, Any]


def resumed(  # noqa: PLR0913, PLR0917  (the ways in which trainings differ)
    name: str,
    family: str,
    optimizer: str,
    batch: int,
    data: Callable[[], Data],
    model: Callable[[], nn.Module],
    criterion: Criterion,
    *,
    after: int,
    lr: float,
    before: Callable[[], Data] | None = None,
    held_out: bool = True,
) -> Task:
    """Return a task that begins after ``after`` updates at the rate ``lr``, with the state of the optimizer.

    Args:
        name: of the task.
        family: of the task.
        optimizer: one of :data:`optimizers.MAKERS`.
        batch: examples in a batch.
        data: called when the task is built; cached.
        model: builds the model, with torch's global generator seeded.
        criterion: ``criterion(output, target) -> loss``.
        after: updates before the task begins.
        lr: the rate of these updates, which is also the rate of the optimizer at the start.
        before: the data of these updates, if others: a model that is fine-tuned.
        held_out: whether there is a held-out pair that means something.
    """
    cached, earlier = cache(data), cache(before or data)

    def start() -> nn.Module:
        torch.manual_seed(INITIAL_SEED)
        return model()

    @cache
    def states() -> tuple[State, State]:
        trained = start()
        own = MAKERS[optimizer](_trainable(trained), lr)
        torch.manual_seed(WARM_SEED)
        for inputs, targets in earlier().batches(batch, after, WARM_SEED):
            own.zero_grad()
            criterion(trained(inputs), targets).backward()
            own.step()
        return deepcopy(trained.state_dict()), deepcopy(own.state_dict())

    def resume(parameters: Iterable[nn.Parameter], rate: float) -> torch.optim.Optimizer:
        own = MAKERS[optimizer](parameters, rate)
        own.load_state_dict(deepcopy(states()[1]))  # loading alone would share its tensors
        for group in own.param_groups:
            group["lr"] = rate
        return own

    def build(seed: int, batches: int) -> Training:
        kept = states()[0]
        resumed_model = start()
        resumed_model.load_state_dict(kept)
        pair = cached().held_out if held_out else None
        return Training(resumed_model, resume, criterion, cached().batches(batch, batches, seed), pair, lr)

    return Task(name, family, optimizer, DEFAULT_LRS[optimizer], build, after=after)


def _trainable(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
