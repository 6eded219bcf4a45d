"""A generated setup as a learner: it trains for real, where no recording is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from record import HORIZON, order_seeds
from recording import facts
from updates import State

if TYPE_CHECKING:
    from setups import Setup
    from torch import Tensor

    from lrfinder._results.facts import TrainingFacts


class SetupLearner:
    """A setup from its start, on its first order of the batches, as a :class:`lrfinder.Learner`."""

    def __init__(self, setup: Setup) -> None:
        self._setup, self._batched = setup, setup.batched()
        self._batches = setup.batches(order_seeds(setup, "fresh")[:1], HORIZON)
        self._weights, self._state, self._count = self._batched.start.weights[None], State(), 0
        torch.manual_seed(setup.seed)  # of the dropout masks, as in Batched.train

    def iteration(self, lr: float) -> float:
        """Return the loss of the next batch before its update."""
        batch = self._batches(0, self._count)
        self._count += 1
        self._weights, losses = self._batched.step(self._weights, self._state, torch.tensor([lr]), [batch], self._count)
        return float(losses)

    def snapshot(self) -> tuple[Tensor, State, int, Tensor]:
        """Return the state; an update makes new tensors, so that nothing needs a copy."""
        return self._weights, dict(self._state), self._count, torch.get_rng_state()

    def restore(self, state: tuple[Tensor, State, int, Tensor]) -> None:
        """Return to a state."""
        self._weights, kept, self._count, random = state
        self._state = dict(kept)
        torch.set_rng_state(random)

    def close(self) -> None:
        """Do nothing."""

    def facts(self) -> TrainingFacts:
        """Return what a learner knows about the training."""
        return facts(self._setup.to_dict())
