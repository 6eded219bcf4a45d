"""Learners that wrap a learner."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, SupportsFloat

from lrfinder.errors import RatesError
from lrfinder.learner import BaseLearner, adapted, restored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lrfinder._results.facts import TrainingFacts
    from lrfinder.learner import Learner


class Wrapper(BaseLearner):
    """A learner that forwards to another; subclasses change ``iteration``.

    ``iterations`` and ``trainings`` are not forwarded: they would skip the changed ``iteration``.
    """

    def __init__(self, learner: Learner[Any]) -> None:
        self.learner = learner
        self._full: BaseLearner = adapted(learner)

    @property
    def rank(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The rank of the inner learner."""
        return self._full.rank

    @property
    def ranks(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The number of processes that train the inner learner together."""
        return self._full.ranks

    def iteration(self, lr: float) -> SupportsFloat:
        """Run one iteration of the inner learner."""
        return self.learner.iteration(lr)

    def snapshot(self) -> object:
        """Return the state of the inner learner."""
        return self.learner.snapshot()

    def restore(self, state: object) -> None:
        """Restore the inner learner."""
        self.learner.restore(state)

    def iterations_per_epoch(self) -> float | None:
        """Return the iterations of one pass over the data of the inner learner."""
        return self._full.iterations_per_epoch()

    def observe(self) -> Mapping[str, object]:
        """Return what can be compared of the inner learner."""
        return self._full.observe()

    def unrestored(self) -> Mapping[str, object]:
        """Return what a restore of the inner learner leaves as it is."""
        return self._full.unrestored()

    def facts(self) -> TrainingFacts | None:
        """Return what the inner learner knows about its training."""
        return self._full.facts()

    def scheduler_note(self) -> str | None:
        """Return the remark of the inner learner on its scheduler."""
        return self._full.scheduler_note()

    def parts(self) -> Iterable[object]:
        """Return the inner learner and what it trains."""
        return [self.learner, *self._full.parts()]

    def block_ended(self, state: object) -> None:
        """Let the inner learner undo what it set up for the block."""
        self._full.block_ended(state)

    def close(self) -> None:
        """Close the inner learner."""
        self.learner.close()


class Validated(Wrapper):
    """The same training with a validation loss for its curve.

    Args:
        learner: the learner that trains.
        evaluate: returns the validation loss of the current model; called before each update, so that it is the loss before
            the update, as in any record. What it changes (modes, random numbers, BatchNorm statistics) is restored, which
            costs one snapshot per iteration.
    """

    def __init__(self, learner: Learner[Any], evaluate: Callable[[], SupportsFloat]) -> None:
        super().__init__(learner)
        self.evaluate = evaluate

    def iteration(self, lr: float) -> float:
        """Evaluate, then train on the next batch at ``lr``; return the validation loss before the update."""
        with restored(self.learner):
            loss = float(self.evaluate())
        self.learner.iteration(lr)
        return loss


class Averaged(Wrapper):
    """The same training with several batches per rate: one iteration is ``batches`` updates, its loss their mean.

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
        """Train on the next ``batches`` batches at ``lr``; return the mean of their losses."""
        return sum(float(self.learner.iteration(lr)) for _ in range(self.batches)) / self.batches

    def iterations(self, lrs: Sequence[float]) -> Iterable[float] | None:
        """Train at each rate with the inner learner's own ``iterations``, where it has one."""
        losses = self._full.iterations([lr for lr in lrs for _ in range(self.batches)])
        return None if losses is None else self._means(iter(losses), len(lrs))

    def iterations_per_epoch(self) -> float | None:
        """Return how many iterations, of ``batches`` updates each, one pass over the data takes."""
        updates = super().iterations_per_epoch()
        return None if updates is None else updates / self.batches

    def _means(self, losses: Iterator[SupportsFloat], count: int) -> Iterator[float]:
        for _ in range(count):
            group = [float(loss) for loss in islice(losses, self.batches)]
            if len(group) < self.batches:
                return
            yield sum(group) / self.batches
