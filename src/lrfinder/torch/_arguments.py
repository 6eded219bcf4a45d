"""Checks of the arguments of learners, before any of them is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lrfinder._arguments import given, items, number, whole
from lrfinder.errors import LearnerError, ModelError, OptimizerError
from lrfinder.replay import check_data

if TYPE_CHECKING:
    from torch.optim import Optimizer


def check_optimizer(name: str, optimizer: object) -> None:
    """Require an optimizer of PyTorch, or an object that has its ``param_groups`` and ``step()``.

    Raises:
        OptimizerError: it is neither.
    """
    is_like_one = hasattr(optimizer, "param_groups") and callable(getattr(optimizer, "step", None))
    if isinstance(optimizer, type) or not (isinstance(optimizer, torch.optim.Optimizer) or is_like_one):
        message = f"{name} is {given(optimizer)}; give a torch.optim.Optimizer."
        raise OptimizerError(message)


def check_parts(modules: object, optimizers: object) -> tuple[list[nn.Module], list[Optimizer]]:
    """Return the modules and optimizers of a custom step as lists.

    Raises:
        LearnerError: there are none of one kind, or something else is among them.
    """
    found = items("modules", modules, "modules=[model]", LearnerError)
    steppers = items("optimizers", optimizers, "optimizers=[optimizer]", LearnerError)
    if not found or not steppers:
        message = f"There are {len(found)} modules and {len(steppers)} optimizers; give at least one of each."
        raise LearnerError(message)
    for place, module in enumerate(found):
        if not isinstance(module, nn.Module):
            message = f"modules[{place}] is {given(module)}; give a torch.nn.Module."
            raise ModelError(message)
    for place, optimizer in enumerate(steppers):
        check_optimizer(f"optimizers[{place}]", optimizer)
    return found, steppers


def check_update(*, accumulate: object, autocast: object, scaler: object) -> None:
    """Check the arguments that say how an update is made.

    Raises:
        LearnerError: one of them has another kind than the update needs.
    """
    if autocast is not None and not (isinstance(autocast, torch.dtype) and autocast.is_floating_point):
        message = f"autocast is {given(autocast)}; give the floating dtype of the forward, such as torch.bfloat16."
        raise LearnerError(message)
    if scaler is not None and not all(hasattr(scaler, verb) for verb in ("scale", "step", "update", "state_dict")):
        message = f"scaler is {given(scaler)}; give the script's torch.amp.GradScaler."
        raise LearnerError(message)
    whole("accumulate", accumulate, 1, "it is the number of batches in an update", LearnerError)


def own_list(stateful: object) -> list[object]:
    """Return the further objects that the training changes, as a list.

    Raises:
        LearnerError: they cannot be iterated over.
    """
    return items("stateful", stateful, "stateful=[average]", LearnerError)


def check_surroundings(data: object, process_group: object, rank_timeout: object) -> None:
    """Check the data, and the arguments for several processes.

    Raises:
        LearnerError: the data cannot be iterated, or another argument has another kind than is needed.
    """
    check_data(data)
    if not number(rank_timeout) > 0:
        message = f"rank_timeout is {given(rank_timeout)}; give a number of seconds above 0."
        raise LearnerError(message)
    kind: Any = getattr(torch.distributed, "ProcessGroup", object)
    if process_group is not None and not isinstance(process_group, kind):
        message = f"process_group is {given(process_group)}; give a torch.distributed.ProcessGroup, or leave it out."
        raise LearnerError(message)
