"""The finder's own cost, in µs: over a learner that does nothing, and of the PyTorch learner over the same steps by hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import lrfinder
from finders import Training, bare
from lrfinder.torch import TorchLearner
from spread import table, told
from tasks import TASKS, Task

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS = 100_000
ROUNDS = 15
BLOCK = 400  # iterations that are timed in one go


class Nothing:
    """A learner that does nothing."""

    def iteration(self, lr: float) -> float:
        """The same loss each time."""
        del lr
        return 1.0

    def snapshot(self) -> None:
        """Nothing."""

    def restore(self, state: None) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def section() -> str:
    """Two tables."""
    return _of_records() + "\n" + _of_the_learner()


def _of_records() -> str:
    lrs = [1e-6] * RECORDS
    learner = Nothing()

    def alone() -> None:
        for lr in lrs:
            learner.iteration(lr)

    def found() -> None:
        lrfinder.LRFinder(learner).find(rates=lrs, max_iterations=RECORDS)

    pairs = [(_seconds(found), _seconds(alone)) for _ in range(ROUNDS)]
    over = [1e6 * (one - other) / RECORDS for one, other in pairs]
    return table(["a learner that does nothing", "µs a record"], [["`find` of 100,000 records", told(over)]])


def _of_the_learner() -> str:
    task = TASKS["MLP, batch 64"]._replace(iterations=BLOCK)
    rows = [
        ["a list of batches", told(_over(task, lambda of: list(of.loader)), 1)],
        ["a loader of batches in memory", told(_over(task, lambda of: of.loader), 1)],
    ]
    return table(["the MLP's step, over the same by hand on the same data", "µs an iteration"], rows)


def _over(task: Task, data: Callable[[Training], Any]) -> list[float]:
    found, other = Training(task), Training(task)
    found.loader, other.loader = data(found), data(other)
    finder = lrfinder.LRFinder(TorchLearner(found.model, found.optimizer, found.loss_fn, found.loader))
    over = []
    for _ in range(ROUNDS):
        one = _seconds(lambda: finder.find(rates=found.rates()))
        over.append(1e6 * (one - _seconds(lambda: bare(other))) / BLOCK)
    return over


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
