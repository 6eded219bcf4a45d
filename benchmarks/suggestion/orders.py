"""A training under several orders of its batches, which judge a rate together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from truth import final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from replayed import Replayed


class Orders:
    """The mean of one task over seeds."""

    def __init__(self, learners: Sequence[Replayed]) -> None:
        self._learners = learners

    def training(self, lr: float) -> NDArray[np.float64]:
        """Return the mean losses of the whole runs at ``lr``; NaN from the first that is not finite on."""
        return np.mean([learner.training(lr) for learner in self._learners], axis=0)

    def held_out(self, lr: float) -> float | None:
        """Return the mean held-out loss after the whole runs at ``lr``; NaN if one diverged, None without held-out data."""
        losses = [learner.held_out(lr) for learner in self._learners]
        known = [loss for loss in losses if loss is not None]
        return float(np.mean(known)) if known else None

    def best_of_each(self, lrs: Iterable[float]) -> list[float]:
        """Return the rate that each order would choose alone."""
        rates = list(lrs)
        return [min(rates, key=lambda lr: final(learner.training(lr))) for learner in self._learners]

    def close(self) -> None:
        """Write new runs to disk."""
        for learner in self._learners:
            learner.close()
