"""Methods that set the rate themselves while they train the task, without a search.

Each runs from its own package, with ``lr=1`` and its other defaults. They do not use the weight decay of the task's
optimizer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from answers import Answer
from truth import final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import torch
    from answers import Case, Finder
    from torch import nn

    OptimizerFor = Callable[[Iterable[nn.Parameter], torch.optim.Optimizer], torch.optim.Optimizer]


def prodigy(parameters: Iterable[nn.Parameter], _: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return Prodigy, whatever the task's optimizer is."""
    from prodigyopt import Prodigy

    return Prodigy(parameters, lr=1.0)


def d_adaptation(parameters: Iterable[nn.Parameter], own: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return the D-Adaptation variant nearest to the task's optimizer: SGD with its momentum, Lion, or else Adam."""
    import dadaptation

    name = type(own).__name__.lower()
    if name == "sgd":
        return dadaptation.DAdaptSGD(parameters, lr=1.0, momentum=own.param_groups[0]["momentum"])
    if "lion" in name:
        return dadaptation.DAdaptLion(parameters, lr=1.0)
    return dadaptation.DAdaptAdam(parameters, lr=1.0)


def dog(parameters: Iterable[nn.Parameter], _: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return DoG without averaged weights. Its authors advise them for evaluation; they do not change training losses."""
    from dog import DoG

    return DoG(parameters)


def trains(optimizer_for: OptimizerFor) -> Finder:
    """Return a finder that answers with the end of a run."""

    def find(case: Case) -> Answer:
        training = case.training()

        def optimizer(parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Optimizer:
            parameters = list(parameters)
            return optimizer_for(parameters, training.optimizer(parameters, lr))

        learner: Any = replace(training, optimizer=optimizer).learner(1.0)
        losses = np.full(case.horizon, np.nan)
        for k in range(case.horizon):
            losses[k] = float(learner.iteration(1.0))
            if not np.isfinite(losses[k]):
                break
        return Answer(None, 0, loss=final(losses), held_out=training.held_out_loss())

    return find
