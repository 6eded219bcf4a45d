"""PyTorch Lightning: a ``LightningModule`` with its ``Trainer`` as a learner, and the search as a callback."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from lrfinder import LRFinder
from lrfinder._arguments.other_names import names_explained
from lrfinder._optional import require
from lrfinder._search.horizon import LEAST_HORIZON
from lrfinder.errors import LearnerError, OptimizerError
from lrfinder.schedules import rate_of
from lrfinder.torch._scheduler_base import highest_to_come
from lrfinder.torch.rates import inner_optimizer
from lrfinder.torch.schedules import set_rate
from lrfinder.trainers._learner import LazyLearner, apply_rate
from lrfinder.trainers._lightning_loop import (
    Module,
    Trainer,
    attached,
    check,
    copy_of,
    learner_of,
    prepare,
    quieted,
    schedulers_of,
    touched,
    wrappers_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lrfinder._results.results import Suggestion
    from lrfinder.schedules import RateLike
    from lrfinder.torch import TorchLearner
    from lrfinder.trainers._learner import Callbacks, MakeScheduler

__all__ = ["QUIET", "LRFind", "LightningLearner", "StartRate", "at_start", "for_remaining_steps"]

pl = require("lightning.pytorch", "lightning")
callbacks = pl.callbacks
parsing = pl.utilities.parsing

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
"""Callbacks that watch a training and do not belong to it. A search leaves them out."""

_UNKNOWN_LENGTH = (-1, float("inf"))  # of a fit, in Lightning's estimated_stepping_batches
_USUAL_HORIZON = 300  # iterations


class LightningLearner(LazyLearner):
    """A ``LightningModule`` and a ``Trainer`` as a :class:`lrfinder.Learner`, before ``fit``.

    For example::

        learner = LightningLearner(module, trainer, loader)
        suggestion = learner.suggest(horizon=3000)
        learner.set_rate(suggestion)
        trainer.fit(module, loader)

    An iteration is the trainer's own: its strategy, precision, accumulation and clipping, the hooks of the module, and the
    callbacks that belong to training. A search leaves out loggers and the callbacks of :data:`QUIET`; schedulers are created
    but not stepped.

    All of this happens in a copy of the trainer, so that yours does not change. At the first use of the learner the copy
    begins as ``fit`` does, up to its first batch: it calls hooks such as ``setup`` and ``configure_model``, and moves the
    module to the trainer's device and precision. The end of the search undoes that.

    Args:
        module: the module to train. With manual optimization, its ``training_step`` returns the loss.
        trainer: the trainer, on one device; or with ``strategy="ddp"``, in each of the processes that ``torchrun`` started.
            All of these need the learner, and the same calls.
        data: as for ``fit``: a loader, a collection of loaders, a ``LightningDataModule``, or None where the module has a
            ``train_dataloader``.
        quiet: further classes of callbacks to leave out.
        group: the parameter group whose rate is given; see :class:`lrfinder.torch.TorchLearner`.
        replay_bytes: the memory for batches that are stored for replay.
        rank_timeout: seconds within which a fault of one process ends the search on all; see
            :class:`lrfinder.torch.TorchLearner`.

    Raises:
        LearnerError: module or trainer is not one of Lightning's, or the trainer works on several devices with another
            strategy, or starts its processes in ``fit``: there, use :class:`LRFind`.
    """

    @names_explained
    def __init__(  # noqa: PLR0913  (one of them names the group)
        self,
        module: Module,
        trainer: Trainer,
        data: Any = None,
        *,
        quiet: Iterable[type] = (),
        group: str | int | None = None,
        replay_bytes: int = 1 << 30,
        rank_timeout: float = 600.0,
    ) -> None:
        check(module, trainer)
        self._module, self._trainer = module, trainer
        all_quiet = (*QUIET, *quiet)

        def prepared() -> TorchLearner:
            copied = copy_of(trainer, module, data, all_quiet)
            with attached(copied, module):
                self.schedulers = prepare(copied, module, data, all_quiet, rank_timeout)
            self.wrappers = wrappers_of(copied)
            return learner_of(copied, module, rank_timeout, group=group, replay_bytes=replay_bytes)

        super().__init__(prepared, partial(touched, trainer, module, data))

    @property
    def rank(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The number of this process among those that train together."""
        return self._trainer.global_rank

    @property
    def ranks(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The number of processes that train together."""
        return self._trainer.world_size

    def suggest(self, *args: Any, attr_name: str | None = None, **kwargs: Any) -> Suggestion:
        """Search for the best rate; see :meth:`lrfinder.LRFinder.suggest`.

        Args:
            args: those of :meth:`lrfinder.LRFinder.suggest`.
            attr_name: the attribute of the module, or the entry of its ``hparams``, that holds the rate. It gets the
                suggested rate, in both places where both have it, so that ``configure_optimizers`` uses it and checkpoints
                contain it. Without a rate it stays as it is.
            kwargs: those of :meth:`lrfinder.LRFinder.suggest`.

        Raises:
            LearnerError: neither the module nor its ``hparams`` have that attribute.
        """
        if attr_name is not None and not parsing.lightning_hasattr(self._module, attr_name):
            message = (
                f"attr_name={attr_name!r} is neither an attribute of {type(self._module).__name__} nor in its hparams, "
                f"which are {list(self._module.hparams)}; store the rate there: self.lr = lr, or save_hyperparameters()."
            )
            raise LearnerError(message)
        suggestion = super().suggest(*args, **kwargs)
        if attr_name is not None and suggestion.lr is not None:
            parsing.lightning_setattr(self._module, attr_name, suggestion.lr)
        return suggestion

    def set_rate(self, rate: RateLike, *, schedule: MakeScheduler = set_rate) -> None:
        """Let the next ``fit`` of the trainer begin at the rate, by a callback :class:`StartRate`.

        ``schedule`` takes optimizer and rate when ``fit`` begins: a function of :mod:`lrfinder.torch.schedules`, its other
        arguments bound. Its scheduler replaces that of the module and is stepped each iteration.

        Several optimizers keep the ratios of their rates.

        Raises:
            RatesError: there is no rate above 0.
            OptimizerError: ``schedule`` is given, and the module steps its optimizers and schedulers itself.
        """
        check_schedule(self._module, schedule)
        others = [one for one in self._trainer.callbacks if not isinstance(one, StartRate)]
        self._trainer.callbacks = [StartRate(rate, schedule=schedule), *others]


class StartRate(pl.Callback):
    """A callback that applies a rate to the optimizer when ``fit`` begins, unless ``fit`` resumes a checkpoint.

    Raises:
        RatesError: there is no rate above 0.
    """

    def __init__(self, rate: RateLike, *, schedule: MakeScheduler = set_rate) -> None:
        rate_of(rate)  # raises now what would be raised when fit begins
        self.rate = rate
        self.schedule = schedule

    def on_train_start(self, trainer: Trainer, pl_module: Module) -> None:  # noqa: ARG002  (Lightning's signature)
        """Apply the rate."""
        if trainer.ckpt_path is None:
            _apply_rate(trainer, self.rate, self.schedule)


def at_start(trainer: Trainer) -> bool:
    """Return True before the first update of a fit."""
    return trainer.global_step == 0


def for_remaining_steps(finder: LRFinder, trainer: Trainer) -> Suggestion:
    """Suggest a rate for the rest of the fit; for 300 iterations where its length is unknown."""
    steps = trainer.estimated_stepping_batches
    remaining = _USUAL_HORIZON if steps in _UNKNOWN_LENGTH else int(steps) - trainer.global_step
    return finder.suggest(horizon=max(LEAST_HORIZON, remaining))


class LRFind(pl.Callback):
    """A callback that searches inside ``fit``, applies the rate to the optimizer, and lets ``fit`` continue::

        find = LRFind(when=lambda trainer: trainer.global_step in {0, 5000})
        trainer = Trainer(callbacks=[find])

    The search trains on batches of its own pass through the training data. After it, weights, optimizer, loops, callbacks
    and random numbers are restored, and ``fit`` continues with the batch that it had. If the search finds no rate, the
    optimizer keeps its own; :attr:`suggestions` give the reason. With ``strategy="ddp"``, every process searches, with the
    same result.

    Args:
        search: called with an :class:`lrfinder.LRFinder` and the trainer; returns the suggestion.
        when: called with the trainer before each update; returns True where to search.
        schedule: as in :meth:`LightningLearner.set_rate`.
        quiet: further classes of callbacks to leave out of the search.
        rank_timeout: as for :class:`LightningLearner`.

    Attributes:
        suggestions: the result of each search; with ``ddp_spawn`` or ``ddp_fork``, in the processes of ``fit`` alone.
    """

    def __init__(
        self,
        search: Callable[[LRFinder, Trainer], Suggestion] = for_remaining_steps,
        *,
        when: Callable[[Trainer], bool] = at_start,
        schedule: MakeScheduler = set_rate,
        quiet: Iterable[type] = (),
        rank_timeout: float = 600.0,
    ) -> None:
        self.search = search
        self.rank_timeout = rank_timeout
        self.when = when
        self.schedule = schedule
        self.quiet = (*QUIET, LRFind, *quiet)
        self.suggestions: list[Suggestion] = []
        self._last_step = -1

    def on_train_batch_start(self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int) -> None:  # noqa: ARG002  (Lightning's signature)
        """Search where it is time, at most once per update."""
        if self._last_step == trainer.global_step or not self.when(trainer):
            return
        self._last_step = trainer.global_step
        check(pl_module, trainer)
        check_schedule(pl_module, self.schedule)
        with quieted(trainer, self.quiet), closing(learner_of(trainer, pl_module, self.rank_timeout)) as learner:
            suggestion = self.search(LRFinder(learner), trainer)
        self.suggestions.append(suggestion)
        if suggestion.lr is not None:
            _apply_rate(trainer, suggestion, self.schedule)


def check_schedule(module: Module, schedule: MakeScheduler) -> None:
    """Refuse a schedule that Lightning would not step: under manual optimization, the module steps its schedulers."""
    if schedule is not set_rate and not module.automatic_optimization:
        message = (
            f"{type(module).__name__} optimizes manually and steps its own schedulers, so Lightning would not step the one "
            "of schedule=; leave schedule= out, and the rate applies to its optimizers and schedulers."
        )
        raise OptimizerError(message)


def _apply_rate(trainer: Trainer, rate: RateLike, schedule: MakeScheduler) -> None:
    check_schedule(trainer.lightning_module, schedule)
    parts = [
        (one, [by for by in schedulers_of(trainer) if inner_optimizer(by.optimizer) is one]) for one in trainer.optimizers
    ]
    highest = [highest_to_come(optimizer, own) for optimizer, own in parts]
    for (optimizer, own), reached in zip(parts, highest, strict=True):
        part = reached / max(highest) if max(highest) > 0 else 1.0
        scheduler = apply_rate(optimizer, own, rate if part == 1 else rate_of(rate) * part, schedule)
        if scheduler is not None:
            trainer.strategy.lr_scheduler_configs = [pl.utilities.types.LRSchedulerConfig(scheduler, interval="step")]
