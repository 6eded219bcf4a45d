"""The rate of a Gluon trainer, also of one with a scheduler attached, whose rate MXNet refuses to set."""

from __future__ import annotations

from typing import Any


def write_rate(trainer: Any, lr: float) -> None:
    """Set the rate; a scheduler is detached, and a restore attaches it again."""
    if lr != trainer.learning_rate:
        detach_schedule(trainer)
        trainer.set_learning_rate(lr)


def detach_schedule(trainer: Any) -> None:
    """Detach the scheduler of the trainer, if it has one."""
    trainer.optimizer.lr_scheduler = None
