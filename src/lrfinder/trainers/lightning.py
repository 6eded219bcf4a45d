"""PyTorch Lightning: a ``LightningModule`` with its ``Trainer`` as a learner, and the search as a callback.

::

    learner = LightningLearner(module, trainer, loader)  # or a LightningDataModule
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=1000)
    learner.set_rate(suggestion)
    trainer.fit(module, loader)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lrfinder import LRFinder
from lrfinder.errors import OptimizerError
from lrfinder.torch.schedules import set_rate
from lrfinder.trainers._framework import framework
from lrfinder.trainers._handover import hand_over
from lrfinder.trainers._lazy import Standing
from lrfinder.trainers._lightning_loop import (
    Callbacks,
    Module,
    Trainer,
    check,
    driven,
    held_by,
    make_ready,
    quieted,
    twin_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lrfinder._results.results import Suggestion
    from lrfinder.torch import TorchLearner
    from lrfinder.trainers._handover import Schedule

__all__ = ["QUIET", "LRFind", "LightningLearner", "StartRate", "at_the_start", "of_the_rest"]

pl = framework("lightning.pytorch", "lightning")
callbacks = pl.callbacks
LRSchedulerConfig = framework("lightning.pytorch.utilities.types", "lightning").LRSchedulerConfig

QUIET: Callbacks = (
    callbacks.Checkpoint,
    callbacks.OnExceptionCheckpoint,
    callbacks.EarlyStopping,
    callbacks.Timer,
    callbacks.SpikeDetection,
    callbacks.ProgressBar,
    callbacks.ModelSummary,
    callbacks.LearningRateMonitor,
    callbacks.DeviceStatsMonitor,
    callbacks.ThroughputMonitor,
    callbacks.BasePredictionWriter,
    callbacks.LearningRateFinder,
    callbacks.BatchSizeFinder,
)
"""Callbacks that watch a training and do not belong to it: they are left out of a search."""


class LightningLearner(Standing):
    """A ``LightningModule`` and a ``Trainer`` as a :class:`lrfinder.Learner`, before ``fit``.

    An iteration is the trainer's own: its strategy, precision, accumulation and clipping, the module's hooks, and the
    callbacks that belong to training. Loggers, and the callbacks of :data:`QUIET`, are left out; schedulers are made and not
    stepped. All of it happens in a copy of the trainer: the one given is not touched. When the learner is first asked for
    something, the copy makes ready as ``fit`` does at its start: ``setup``, ``configure_model`` and
    ``configure_optimizers`` of the module are called, and it goes to the trainer's device and precision, where it stays.

    Args:
        module: what is trained. With manual optimization, its ``training_step`` returns the loss.
        trainer: on one device.
        data: what ``fit`` takes: a loader, a collection of loaders, a ``LightningDataModule``, or None where the module
            has a ``train_dataloader``.
        quiet: further classes of callbacks to leave out.
        group: the parameter group whose rate is given; see :class:`lrfinder.torch.TorchLearner`.
        replay_bytes: how many bytes of batches may be kept for replay.

    Raises:
        LearnerError: module or trainer are none of Lightning's, or the trainer works on several devices.
    """

    def __init__(  # noqa: PLR0913  (one of them names the group)
        self,
        module: Module,
        trainer: Trainer,
        data: Any = None,
        *,
        quiet: Iterable[type] = (),
        group: str | int | None = None,
        replay_bytes: int = 1 << 30,
    ) -> None:
        check(module, trainer)
        self._trainer = trainer
        self._quiet = (*QUIET, *quiet)

        def stand_up() -> TorchLearner:
            twin = twin_of(trainer, module, data, self._quiet)
            with held_by(twin, module):
                make_ready(twin, module, data)
            return driven(twin, module, group, replay_bytes)

        super().__init__(stand_up, module, data)

    def set_rate(self, rate: Suggestion | float, *, schedule: Schedule = set_rate) -> None:
        """Let the next ``fit`` of the trainer begin at the rate: a callback :class:`StartRate` is added to it.

        Args:
            rate: a suggestion, or a rate.
            schedule: called with optimizer and rate when ``fit`` begins: one of :mod:`lrfinder.torch.schedules`, its other
                arguments bound. The scheduler that it gives takes the place of the module's, stepped each iteration.

        Raises:
            RatesError: there is no rate above 0.
        """
        callback = StartRate(rate, schedule=schedule)
        others = [one for one in self._trainer.callbacks if not isinstance(one, StartRate)]
        self._trainer.callbacks = [callback, *others]


class StartRate(pl.Callback):
    """Hands a rate over to the optimizer when ``fit`` begins, not where it goes on from a checkpoint.

    Raises:
        RatesError: there is no rate above 0.
    """

    def __init__(self, rate: Suggestion | float, *, schedule: Schedule = set_rate) -> None:
        set_rate(torch.optim.SGD([torch.zeros(1)], lr=1.0), rate)  # raises now where it would when fit begins
        self.rate = rate
        self.schedule = schedule

    def on_train_start(self, trainer: Trainer, pl_module: Module) -> None:  # noqa: ARG002  (Lightning's)
        """Hand the rate over."""
        if trainer.ckpt_path is None:
            _hand_over(trainer, self.rate, self.schedule)


def at_the_start(trainer: Trainer) -> bool:
    """Before the first iteration of a fit."""
    return trainer.global_step == 0


def of_the_rest(finder: LRFinder, trainer: Trainer) -> Suggestion:
    """A rate for what is left of the fit; for 300 iterations where its length is not known."""
    steps = trainer.estimated_stepping_batches
    left = steps - trainer.global_step if steps not in (-1, float("inf")) else 300
    return finder.suggest(horizon=max(1, int(left)))


class LRFind(pl.Callback):
    """Searches inside ``fit``, hands the rate over to the optimizer, and lets ``fit`` go on::

        trainer = Trainer(callbacks=[LRFind(when=lambda trainer: trainer.global_step in {0, 5000})])

    The search trains on batches of its own pass through the training data; weights, optimizer, loops, callbacks and random
    numbers are then what they were, and ``fit`` goes on with the batch that it had. Where there is no rate, the optimizer
    keeps its own; :attr:`suggestions` tell why.

    Args:
        search: called with an :class:`lrfinder.LRFinder` and the trainer; gives the suggestion.
        when: asked before each batch.
        schedule: as in :meth:`LightningLearner.set_rate`.
        quiet: further classes of callbacks to leave out of the search.

    Attributes:
        suggestions: what was found, one for each search.
    """

    def __init__(
        self,
        search: Callable[[LRFinder, Trainer], Suggestion] = of_the_rest,
        *,
        when: Callable[[Trainer], bool] = at_the_start,
        schedule: Schedule = set_rate,
        quiet: Iterable[type] = (),
    ) -> None:
        self.search = search
        self.when = when
        self.schedule = schedule
        self.quiet = (*QUIET, LRFind, *quiet)
        self.suggestions: list[Suggestion] = []
        self._asked_at = -1

    def on_train_batch_start(self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int) -> None:  # noqa: ARG002  (Lightning's signature)
        """Search where it is time, once an update."""
        if self._asked_at == trainer.global_step or not self.when(trainer):
            return
        self._asked_at = trainer.global_step
        check(pl_module, trainer)
        with quieted(trainer, self.quiet):
            learner = driven(trainer, pl_module, None, 1 << 30)
            try:
                suggestion = self.search(LRFinder(learner), trainer)
            finally:
                learner.close()
        self.suggestions.append(suggestion)
        if suggestion.lr is not None:
            _hand_over(trainer, suggestion, self.schedule)


def _hand_over(trainer: Trainer, rate: Suggestion | float, schedule: Schedule) -> None:
    before = [config.scheduler for config in trainer.strategy.lr_scheduler_configs]
    if len(trainer.optimizers) != 1:
        message = f"The module has {len(trainer.optimizers)} optimizers; set the rates in its configure_optimizers()."
        raise OptimizerError(message)
    made = hand_over(trainer.optimizers[0], before, rate, schedule=schedule)
    if made is not None:
        trainer.strategy.lr_scheduler_configs = [LRSchedulerConfig(made, interval="step")]
