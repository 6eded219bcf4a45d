"""Lightning's own training loop as a step: of a trainer inside ``fit``, or of a copy that was prepared as ``fit`` does."""

from __future__ import annotations

import copy
import math
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset, Sampler

from lrfinder._optional import require
from lrfinder.errors import LearnerError, LossError
from lrfinder.torch import TorchLearner
from lrfinder.torch._distributed.barrier import Stage
from lrfinder.torch._distributed.ranks import on_all_ranks
from lrfinder.torch._distributed.sharding import data_parallel_wrappers
from lrfinder.torch._training_state import TrainingState
from lrfinder.torch.batches import own_source
from lrfinder.trainers._learner import BatchGroups, loss_in, reachable_objects, wait_for_ranks

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from torch import Tensor

    from lrfinder.trainers._learner import Callbacks

pl = require("lightning.pytorch", "lightning")
CombinedLoader = pl.utilities.CombinedLoader
_connector = pl.trainer.connectors.data_connector
_modes = require("lightning.pytorch.utilities.combined_loader", "lightning")._SUPPORTED_MODES
sized_len = require("lightning.fabric.utilities.data", "lightning").sized_len

Trainer = Any  # a lightning.pytorch.Trainer
Module = Any  # a lightning.pytorch.LightningModule


class _LossRecorder(pl.Callback):
    """A callback that records the losses of the training step, which Lightning divides by the batches per update."""

    learner: TorchLearner  # whose step it records

    def __init__(self) -> None:
        self.losses: list[Tensor] = []

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Tensor) -> None:  # noqa: ARG002  (Lightning's signature)
        wait_for_ranks(self.learner, Stage.BACKWARD)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002  (Lightning's signature)
        if outputs or not pl_module.automatic_optimization:  # empty where the training step returned None
            self.losses.append(loss_in(outputs, "training_step"))


class _Fetcher:
    """The fetcher from which Lightning's loop takes the next batch."""

    batch: Any = None
    done = False

    def __next__(self) -> tuple[Any, int, int]:
        return self.batch, 0, 0


class _CombinedGroups(BatchGroups):
    """The batches of several loaders in lists, without the indices that Lightning's ``CombinedLoader`` adds."""

    def __init__(self, loader: Any, size: int, limit: int | None) -> None:
        super().__init__((), size, limit)
        self.flattened = [own_source(one) for one in loader.flattened]  # holds the random generators of the data
        self._loader = copy.copy(loader)
        self._loader.flattened = self.flattened
        self._loader.limits = None

    def one_pass(self) -> Iterator[Any]:
        return (batch for batch, _, _ in copy.copy(self._loader))  # a CombinedLoader is its own iterator


class _PreparedError(Exception):
    """Raised to leave the ``fit`` of a copy before its first batch."""


def check(module: Module, trainer: Trainer) -> None:
    """Raise a ``LearnerError`` for objects that are not Lightning's, and for a trainer that spreads a model over devices."""
    for given, kind, name in ((module, pl.LightningModule, "LightningModule"), (trainer, pl.Trainer, "Trainer")):
        if not isinstance(given, kind):
            message = f"A {type(given).__module__}.{type(given).__name__} was given for a lightning.pytorch.{name}."
            raise LearnerError(message)
    if trainer.world_size > 1:
        _check_strategy(module, trainer)
        _check_processes(trainer)


def _check_strategy(module: Module, trainer: Trainer) -> None:
    strategy = trainer.strategy
    if not isinstance(strategy, pl.strategies.DDPStrategy):
        message = (
            f"The trainer works on {trainer.world_size} devices with {type(strategy).__name__}; search with strategy='ddp', "
            f"or on one device with a batch {trainer.world_size} times as large."
        )
        raise LearnerError(message)
    if strategy._ddp_comm_state is not None:
        message = (
            f"The strategy has a ddp_comm_state of type {type(strategy._ddp_comm_state).__name__}, which a search cannot "
            "restore; search without."
        )
        raise LearnerError(message)
    if strategy._ddp_kwargs.get("static_graph") and not module.automatic_optimization:
        message = (
            f"{type(module).__name__} optimizes manually, and the strategy has static_graph=True: Lightning cannot repeat "
            "their first backward; search with static_graph=False."
        )
        raise LearnerError(message)


def _check_processes(trainer: Trainer) -> None:
    strategy, launchers = trainer.strategy, pl.strategies.launchers
    are_external = strategy.cluster_environment.creates_processes_externally
    joins_them = are_external and isinstance(strategy.launcher, launchers._SubprocessScriptLauncher)
    if not (dist.is_initialized() or joins_them):
        message = (
            f"The trainer starts its {trainer.world_size} processes in fit(), so there is only one before; search inside "
            "fit() by the callback LRFind, or start the script by torchrun --nproc-per-node."
        )
        raise LearnerError(message)


def copy_of(trainer: Trainer, module: Module, data: Any, quiet: Callbacks) -> Trainer:
    """Return a copy of the trainer that shares nothing with it that a search could change, except model and data."""
    objects: list[Any] = reachable_objects([trainer, *trainer.callbacks], "lightning")
    shared = [one for one in objects if isinstance(one, (*quiet, CombinedLoader, pl.loops.fetchers._DataFetcher))]
    source = _connector._DataLoaderSource
    shared += [one.instance for one in objects if isinstance(one, source)]
    shared += [value for one in objects for value in vars(one).values() if isinstance(value, (DataLoader, Dataset, Sampler))]
    shared += [*module.modules(), *module.parameters(), *module.buffers()]
    shared += [data, trainer.datamodule, *trainer.loggers]
    shared += [*trainer.strategy.optimizers, *trainer.strategy.lr_scheduler_configs]
    shared += [trainer.strategy.model, trainer.strategy.launcher]  # of an earlier fit
    memo: dict[int, Any] = {id(one): one for one in shared}
    memo[id(trainer.profiler)] = pl.profilers.PassThroughProfiler()
    copied = copy.deepcopy(trainer, memo)
    _make_quiet(copied, quiet)
    return copied


def _taking_part(trainer: Trainer, quiet: Callbacks) -> list[Any]:
    return [one for one in trainer.callbacks if not isinstance(one, quiet)]


def _make_quiet(trainer: Trainer, quiet: Callbacks) -> None:
    trainer.callbacks = _taking_part(trainer, quiet)
    trainer.loggers = [pl.loggers.logger.DummyLogger()] if trainer.loggers else []  # a step may call self.logger
    trainer.fit_loop.epoch_loop.update_lr_schedulers = _leave_schedulers  # which a step may read, or step itself


def _leave_schedulers(*_: object, **__: object) -> None:
    """Step no scheduler: a search sets the rate."""


@contextmanager
def quieted(trainer: Trainer, quiet: Callbacks) -> Generator[None]:
    """Run the block without the trainer's loggers and quiet callbacks; the loop steps no scheduler."""
    before = trainer.callbacks, trainer.loggers
    try:
        _make_quiet(trainer, quiet)
        yield
    finally:
        trainer.callbacks, trainer.loggers = before
        vars(trainer.fit_loop.epoch_loop).pop("update_lr_schedulers", None)


def touched(trainer: Trainer, module: Module, data: Any) -> TrainingState:
    """Return what ``prepare`` may change; the trainer and its callbacks are copies."""
    module_of_data = data if isinstance(data, pl.LightningDataModule) else trainer.datamodule
    stateful = [] if module_of_data is None else [module_of_data]
    return TrainingState([module], trainer.optimizers, stateful, data=() if data is None else data)


def prepare(trainer: Trainer, module: Module, data: Any, quiet: Callbacks, rank_timeout: float) -> list[Any]:
    """Run ``fit`` of a copied trainer up to its first batch; return its schedulers, which will not step."""
    trainer.strategy.setup_environment()  # where the ranks meet
    with on_all_ranks(trainer.world_size, rank_timeout):
        return _prepare(trainer, module, data, quiet)


def _prepare(trainer: Trainer, module: Module, data: Any, quiet: Callbacks) -> list[Any]:
    loop, connector = trainer.fit_loop, trainer._callback_connector
    schedulers: list[Any] = []
    attach = connector._attach_model_callbacks
    loop._combined_loader = None  # of an earlier fit
    trainer.limit_val_batches = trainer.reload_dataloaders_every_n_epochs = 0

    def stop_before_first_batch() -> None:
        loop.setup_data()
        loop.reset()
        loop.on_run_start()
        loop.on_advance_start()
        raise _PreparedError

    def attach_callbacks_of_module() -> None:
        attach()
        trainer.callbacks = _taking_part(trainer, quiet)

    connector._attach_model_callbacks = attach_callbacks_of_module
    loop.run, loop.setup_data = stop_before_first_batch, partial(_set_up_data, trainer)
    trainer.state.fn, trainer.training = pl.trainer.states.TrainerFn.FITTING, True
    try:
        trainer._fit_impl(module, data)
    except _PreparedError:
        schedulers = schedulers_of(trainer)
    finally:
        trainer._signal_connector.teardown()
    return schedulers


def schedulers_of(trainer: Trainer) -> list[Any]:
    """Return the schedulers that Lightning has from the module."""
    return [config.scheduler for config in trainer.strategy.lr_scheduler_configs]


def wrappers_of(trainer: Trainer) -> list[Any]:
    """Return the ``DistributedDataParallel`` around the module, if there is one."""
    return data_parallel_wrappers([trainer.strategy.model])


def _set_up_data(trainer: Trainer) -> None:
    """Do what the loop's ``setup_data`` does, without opening a pass."""
    loop, training = trainer.fit_loop, pl.trainer.states.RunningStage.TRAINING
    if loop._combined_loader is not None:
        return
    loaders = _connector._request_dataloader(loop._data_source)
    combined = copy.copy(loaders) if isinstance(loaders, CombinedLoader) else CombinedLoader(loaders, "max_size_cycle")
    if trainer.overfit_batches > 0:
        _connector._resolve_overfit_batches(combined, mode=training)
    combined.flattened = [
        _connector._process_dataloader(trainer, pl.trainer.states.TrainerFn.FITTING, training, one)
        for one in combined.flattened
    ]
    lengths = [sized_len(one) for one in combined.flattened]
    combined.limits = [
        _connector._parse_num_batches(training, math.inf if length is None else length, trainer.limit_train_batches)
        for length in lengths
    ]
    loop._combined_loader = combined
    one_pass = _modes[combined._mode]["iterator"](combined.flattened, combined.limits)
    loop.max_batches = one_pass.__len__()  # infinite where a length is unknown, which len() refuses


def learner_of(trainer: Trainer, module: Module, rank_timeout: float, **settings: Any) -> TorchLearner:
    """Return a learner that drives the loop of a trainer, which is prepared or inside ``fit``."""
    loop, size = trainer.fit_loop.epoch_loop, trainer.accumulate_grad_batches
    recorder, fetcher = _LossRecorder(), _Fetcher()
    trainer.callbacks = [*trainer.callbacks, recorder]

    def step(batches: Sequence[Any]) -> Tensor | None:
        progress = loop.batch_progress.current
        progress.ready += -progress.ready % size  # an update begins here
        recorder.losses.clear()
        with attached(trainer, module), torch.autograd.set_detect_anomaly(trainer._detect_anomaly):
            for k, batch in enumerate(batches, start=1):
                fetcher.batch, fetcher.done = batch, k == len(batches) < size  # at the end of a pass Lightning updates early
                wait_for_ranks(recorder.learner, Stage.FORWARD)  # which Lightning begins with a collective
                try:
                    loop.advance(fetcher)
                except StopIteration:
                    message = "on_train_batch_start gave -1, which skips the batch; a search needs the loss of each."
                    raise LossError(message) from None
        return torch.stack(recorder.losses).sum() * (size / len(batches)) if recorder.losses else None

    recorder.learner = TorchLearner.from_step(
        step,
        _groups(trainer, size),
        modules=wrappers_of(trainer) or [module],
        optimizers=trainer.optimizers,
        stateful=reachable_objects([trainer, *trainer.callbacks], "lightning"),
        rank_timeout=rank_timeout,
        **settings,
    )
    return recorder.learner


def _groups(trainer: Trainer, size: int) -> BatchGroups:
    """Return the batches of a pass of ``fit``, as many as ``limit_train_batches`` allows, in lists of one update."""
    loaders: Any = trainer.train_dataloader
    batches = trainer.fit_loop.max_batches
    limit = None if batches == math.inf else int(batches)
    if isinstance(loaders, list | tuple | dict) or loaders is None:
        return _CombinedGroups(trainer.fit_loop._combined_loader, size, limit)
    return BatchGroups(loaders, size, limit)


@contextmanager
def attached(trainer: Trainer, module: Module) -> Generator[None]:
    before = [(one, one._trainer) for one in module.modules() if isinstance(one, pl.LightningModule)]
    module.trainer = trainer
    try:
        yield
    finally:
        for one, own in before:
            one._trainer = own
