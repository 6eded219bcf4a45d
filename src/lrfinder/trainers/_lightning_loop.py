"""Lightning's own loop, called from a learner: a copy of the trainer made ready, or a trainer that is, and its step."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.utils._pytree import tree_leaves, tree_map

from lrfinder.errors import LearnerError, LossError
from lrfinder.torch import TorchLearner
from lrfinder.torch.batches import own_source
from lrfinder.trainers._framework import framework
from lrfinder.trainers._lazy import Grouped, loss_in, objects_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from torch import Tensor

pl = framework("lightning.pytorch", "lightning")
DummyLogger = framework("lightning.pytorch.loggers.logger", "lightning").DummyLogger
PassThroughProfiler = framework("lightning.pytorch.profilers", "lightning").PassThroughProfiler
fetchers = framework("lightning.pytorch.loops.fetchers", "lightning")
call = framework("lightning.pytorch.trainer.call", "lightning")
data_connector = framework("lightning.pytorch.trainer.connectors.data_connector", "lightning")
TrainerFn = framework("lightning.pytorch.trainer.states", "lightning").TrainerFn
CombinedLoader = framework("lightning.pytorch.utilities", "lightning").CombinedLoader

Trainer = Any  # a lightning.pytorch.Trainer
Module = Any  # a lightning.pytorch.LightningModule
Callbacks = tuple[type, ...]


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


def check(module: Module, trainer: Trainer) -> None:
    """Refuse what is none of Lightning's.

    Raises:
        LearnerError: module or trainer is not, or the trainer works on several devices.
    """
    for one, kind, name in ((module, pl.LightningModule, "LightningModule"), (trainer, pl.Trainer, "Trainer")):
        if not isinstance(one, kind):
            message = f"A {type(one).__module__}.{type(one).__name__} was given for a lightning.pytorch.{name}."
            raise LearnerError(message)
    devices = trainer.world_size
    if devices > 1:
        message = f"The trainer works on {devices} devices; search on one, with a batch {devices} times as large."
        raise LearnerError(message)


def twin_of(trainer: Trainer, module: Module, data: Any, quiet: Callbacks) -> Trainer:
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
def quieted(trainer: Trainer, quiet: Callbacks) -> Generator[None]:
    """The trainer without loggers, schedulers and quiet callbacks, which it has again at the end."""
    before = trainer.callbacks, trainer.loggers, trainer.strategy.lr_scheduler_configs
    try:
        _make_quiet(trainer, quiet)
        yield
    finally:
        trainer.callbacks, trainer.loggers, trainer.strategy.lr_scheduler_configs = before


def make_ready(twin: Trainer, module: Module, data: Any) -> None:
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


def driven(trainer: Trainer, module: Module, group: str | int | None, replay_bytes: int) -> TorchLearner:
    """A learner that drives the loop of a trainer that is ready."""
    loop, size = trainer.fit_loop.epoch_loop, trainer.accumulate_grad_batches
    ear, fetcher = _Ear(), _Fetcher()
    trainer.callbacks = [*trainer.callbacks, ear]

    def step(batches: Sequence[Any]) -> Tensor:
        progress = loop.batch_progress.current
        progress.ready += -progress.ready % size  # an update begins here
        ear.losses.clear()
        with held_by(trainer, module), torch.autograd.set_detect_anomaly(trainer._detect_anomaly):
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
def held_by(trainer: Trainer, module: Module) -> Generator[None]:
    """The module's ``trainer`` is the one that trains it now, and then again that of before."""
    holders = [one for one in module.modules() if isinstance(one, pl.LightningModule)]
    before = [one._trainer for one in holders]
    module.trainer = trainer
    try:
        yield
    finally:
        for one, held in zip(holders, before, strict=True):
            one._trainer = held
