"""PyTorch Lightning: a ``LightningModule`` with its ``Trainer`` as a learner, and the search as a callback.

::

    learner = LightningLearner(module, trainer, loader)  # or a LightningDataModule
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=1000)
    learner.set_rate(suggestion)
    trainer.fit(module, loader)
"""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.utils._pytree import tree_leaves, tree_map

from lrfinder import LRFinder
from lrfinder.errors import LearnerError, LossError, OptimizerError
from lrfinder.torch import TorchLearner
from lrfinder.torch.batches import own_source
from lrfinder.torch.schedules import set_rate
from lrfinder.trainers.framework import framework
from lrfinder.trainers.handing import hand_over
from lrfinder.trainers.standing import Grouped, Standing, loss_in, objects_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from torch import Tensor

    from lrfinder.records import Suggestion
    from lrfinder.trainers.handing import Schedule

pl = framework("lightning.pytorch", "lightning")
callbacks = pl.callbacks
DummyLogger = framework("lightning.pytorch.loggers.logger", "lightning").DummyLogger
PassThroughProfiler = framework("lightning.pytorch.profilers", "lightning").PassThroughProfiler
fetchers = framework("lightning.pytorch.loops.fetchers", "lightning")
call = framework("lightning.pytorch.trainer.call", "lightning")
data_connector = framework("lightning.pytorch.trainer.connectors.data_connector", "lightning")
TrainerFn = framework("lightning.pytorch.trainer.states", "lightning").TrainerFn
CombinedLoader = framework("lightning.pytorch.utilities", "lightning").CombinedLoader
LRSchedulerConfig = framework("lightning.pytorch.utilities.types", "lightning").LRSchedulerConfig

Trainer = Any  # a lightning.pytorch.Trainer
Module = Any  # a lightning.pytorch.LightningModule
Callbacks = tuple[type, ...]

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
        _check(module, trainer)
        self._trainer = trainer
        self._quiet = (*QUIET, *quiet)

        def stand_up() -> TorchLearner:
            twin = _twin(trainer, module, data, self._quiet)
            with _held_by(twin, module):
                _make_ready(twin, module, data)
            return _driven(twin, module, group, replay_bytes)

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
        if trainer.global_step == 0:
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
        _check(pl_module, trainer)
        with _quiet(trainer, self.quiet):
            learner = _driven(trainer, pl_module, None, 1 << 30)
            try:
                suggestion = self.search(LRFinder(learner), trainer)
            finally:
                learner.close()
        self.suggestions.append(suggestion)
        if suggestion.lr is not None:
            _hand_over(trainer, suggestion, self.schedule)


class _Ear(pl.Callback):
    """Hears what the training step gave."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002  (as above)
        """Keep the loss; Lightning has divided it by the number of batches to an update."""
        self.losses.append(loss_in(outputs, "training_step"))


class _Fetcher:
    """Gives Lightning's loop the batches that it is told to train on."""

    def __init__(self) -> None:
        self.batch: Any = None
        self.done = False

    def __next__(self) -> tuple[Any, int, int]:
        return self.batch, 0, 0


class _Batches:
    """The batches of several loaders, without the places that Lightning's collection of them tells."""

    def __init__(self, loaders: Any) -> None:
        self.iterables: Any = tree_map(own_source, loaders.iterables)
        self.mode: Any = loaders._mode
        self.flattened = tree_leaves(self.iterables)  # where their random numbers are looked for

    def __iter__(self) -> Iterator[Any]:
        return (batch for batch, _, _ in CombinedLoader(self.iterables, self.mode))


class _ReadyError(Exception):
    """Ends the ``fit`` of a copy where training would begin."""


def _check(module: Module, trainer: Trainer) -> None:
    for one, kind, name in ((module, pl.LightningModule, "LightningModule"), (trainer, pl.Trainer, "Trainer")):
        if not isinstance(one, kind):
            message = f"A {type(one).__module__}.{type(one).__name__} was given for a lightning.pytorch.{name}."
            raise LearnerError(message)
    devices = trainer.world_size
    if devices > 1:
        message = f"The trainer works on {devices} devices; search on one, with a batch {devices} times as large."
        raise LearnerError(message)


def _twin(trainer: Trainer, module: Module, data: Any, quiet: Callbacks) -> Trainer:
    """A copy of the trainer that shares nothing with it that a search could change."""
    parts = objects_of([trainer], "lightning")
    shared = [one for one in parts if isinstance(one, (*quiet, CombinedLoader, fetchers._DataFetcher))]
    shared += [cast("Any", one).instance for one in parts if isinstance(one, data_connector._DataLoaderSource)]
    shared += [module, data, trainer.datamodule, *module.parameters(), *trainer.loggers]
    shared += [*trainer.strategy.optimizers, *trainer.strategy.lr_scheduler_configs]
    memo: dict[int, Any] = {id(one): one for one in shared}
    memo[id(trainer.profiler)] = PassThroughProfiler()
    twin = copy.deepcopy(trainer, memo)
    _make_quiet(twin, quiet)
    return twin


def _make_quiet(trainer: Trainer, quiet: Callbacks) -> None:
    trainer.callbacks = [one for one in trainer.callbacks if not isinstance(one, quiet)]
    trainer.loggers = [DummyLogger()] if trainer.loggers else []  # a step may call self.logger
    trainer.strategy.lr_scheduler_configs = []


@contextmanager
def _quiet(trainer: Trainer, quiet: Callbacks) -> Generator[None]:
    before = trainer.callbacks, trainer.loggers, trainer.strategy.lr_scheduler_configs
    try:
        _make_quiet(trainer, quiet)
        yield
    finally:
        trainer.callbacks, trainer.loggers, trainer.strategy.lr_scheduler_configs = before


def _make_ready(twin: Trainer, module: Module, data: Any) -> None:
    """Run the copy's ``fit`` up to where it would train, and stay there."""
    loop = twin.fit_loop
    loop._combined_loader = loop._data_fetcher = None

    def begin() -> None:
        loaders = loop._data_source.dataloader()
        combined = isinstance(loaders, CombinedLoader)
        loop._combined_loader = loaders if combined else CombinedLoader(loaders, "max_size_cycle")
        loop.reset()
        for hook in ("on_train_start", "on_train_epoch_start"):
            call._call_callback_hooks(twin, hook)
            call._call_lightning_module_hook(twin, hook)
        raise _ReadyError

    twin._run_stage = begin
    twin.strategy._lightning_module = module
    twin.state.fn, twin.training = TrainerFn.FITTING, True
    by_module = isinstance(data, pl.LightningDataModule)
    try:
        twin._fit_impl(module, None if by_module else data, None, data if by_module else None)
    except _ReadyError:
        twin.strategy.lr_scheduler_configs = []
    finally:
        twin._signal_connector.teardown()


def _driven(trainer: Trainer, module: Module, group: str | int | None, replay_bytes: int) -> TorchLearner:
    """A learner that drives the loop of a trainer that is ready."""
    loop, size = trainer.fit_loop.epoch_loop, trainer.accumulate_grad_batches
    ear, fetcher = _Ear(), _Fetcher()
    trainer.callbacks = [*trainer.callbacks, ear]

    def step(batches: Sequence[Any]) -> Tensor:
        progress = loop.batch_progress.current
        progress.ready += -progress.ready % size  # an update begins here
        ear.losses.clear()
        with _held_by(trainer, module), torch.autograd.set_detect_anomaly(trainer._detect_anomaly):
            for k, batch in enumerate(batches, start=1):
                fetcher.batch, fetcher.done = batch, k == len(batches) < size  # where a pass ends, Lightning updates early
                try:
                    loop.advance(fetcher)
                except StopIteration:
                    message = "on_train_batch_start gave -1, which skips the batch; a search needs the loss of each."
                    raise LossError(message) from None
        return torch.stack(ear.losses).sum() * (size / len(batches))

    loaders: Any = trainer.train_dataloader
    several = isinstance(loaders, list | tuple | dict) or loaders is None
    data: Any = _Batches(trainer.fit_loop._combined_loader) if several else loaders
    return TorchLearner.from_step(
        step,
        Grouped(data, size),
        modules=[module],
        optimizers=trainer.optimizers,
        stateful=objects_of([trainer, *trainer.callbacks], "lightning"),
        group=group,
        replay_bytes=replay_bytes,
    )


@contextmanager
def _held_by(trainer: Trainer, module: Module) -> Generator[None]:
    """The module's ``trainer`` is the one that trains it now, and then again that of before."""
    holders = [one for one in module.modules() if isinstance(one, pl.LightningModule)]
    before = [one._trainer for one in holders]
    module.trainer = trainer
    try:
        yield
    finally:
        for one, held in zip(holders, before, strict=True):
            one._trainer = held


def _hand_over(trainer: Trainer, rate: Suggestion | float, schedule: Schedule) -> None:
    before = [config.scheduler for config in trainer.strategy.lr_scheduler_configs]
    if len(trainer.optimizers) != 1:
        message = f"The module has {len(trainer.optimizers)} optimizers; set the rates in its configure_optimizers()."
        raise OptimizerError(message)
    made = hand_over(trainer.optimizers[0], before, rate, schedule=schedule)
    if made is not None:
        trainer.strategy.lr_scheduler_configs = [LRSchedulerConfig(made, interval="step")]
