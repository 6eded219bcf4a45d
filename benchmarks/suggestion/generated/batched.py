"""Train one network at many rates, and on several orders of the batches, at once.

Each training is a row of one matrix of weights. ``torch.func.vmap`` computes the gradients of all rows together. Trainings
at different rates see the same batches and dropout masks, as the probes of a search do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from updates import Optimizer, State

Loss = Callable[[Tensor, Tensor], Tensor]  # output, target -> scalar
Batches = Callable[[int, int], tuple[Tensor, Tensor]]  # order, step -> inputs and targets


@dataclass
class Start:
    """The start of a training: flat weights, shape ``(weights,)``, the optimizer's state and its count of steps."""

    weights: Tensor
    state: State
    count: int = 0


class Batched:
    """A network, its loss and its optimizer.

    Args:
        network: only its structure and its initial weights are used.
        loss: of its output and the target.
        optimizer: the update.
    """

    def __init__(self, network: nn.Module, loss: Loss, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._shapes = {name: weight.shape for name, weight in network.named_parameters()}
        self.start = Start(torch.cat([weight.detach().flatten() for weight in network.parameters()]), {})

        def of_one(weights: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
            return loss(functional_call(network, weights, (inputs,)), targets)

        self._of_one = of_one
        over_rates = vmap(grad_and_value(of_one), in_dims=(0, None, None), randomness="same")
        self._gradients = vmap(over_rates, in_dims=(0, 0, 0), randomness="same")

    @torch.no_grad()
    def train(self, start: Start, lrs: Tensor, batches: Batches, orders: int, seed: int) -> tuple[Tensor, Tensor, State]:
        """Train every row of ``lrs`` on every order.

        Args:
            start: where all begin.
            lrs: the rate of each training at each step, shape ``(trainings, steps)``.
            batches: gives the batch of an order at a step.
            orders: the number of orders.
            seed: of the dropout masks.

        Returns:
            The losses, shape ``(orders, trainings, steps)``; the weights at the end, shape ``(orders, trainings, weights)``;
            and the optimizer's state, each tensor of that shape.
        """
        torch.manual_seed(seed)
        trainings, steps = lrs.shape
        rows = orders * trainings
        weights = start.weights.expand(rows, -1).clone()
        state = {name: value.expand(rows, -1).clone() for name, value in start.state.items()}
        losses = torch.empty(steps, orders, trainings)
        for step in range(steps):
            drawn = [batches(order, step) for order in range(orders)]
            weights, losses[step] = self.step(weights, state, lrs[:, step], drawn, start.count + step + 1)
        ends = {name: value.view(orders, trainings, -1) for name, value in state.items()}
        return losses.permute(1, 2, 0), weights.view(orders, trainings, -1), ends

    @torch.no_grad()
    def step(
        self, weights: Tensor, state: State, lrs: Tensor, batches: Sequence[tuple[Tensor, Tensor]], count: int
    ) -> tuple[Tensor, Tensor]:
        """Update every training once.

        Args:
            weights: of each training on each order, shape ``(orders * trainings, weights)``.
            state: the optimizer's, which it changes; each tensor of that shape.
            lrs: the rate of each training, shape ``(trainings,)``.
            batches: one for each order.
            count: of the updates, this one included.

        Returns:
            The new weights, and the losses before the update, shape ``(orders, trainings)``.
        """
        gradients, losses = self._one(weights[0], *batches[0]) if len(weights) == 1 else self._many(weights, batches)
        flat = torch.cat([gradients[name].reshape(len(weights), -1) for name in self._shapes], dim=1)
        return self._optimizer.step(weights, flat, state, lrs.repeat(len(batches))[:, None], count), losses

    def _many(self, weights: Tensor, batches: Sequence[tuple[Tensor, Tensor]]) -> tuple[dict[str, Tensor], Tensor]:
        inputs, targets = (torch.stack(part) for part in zip(*batches, strict=True))
        return self._gradients(self._views(weights, len(batches)), inputs, targets)

    def _one(self, weights: Tensor, inputs: Tensor, targets: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return the same as :meth:`_many` for one training, several times faster."""
        parts = zip(self._shapes.items(), weights.split([shape.numel() for shape in self._shapes.values()]), strict=True)
        named = {name: part.view(shape).requires_grad_() for (name, shape), part in parts}
        with torch.enable_grad():
            loss = self._of_one(named, inputs, targets)
            gradients = torch.autograd.grad(loss, list(named.values()))
        return dict(zip(named, gradients, strict=True)), loss.detach().view(1, 1)

    def _views(self, weights: Tensor, orders: int) -> dict[str, Tensor]:
        parts = weights.split([shape.numel() for shape in self._shapes.values()], dim=1)
        return {
            name: part.reshape(orders, -1, *shape) for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
        }
