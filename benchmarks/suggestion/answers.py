"""The question to a finder, and its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orders import Orders
    from replayed import Replayed
    from task import Task, Training

BUDGET = 650  # iterations that a finder may spend by default, and that repeated rivals get


@dataclass(frozen=True)
class Case:
    """One task at one seed, for runs of ``horizon`` iterations.

    ``learner`` caches runs; it is at the start. A finder with its own loop calls ``training``.
    A rate is judged on ``orders`` of the batches where the set of tasks has them, otherwise on those of ``learner``.
    """

    task: Task
    seed: int
    horizon: int
    learner: Replayed
    orders: Orders | None = None

    @property
    def judge(self) -> Orders | Replayed:
        """Return the runs that a rate is judged on."""
        return self.learner if self.orders is None else self.orders

    def training(self, batches: int | None = None) -> Training:
        """Return the training setup at its start, with the batches of the horizon or with more."""
        return self.task.training(self.seed, self.horizon if batches is None else max(batches, self.horizon))


@dataclass(frozen=True)
class Answer:
    """A rate, or None for a refusal, with the iterations used; or the end of a run by a method that needs no rate.

    Attributes:
        lr: the rate, or None.
        steps: all iterations used.
        low: lower end of the interval, if the finder gives one.
        high: upper end.
        says: the reason why there is no rate, or notes.
        loss: mean loss of the last tenth of the horizon, for a method that trains the task itself.
        held_out: held-out loss at the end of that run.
    """

    lr: float | None
    steps: int
    low: float | None = None
    high: float | None = None
    says: str = ""
    loss: float | None = None
    held_out: float | None = None


Finder = Callable[[Case], Answer]
