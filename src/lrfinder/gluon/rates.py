"""The rates of Gluon trainers, also of those with a scheduler attached, whose rate MXNet refuses to set."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, cast

from lrfinder.analysis.ratios import STEPS, constant_ratios
from lrfinder.errors import OptimizerError
from lrfinder.gluon._framework import mx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class TrainerRates:
    """One rate for all trainers: the highest of theirs. The others keep the ratios that they have when this is created.

    A multiplier ``lr_mult`` of a parameter applies to every rate. A scheduler is detached, and a restore attaches it again.

    Args:
        trainers: the trainers by name.

    Raises:
        OptimizerError: the ratio between two of them changes, because their schedulers have different shapes.
    """

    def __init__(self, trainers: Mapping[str, Any]) -> None:
        self.trainers = dict(trainers)
        self.schedulers: set[str] = set()  # names of those that were detached
        several = len(trainers) > 1
        own = {name: _upcoming(trainer.optimizer) for name, trainer in trainers.items()} if several else {}
        self._ratios = constant_ratios(own) if several else dict.fromkeys(trainers, 1.0)

    def write(self, lr: float) -> None:
        """Set the rate of every trainer to its multiple of ``lr``."""
        for name, trainer in self.trainers.items():
            scheduler = trainer.optimizer.lr_scheduler
            if scheduler is not None:
                self.schedulers.add(type(scheduler).__name__)
                trainer.optimizer.lr_scheduler = None
            trainer.set_learning_rate(lr * self._ratios[name])

    def check_written(self, lr: float) -> None:
        """Refuse an iteration after which a trainer has another rate than the one that was written.

        Raises:
            OptimizerError: it names the trainer and what it has instead.
        """
        for name, trainer in self.trainers.items():
            scheduler, rate = trainer.optimizer.lr_scheduler, trainer.optimizer.lr
            written = lr * self._ratios[name]
            if scheduler is not None or not any(math.isclose(rate, one) for one in (lr, written)):
                found = f"the rate {rate:.4g}" if scheduler is None else f"a {type(scheduler).__name__} as its lr_scheduler"
                message = (
                    f"The learning rate does not stay: after an iteration {name} has {found}, and the rate {written:.4g} "
                    "was written. The iteration itself sets it; remove that line for the search."
                )
                raise OptimizerError(message)


def trainers_of(learner: object) -> dict[str, Any]:
    """Return the trainers that a learner has as attributes, or in lists and dictionaries there, by name."""
    return dict(_trainers(vars(learner)))


def _trainers(attributes: Mapping[str, object]) -> Iterator[tuple[str, Any]]:
    for name, value in attributes.items():
        if isinstance(value, mx.gluon.Trainer):
            yield name, value
        elif isinstance(value, list | tuple | dict):
            items: Any = value.items() if isinstance(value, dict) else enumerate(cast("Any", value))
            yield from ((f"{name}[{key!r}]", one) for key, one in items if isinstance(one, mx.gluon.Trainer))


def _upcoming(optimizer: Any) -> list[float]:
    """Return the rates at a few of the next updates; a copy of the scheduler gives them, as MXNet's count."""
    scheduler = copy.deepcopy(optimizer.lr_scheduler)
    now = optimizer.num_update + 1
    return [optimizer.lr if scheduler is None else float(scheduler(now + step)) for step in STEPS]
