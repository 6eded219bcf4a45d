"""The tasks of the benchmark: small training setups that can be built again, bit for bit, any number of times."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lrfinder.torch import TorchLearner

MakeOptimizer = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]


@dataclass(frozen=True)
class Training:
    """A model at its start, with its optimizer, its loss and its data.

    Attributes:
        model: the model.
        optimizer: ``optimizer(parameters, lr)`` returns the optimizer of the model's trainable parameters.
        criterion: the loss is ``criterion(model(input), target)``.
        batches: ``(input, target)`` pairs, at least as many as the longest horizon that is measured.
        held_out: one such pair or None, evaluated in evaluation mode.
        lr: the rate of the optimizer at the start.
    """

    model: nn.Module
    optimizer: MakeOptimizer
    criterion: Callable[[Any, Any], Tensor]
    batches: Sequence[tuple[Any, Any]]
    held_out: tuple[Any, Any] | None = None
    lr: float = 1e-3

    def parameters(self) -> list[nn.Parameter]:
        """Return the trainable parameters."""
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def learner(self, lr: float | None = None) -> TorchLearner:
        """Return the learner for the finder; ``lr`` is the initial rate of its optimizer, if not :attr:`lr`."""
        optimizer = self.optimizer(self.parameters(), self.lr if lr is None else lr)
        return TorchLearner(self.model, optimizer, self.criterion, list(self.batches))

    def held_out_loss(self) -> float | None:
        """Return the present loss of the held-out pair in evaluation mode; NaN if not finite, None without a pair."""
        if self.held_out is None:
            return None
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        with torch.no_grad():
            loss = float(self.criterion(self.model(self.held_out[0]), self.held_out[1]))
        for module, mode in modes:
            module.training = mode
        return loss if math.isfinite(loss) else math.nan


@dataclass(frozen=True)
class Task:
    """A training setup that always starts from the same weights; ``seed`` sets the batches and the dropout masks.

    Args:
        name: unique.
        family: its data and architecture; development and held-out tasks share no family.
        optimizer: the kind of optimizer.
        default_lr: the framework's own default rate for the optimizer.
        build: ``build(seed, batches) -> Training`` with that many batches. It seeds the global generators of torch and
            numpy before it draws from them.
        horizons: the lengths of run that are measured.
        after: the updates that the training has had, of which the optimizer keeps its state.
    """

    name: str
    family: str
    optimizer: str
    default_lr: float
    build: Callable[[int, int], Training]
    horizons: tuple[int, ...] = (300,)
    after: int = 0

    def training(self, seed: int, horizon: int = 300) -> Training:
        """Return the training setup at its start, with torch's global generator seeded for the dropout masks."""
        training = self.build(seed, horizon)
        torch.manual_seed(seed)
        return training

    def fingerprint(self, seed: int, horizon: int = 300) -> str:
        """Return a hash of the training setup: initial weights, batches, architecture, optimizer, and the first losses."""
        training = self.training(seed, horizon)
        learner = training.learner(1e-3)
        optimizer = training.optimizer(training.parameters(), 1e-3)
        digest = hashlib.sha256(repr((training.model, optimizer, torch.__version__)).encode())
        for value in (
            *training.model.state_dict().values(),
            *_tensors(training.batches[:4]),
            *_tensors(training.batches[-1:]),
        ):
            digest.update(value.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        for lr in (1e-3, 1e-2, 1e-3):
            digest.update(repr(float(learner.iteration(lr))).encode())
        return digest.hexdigest()[:16]


def _tensors(value: Any) -> Iterable[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
