"""Learners that wrap a learner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsFloat

from lrfinder.errors import RatesError
from lrfinder.learner import parts_of, restored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lrfinder.learner import Learner


class Wrapping:
    """A learner that passes everything on to another; subclasses change ``iteration``."""

    def __init__(self, learner: Learner[Any]) -> None:
        self.learner = learner

    def iteration(self, lr: float) -> SupportsFloat:
        """One iteration of the learner within."""
        return self.learner.iteration(lr)

    def snapshot(self) -> object:
        """The state of the learner within."""
        return self.learner.snapshot()

    def restore(self, state: object) -> None:
        """Put the learner within back."""
        self.learner.restore(state)

    def observe(self) -> Mapping[str, object]:
        """What can be looked into of the learner within; see :func:`lrfinder.check`."""
        look: Callable[[], Mapping[str, object]] = getattr(self.learner, "observe", dict)
        return look()

    def parts(self) -> Iterable[object]:
        """The learner within, and what it trains."""
        return [self.learner, *parts_of(self.learner)]

    def close(self) -> None:
        """Close the learner within."""
        self.learner.close()


class Validated(Wrapping):
    """The same training, with a validation loss for its curve.

    Args:
        learner: what trains.
        evaluate: gives the validation loss of the model as it stands; called before each update, as a record's loss is. What
            it changes (modes, random numbers, BatchNorm statistics) is put back, at the price of a snapshot an iteration.
    """

    def __init__(self, learner: Learner[Any], evaluate: Callable[[], SupportsFloat]) -> None:
        super().__init__(learner)
        self.evaluate = evaluate

    def iteration(self, lr: float) -> float:
        """Evaluate, then train on the next batch at ``lr``; the validation loss before the update."""
        with restored(self.learner):
            loss = float(self.evaluate())
        self.learner.iteration(lr)
        return loss


class Averaged(Wrapping):
    """The same training, several batches to a rate: each iteration is ``batches`` updates, its loss their mean.

    Raises:
        RatesError: ``batches`` is below 1.
    """

    def __init__(self, learner: Learner[Any], batches: int) -> None:
        if batches < 1:
            message = f"batches is {batches!r}; a rate needs at least 1."
            raise RatesError(message)
        super().__init__(learner)
        self.batches = batches

    def iteration(self, lr: float) -> float:
        """Train on the next ``batches`` batches at ``lr``; the mean of their losses."""
        return sum(float(self.learner.iteration(lr)) for _ in range(self.batches)) / self.batches
