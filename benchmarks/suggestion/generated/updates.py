"""The updates of the optimizers, for many trainings at once: one row for each training, with a rate of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

State = dict[str, Tensor]
Update = Callable[[Tensor, State, int], Tensor]  # gradients, state, step from 1 -> direction; changes the state


@dataclass(frozen=True)
class Optimizer:
    """An optimizer with its settings; :meth:`step` agrees with ``torch.optim`` (``tests/benchmarks`` compares them).

    Attributes:
        name: one of :data:`DIRECTIONS`.
        weight_decay: decoupled for AdamW and Lion, added to the gradient for the others.
        clip: the largest norm of a training's gradient, or None.
    """

    name: str
    weight_decay: float = 0.0
    clip: float | None = None

    def step(self, weights: Tensor, gradients: Tensor, state: State, lrs: Tensor, count: int) -> Tensor:
        """Return the new weights, shape ``(trainings, weights)``; ``lrs`` has the shape ``(trainings, 1)``."""
        if self.clip is not None:
            norm = gradients.norm(dim=1, keepdim=True)
            gradients = gradients * (self.clip / (norm + 1e-6)).clamp(max=1.0)
        decoupled = self.name in {"adamw", "lion"}
        if self.weight_decay and decoupled:
            weights = weights * (1 - lrs * self.weight_decay)
        elif self.weight_decay:
            gradients = gradients + self.weight_decay * weights
        return weights - lrs * DIRECTIONS[self.name](gradients, state, count)


def _sgd(gradients: Tensor, state: State, count: int) -> Tensor:
    del state, count
    return gradients


def _momentum(gradients: Tensor, state: State, count: int) -> Tensor:
    del count
    state["momentum"] = 0.9 * state["momentum"] + gradients if "momentum" in state else gradients
    return state["momentum"]


def _nesterov(gradients: Tensor, state: State, count: int) -> Tensor:
    return gradients + 0.9 * _momentum(gradients, state, count)


def _adam(gradients: Tensor, state: State, count: int) -> Tensor:
    first = state["first"] = torch.lerp(state["first"], gradients, 0.1) if "first" in state else 0.1 * gradients
    square = gradients**2
    second = state["second"] = torch.lerp(state["second"], square, 0.001) if "second" in state else 0.001 * square
    return first / (1 - 0.9**count) / ((second / (1 - 0.999**count)).sqrt() + 1e-8)


def _rmsprop(gradients: Tensor, state: State, count: int) -> Tensor:
    del count
    square = gradients**2
    second = state["second"] = torch.lerp(state["second"], square, 0.01) if "second" in state else 0.01 * square
    return gradients / (second.sqrt() + 1e-8)


def _adagrad(gradients: Tensor, state: State, count: int) -> Tensor:
    del count
    total = state["total"] = state["total"] + gradients**2 if "total" in state else gradients**2
    return gradients / (total.sqrt() + 1e-10)


def _lion(gradients: Tensor, state: State, count: int) -> Tensor:
    del count
    before = state.get("momentum", torch.zeros_like(gradients))
    state["momentum"] = 0.99 * before + 0.01 * gradients
    return (0.9 * before + 0.1 * gradients).sign()


DIRECTIONS: dict[str, Update] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adam": _adam,
    "adamw": _adam,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "lion": _lion,
}
