"""What a finder is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replayed import Replayed
    from task import Task, Training

BUDGET = 650  # iterations that a finder may spend by default, and that the repeated rivals are given


@dataclass(frozen=True)
class Case:
    """One task at one seed, to be trained for ``horizon`` iterations.

    ``learner`` remembers trainings; it stands at the start. A finder that brings its own loop asks for ``training``.
    """

    task: Task
    seed: int
    horizon: int
    learner: Replayed

    def training(self, batches: int | None = None) -> Training:
        """The training at its start, with the batches of the horizon, or with more."""
        return self.task.training(self.seed, self.horizon if batches is None else max(batches, self.horizon))


@dataclass(frozen=True)
class Answer:
    """A rate, or None for a refusal, and how many iterations it took; or a training that was made without a rate.

    Attributes:
        lr: the rate; None where there is none.
        steps: iterations used, all of them.
        low: lower end of the interval, if the finder gives one.
        high: upper end.
        says: why there is no rate, or what is worth knowing.
        loss: mean loss of the last tenth of the horizon, of a method that trains the task itself.
        held_out: held-out loss at the end of that training.
    """

    lr: float | None
    steps: int
    low: float | None = None
    high: float | None = None
    says: str = ""
    loss: float | None = None
    held_out: float | None = None


Finder = Callable[[Case], Answer]
