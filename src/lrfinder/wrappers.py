"""Learners that wrap a learner, and the mean loss over data for validation."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any, SupportsFloat

from lrfinder._arguments import function, whole
from lrfinder._state.data_calls import Calls, batches_from
from lrfinder._state.data_passes import is_iterated_once
from lrfinder.errors import DataError, EmptyDataError, LearnerError
from lrfinder.learner import BaseLearner, adapted, require_methods, restored
from lrfinder.randomness import States, capture, restore_states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from lrfinder._results.facts import TrainingFacts
    from lrfinder._state.data_passes import Generators
    from lrfinder.learner import Learner


class Wrapper(BaseLearner):
    """A learner that forwards to another; subclasses change ``iteration``.

    ``iterations``, ``trainings`` and ``untrained`` are not forwarded: they would skip the changed ``iteration``. Neither is
    ``trim``: what a subclass adds may read gradients.
    """

    def __init__(self, learner: Learner[Any]) -> None:
        require_methods(learner)
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

    def applied_rate(self, lr: float) -> float:
        """Return the rate that the inner learner uses."""
        return self._full.applied_rate(lr)

    def mean_over_ranks(self, loss: float) -> float:
        """Return the mean of a loss over the processes of the inner learner."""
        return self._full.mean_over_ranks(loss)

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

    For example::

        validated = Validated(learner, mean_loss(model, loss_fn, held_out))
        validated.find(max_iterations=50)

    Args:
        learner: the learner that trains.
        evaluate: returns the validation loss of the current model: ``mean_loss(...)`` of a framework's package, such as
            :func:`lrfinder.torch.mean_loss`, or a function of your own. It is called before each update, so that it is the
            loss before the update, as in any record. What it changes (modes, random numbers, BatchNorm statistics) is
            restored, which costs one snapshot per iteration. Where several processes train together, its losses are
            averaged over them, so that all see the same curve.
    """

    def __init__(self, learner: Learner[Any], evaluate: Callable[[], SupportsFloat]) -> None:
        function("evaluate", evaluate, "evaluate() -> loss", LearnerError)
        super().__init__(learner)
        self.evaluate = evaluate

    def iteration(self, lr: float) -> float:
        """Evaluate, then train on the next batch at ``lr``; return the validation loss before the update."""
        with restored(self.learner):
            loss = self.mean_over_ranks(float(self.evaluate()))
        self.learner.iteration(lr)
        return loss


class Averaged(Wrapper):
    """The same training with several batches per rate: one iteration is ``batches`` updates, its loss their mean.

    For example::

        Averaged(learner, 4).suggest(horizon=300)

    Raises:
        RatesError: ``batches`` is below 1.
    """

    def __init__(self, learner: Learner[Any], batches: int) -> None:
        super().__init__(learner)
        self.batches = whole("batches", batches, 1, "it is the number of batches at each rate")

    def iteration(self, lr: float) -> float:
        """Train on the next ``batches`` batches at ``lr``; return the mean of their losses."""
        return sum(float(self.learner.iteration(lr)) for _ in range(self.batches)) / self.batches

    def iterations(self, lrs: Sequence[float]) -> Iterable[float] | None:
        """Train at each rate with the inner learner's own ``iterations``, where it has one."""
        losses = self._full.iterations([lr for lr in lrs for _ in range(self.batches)])
        return None if losses is None else self._means(iter(losses), len(lrs))

    def untrained(self, count: int) -> Iterable[float] | None:
        """Return the means of the losses of ``count`` times ``batches`` batches, where the inner learner can give these."""
        losses = self._full.untrained(count * self.batches)
        return None if losses is None else self._means(iter(losses), count)

    def trim(self) -> None:
        """Let the inner learner release what its next iteration replaces."""
        self._full.trim()

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


class MeanLoss:
    """A function that returns the mean loss of the examples in data; each framework has a ``mean_loss`` that builds one.

    Every call reads the same batches: it starts from the states of the random generators that the first call found. Each
    batch counts by its number of examples, so that a smaller last one counts less. Afterwards the generators are as they
    were, also after an exception.

    Args:
        loss_of: returns the mean loss of a batch, and its number of examples.
        data: batches, which can be iterated again and again.
        batches: how many to read, from the first one on; all by default.
        generators: returns every generator that reading the data may use.
        evaluating: the context in which all batches of a call are read and computed.

    Raises:
        DataError: the data can be iterated only once, or not at all, or ``batches`` is below 1.
    """

    def __init__(
        self,
        loss_of: Callable[[Any], tuple[float, int]],
        data: Iterable[Any],
        batches: int | None,
        *,
        generators: Generators,
        evaluating: Callable[[], AbstractContextManager[object]],
    ) -> None:
        data = batches_from(data)
        _check(data, batches)
        self._loss_of, self._data, self._batches = loss_of, data, batches
        self._generators, self._evaluating = generators, evaluating
        self._opening: States | None = None

    def __call__(self) -> float:
        """Return the mean loss.

        Raises:
            EmptyDataError: the data hold no batch.
        """
        before = capture(self._generators())
        if self._opening is None:
            self._opening = before
        restore_states(self._opening)
        try:
            with self._evaluating():
                return self._mean()
        finally:
            restore_states(before)

    def _mean(self) -> float:
        losses = [self._loss_of(batch) for batch in islice(self._data, self._batches)]
        examples = sum(count for _, count in losses)
        if not examples:
            message = "The data for the validation loss hold no batch; give a loader or a list that holds at least one."
            raise EmptyDataError(message)
        return math.fsum(loss * (count / examples) for loss, count in losses)


def _check(data: Iterable[Any], batches: int | None) -> None:
    if batches is not None and batches < 1:
        message = f"batches is {batches!r}; a validation loss needs at least 1 batch, or None for all."
        raise DataError(message)
    if isinstance(data, Calls) and batches is None:
        message = "The data for the validation loss are a function, which has no end; give a number of batches: batches=10."
        raise DataError(message)
    if is_iterated_once(data) or not (hasattr(data, "__iter__") or hasattr(data, "__getitem__")):
        message = (
            f"The data for the validation loss are of type {type(data).__name__}, which cannot be read at every rate; "
            "give a DataLoader or a list of batches."
        )
        raise DataError(message)
