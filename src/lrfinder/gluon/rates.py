"""The rate of a Gluon trainer, also of one with a scheduler attached, whose rate MXNet refuses to set."""

from __future__ import annotations

from typing import Any


class TrainerRate:
    """The rate of a trainer. Its scheduler is detached as soon as a rate is written; a restore attaches it again."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer

    def read(self) -> float:
        """Return the rate."""
        return self._trainer.learning_rate

    def write(self, lr: float) -> None:
        """Set the rate."""
        if lr != self.read():
            self.detach_schedule()
            self._trainer.set_learning_rate(lr)

    def detach_schedule(self) -> None:
        """Detach the scheduler of the trainer, if it has one."""
        self._trainer.optimizer.lr_scheduler = None
