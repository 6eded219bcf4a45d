"""What a task of the benchmark is: a small training that can be made anew, bit for bit, as often as one likes."""

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
    """A model at its start, with what trains it.

    ``optimizer(parameters, lr)`` makes the optimizer of the model's trainable parameters; the loss is
    ``criterion(model(input), target)``; ``batches`` are ``(input, target)`` pairs, at least as many as the longest horizon
    that is measured; ``held_out`` is one such pair (or None), evaluated in evaluation mode.
    """

    model: nn.Module
    optimizer: MakeOptimizer
    criterion: Callable[[Any, Any], Tensor]
    batches: Sequence[tuple[Any, Any]]
    held_out: tuple[Any, Any] | None = None

    def parameters(self) -> list[nn.Parameter]:
        """Those that are trained."""
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def learner(self, lr: float = 1e-3) -> TorchLearner:
        """The training as the finder sees it; ``lr`` is what its optimizer is made with."""
        return TorchLearner(self.model, self.optimizer(self.parameters(), lr), self.criterion, list(self.batches))

    def held_out_loss(self) -> float | None:
        """The loss of the held-out pair in evaluation mode, as the model now is; NaN if not finite, None without one."""
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
    """A training to be made: always from the same initialisation; ``seed`` draws the batches and Dropout's masks.

    Args:
        name: unique.
        family: what it has in common with others (data and architecture); development and test tasks share no family.
        optimizer: its kind, in words.
        default_lr: the framework's own default rate for the optimizer.
        build: ``build(seed, batches) -> Training`` with that many batches; draws from torch's and numpy's global generators
            only after seeding them itself.
        horizons: the lengths of training that are measured.
    """

    name: str
    family: str
    optimizer: str
    default_lr: float
    build: Callable[[int, int], Training]
    horizons: tuple[int, ...] = (300,)

    def training(self, seed: int, horizon: int = 300) -> Training:
        """The training at its start, torch's global generator seeded for its Dropout masks."""
        training = self.build(seed, horizon)
        torch.manual_seed(seed)
        return training

    def fingerprint(self, seed: int, horizon: int = 300) -> str:
        """A hash of what the training is: initial weights, batches, architecture, optimizer, and what two steps of it do."""
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
