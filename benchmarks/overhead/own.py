"""The finder's own cost in µs: for a learner that does nothing, and for the PyTorch learner over the same steps by hand."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
from finders import Training, steps
from spread import format_median, table
from tasks import TASKS

import lrfinder
from lrfinder import replay
from lrfinder.torch import TorchLearner, learner
from lrfinder.torch._training_state import TrainingState

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS = 100_000
ROUNDS = 9
PAIRS, CHUNK = 700, 3  # many short turns, most of which end before the machine does something else


class Nothing:
    """Learner that does nothing."""

    def iteration(self, lr: float) -> float:
        """Return a constant loss."""
        del lr
        return 1.0

    def snapshot(self) -> None:
        """Do nothing."""

    def restore(self, state: None) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def section() -> str:
    """Measure and return the three tables."""
    return _of_records() + "\n" + _of_the_learner() + "\n" + _left_out()


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
    return table(["a learner that does nothing", "µs per record"], [["`find` of 100,000 records", format_median(over)]])


def _of_the_learner() -> str:
    rows = [
        ["a list of batches", *_over(lambda of: list(of.loader))],
        ["a loader of batches in memory", *_over(lambda of: of.loader)],
    ]
    head = [
        "`iteration` of the MLP's step, and the same by hand",
        "by hand, µs",
        "`iteration`, µs more",
        "in the quietest tenth",
    ]
    return table(head, rows)


def _left_out() -> str:
    """Measure iterations without one of their parts each; they could no longer be restored."""
    parts = {
        "the copy of the batch": [(learner, "to_device", lambda batch, device: batch)],  # noqa: ARG005  (device: a keyword)
        "the looks at the generators": [(TrainingState, "generators", lambda _: ())],
        "storing the batch": [(replay._Streamed, "_store", lambda *_: None)],  # noqa: SLF001  (to leave it out)
    }
    rows = []
    for what, patches in parts.items():
        with ExitStack() as stack:
            for where, name, instead in patches:
                stack.enter_context(mock.patch.object(where, name, instead))
            rows.append([what, *_over(lambda of: of.loader)[1:]])
    return table(
        ["a loader of batches in memory, leaving out", "`iteration`, µs more than by hand", "in the quietest tenth"], rows
    )


def _over(data: Callable[[Training], Any]) -> list[str]:
    found, other = Training(TASKS["MLP, batch 64"]), Training(TASKS["MLP, batch 64"])
    found.loader, other.loader = data(found), data(other)
    trained = TorchLearner(found.model, found.optimizer, found.loss_fn, found.loader)
    before = trained.snapshot()  # as in a sweep: batches are stored for as long as it exists
    by_hand = steps(other)
    pairs = []
    for _ in range(PAIRS):
        one = _seconds(lambda: [float(trained.iteration(1e-8)) for _ in range(CHUNK)])
        pairs.append((one, _seconds(lambda: [next(by_hand) for _ in range(CHUNK)])))
    del before
    ours, hand = (np.array(column[100:]) * 1e6 / CHUNK for column in zip(*pairs, strict=True))
    quietest = f"{np.quantile(ours, 0.1) - np.quantile(hand, 0.1):.1f} of {np.quantile(hand, 0.1):.0f}"
    return [f"{np.median(hand):.0f}", format_median((ours - hand).tolist(), 1), quietest]


def _seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start
