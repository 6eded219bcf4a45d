"""Hugging Face Transformers: a ``Trainer`` as a learner."""

from __future__ import annotations

import copy
import math
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch

from lrfinder import LRFinder
from lrfinder._arguments.other_names import names_explained
from lrfinder._optional import require
from lrfinder._search.horizon import LEAST_HORIZON
from lrfinder.errors import LearnerError, OptimizerError, RatesError
from lrfinder.schedules import constant, rate_of
from lrfinder.torch import TorchLearner
from lrfinder.torch._distributed.barrier import Stage
from lrfinder.torch._distributed.ranks import on_all_ranks
from lrfinder.torch._distributed.sharding import data_parallel_wrappers, is_shard
from lrfinder.torch._training_state import TrainingState
from lrfinder.torch.schedules import set_rate, shape_of
from lrfinder.trainers._learner import (
    BatchGroups,
    LazyLearner,
    apply_rate,
    check_kind,
    is_of_package,
    reachable_objects,
    wait_for_ranks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor
    from torch.optim import Optimizer

    from lrfinder._results.results import Suggestion
    from lrfinder.schedules import RateLike
    from lrfinder.trainers._learner import Callbacks, MakeScheduler

__all__ = ["QUIET", "LRFind", "TrainerLearner", "for_all_steps"]

transformers = require("transformers", "transformers")
accelerate = require("accelerate", "transformers")

Trainer = Any  # a transformers.Trainer

_MODES = (transformers.training_args.ParallelMode.NOT_PARALLEL, transformers.training_args.ParallelMode.DISTRIBUTED)

QUIET: Callbacks = (
    transformers.trainer_callback.DefaultFlowCallback,
    transformers.EarlyStoppingCallback,
    transformers.PrinterCallback,
    transformers.ProgressCallback,
)
"""Callbacks that watch a training and do not belong to it. A search leaves them out, with all others of ``transformers``."""


class TrainerLearner(LazyLearner):
    """A Hugging Face ``Trainer`` as a :class:`lrfinder.Learner`, before ``train()``.

    For example::

        learner = TrainerLearner(trainer)
        suggestion = learner.suggest(horizon=3000, schedule=lrfinder.linear_decay)
        learner.set_rate(suggestion)
        trainer.train()

    An iteration is the trainer's own: ``training_step()`` on each of ``gradient_accumulation_steps`` batches of
    ``get_train_dataloader()``, in the precision of its arguments. Clipping and the step of the optimizer from
    ``create_optimizer()`` follow, with your callbacks around them. Overridden methods count.

    A search leaves out the scheduler, the callbacks of :data:`QUIET`, and those of the package itself: progress, logs,
    reports, checkpoints, early stopping, evaluation. All of this happens in a copy of the trainer that shares the model. It
    begins as ``train()`` does, up to its first batch; the end of the search undoes that.

    Args:
        trainer: the trainer, on one device, or one process of several that ``torchrun`` started. Each of these needs the
            learner, and the same calls.
        quiet: further classes of callbacks to leave out.
        group: the parameter group whose rate is given; see :class:`lrfinder.torch.TorchLearner`.
        replay_bytes: the memory for batches that are stored for replay.
        rank_timeout: seconds within which a fault of one process ends the search on all; see
            :class:`lrfinder.torch.TorchLearner`.

    Raises:
        LearnerError: it is not a ``transformers.Trainer``, or spreads a model over devices (DeepSpeed, FSDP and so on).
    """

    @names_explained
    def __init__(
        self,
        trainer: Trainer,
        *,
        quiet: Iterable[type] = (),
        group: str | int | None = None,
        replay_bytes: int = 1 << 30,
        rank_timeout: float = 600.0,
    ) -> None:
        _check(trainer)
        self._trainer = trainer
        all_quiet = (*QUIET, *quiet)

        def prepared() -> TorchLearner:
            with on_all_ranks(self.ranks, rank_timeout):
                copied = _prepared_copy(trainer, all_quiet)
            self.wrappers = data_parallel_wrappers([copied.model_wrapped])
            is_constant = str(copied.args.lr_scheduler_type.value) == "constant"
            self.schedulers = [] if is_constant else [copied.lr_scheduler]
            return _learner_of(copied, rank_timeout, group=group, replay_bytes=replay_bytes)

        super().__init__(prepared, partial(_touched, trainer, all_quiet))

    @property
    def rank(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The number of this process among those that train together."""
        return self._trainer.args.process_index

    @property
    def ranks(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The number of processes that train together."""
        return self._trainer.args.world_size

    def set_rate(self, rate: RateLike, *, schedule: MakeScheduler = set_rate) -> None:
        """Let ``train()`` use the rate as the highest of its ``lr_scheduler_type``, or of a schedule that you give.

        The optimizer gets the rate when ``train()`` has it, whoever creates it. ``schedule`` takes optimizer and rate: a
        function of :mod:`lrfinder.torch.schedules`, its other arguments bound. Its scheduler becomes that of the trainer.

        Raises:
            RatesError: there is no rate above 0.
            OptimizerError: at the beginning of ``train()``: a scheduler of your own does not keep its shape.
        """
        self._trainer.args.learning_rate = rate_of(rate)
        self._trainer.create_scheduler = _RateAtStart(self._trainer, rate, schedule)


def for_all_steps(finder: LRFinder, trainer: Trainer) -> Suggestion:
    """Suggest a rate for all steps of ``train()``, under the schedule of the trainer where it has a shape."""
    steps = trainer.state.max_steps
    try:
        schedule = shape_of(trainer.lr_scheduler, steps)
    except RatesError:
        schedule = constant
    return finder.suggest(horizon=max(LEAST_HORIZON, steps), schedule=schedule)


class LRFind(transformers.TrainerCallback):
    """A callback that searches at the beginning of ``train()``, applies the rate, and lets ``train()`` continue::

        trainer.add_callback(LRFind(trainer))
        trainer.train()

    The search trains as :class:`TrainerLearner` does, on batches of its own pass through the training data. After it,
    weights, optimizer, callbacks and random numbers are restored. The rate is then the highest of the trainer's schedule.
    If the search finds no rate, the trainer keeps its own; :attr:`suggestions` give the reason. A ``train()`` that resumes a
    checkpoint searches nothing.

    Args:
        trainer: the trainer that the callback is added to; on several processes, each searches, with the same result.
        search: called with an :class:`lrfinder.LRFinder` and the trainer; returns the suggestion. The default is for all
            steps, under the trainer's own schedule.
        schedule: as in :meth:`TrainerLearner.set_rate`; it then needs a ``search`` under the same schedule.
        quiet: further classes of callbacks to leave out of the search.
        rank_timeout: as for :class:`TrainerLearner`.

    Attributes:
        suggestions: the result of each search.

    Raises:
        LearnerError: as :class:`TrainerLearner`.
    """

    def __init__(
        self,
        trainer: Trainer,
        search: Callable[[LRFinder, Trainer], Suggestion] = for_all_steps,
        *,
        schedule: MakeScheduler = set_rate,
        quiet: Iterable[type] = (),
        rank_timeout: float = 600.0,
    ) -> None:
        _check(trainer)
        self.trainer, self.search, self.schedule, self.rank_timeout = trainer, search, schedule, rank_timeout
        self.quiet = (*QUIET, LRFind, *quiet)
        self.suggestions: list[Suggestion] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002  (Transformers' signature)
        """Search, and apply the rate."""
        if state.global_step > 0:
            return
        trainer, quiet = self.trainer, self.quiet

        def prepared() -> TorchLearner:
            with on_all_ranks(args.world_size, self.rank_timeout):
                copied = _running_copy(trainer, quiet)
            return _learner_of(copied, self.rank_timeout)

        running = LazyLearner(prepared, partial(_touched, trainer, quiet))
        with closing(running):
            suggestion = self.search(LRFinder(running), trainer)
        self.suggestions.append(suggestion)
        if suggestion.lr is not None:
            _apply_while_running(trainer, suggestion, self.schedule)


@dataclass
class _RateAtStart:
    """The ``create_scheduler`` of a trainer to which a rate was given: it is called where ``train()`` has its optimizer."""

    trainer: Trainer
    rate: RateLike
    schedule: MakeScheduler

    def __call__(self, num_training_steps: int, optimizer: Optimizer | None = None) -> Any:
        """Apply the rate; return the scheduler of the schedule, or the trainer's own."""
        trainer = self.trainer
        before = [] if trainer.lr_scheduler is None else [trainer.lr_scheduler]
        scheduler = apply_rate(_inner(optimizer or trainer.optimizer), before, self.rate, self.schedule)
        if scheduler is None:
            return type(trainer).create_scheduler(trainer, num_training_steps, optimizer)
        trainer.lr_scheduler, trainer._created_lr_scheduler = scheduler, True  # so that the next train() creates another
        return scheduler


class _PreparedError(BaseException):
    """Raised to leave ``train()`` of a copy before its first batch; no handler of a user's exceptions stops it."""


def _inner(optimizer: Any) -> Any:
    """Return the optimizer in accelerate's wrapper."""
    return getattr(optimizer, "optimizer", optimizer)


def _active_callbacks(trainer: Trainer, quiet: Callbacks) -> list[Any]:
    """Return the callbacks that take part in a search."""
    own = trainer.callback_handler.callbacks
    return [one for one in own if not (isinstance(one, quiet) or is_of_package(one, "transformers"))]


def _touched(trainer: Trainer, quiet: Callbacks) -> TrainingState:
    """Return what the start of ``train()`` may change of the user's objects; the trainer and its arguments are copies."""
    roots = [*_active_callbacks(trainer, quiet), accelerate.state.GradientState()]
    stateful = reachable_objects(roots, "accelerate", "transformers")
    stateful += [
        one for part in trainer.model.modules() for one in vars(part).values() if is_of_package(one, "transformers")
    ]
    stateful += [one for one in (trainer.optimizer, trainer.lr_scheduler) if one is not None]
    optimizers = [] if trainer.optimizer is None else [_inner(trainer.optimizer)]
    return TrainingState([trainer.model], optimizers, stateful, data=trainer.train_dataset)


def _prepared_copy(trainer: Trainer, quiet: Callbacks) -> Trainer:
    """Return a copy whose ``train()`` stands before its first batch. It shares model, data and your callbacks."""
    copied = copy.copy(trainer)
    copied.args = _own_arguments(trainer.args)
    copied.accelerator = copy.copy(trainer.accelerator)
    copied._memory_tracker = transformers.trainer_utils.TrainerMemoryTracker(skip_memory_metrics=True)
    if isinstance(vars(copied).get("create_scheduler"), _RateAtStart):
        copied.create_scheduler = replace(copied.create_scheduler, trainer=copied)
    copied.create_scheduler = partial(_keep_rates, copied, copied.create_scheduler)
    copied.callback_handler = handler = copy.copy(trainer.callback_handler)
    handler.callbacks = _active_callbacks(trainer, quiet)
    begin_epoch = handler.on_epoch_begin

    def stop_before_first_batch(*args: Any) -> None:
        copied.control = begin_epoch(*args)
        raise _PreparedError

    handler.on_epoch_begin = stop_before_first_batch
    try:
        copied.train()
    except _PreparedError:
        return _before_first_batch(copied)
    message = "train() ended before its first step; give a trainer with steps and data to train on."
    raise LearnerError(message)


def _running_copy(trainer: Trainer, quiet: Callbacks) -> Trainer:
    """Return a copy of a trainer whose ``train()`` is before its first batch; it shares model, optimizer and callbacks."""
    copied = copy.copy(trainer)
    copied.args, copied.accelerator = _own_arguments(trainer.args), copy.copy(trainer.accelerator)
    copied.state, copied.control = copy.copy(trainer.state), copy.copy(trainer.control)
    copied.accelerator._dataloaders = list(trainer.accelerator._dataloaders)  # to which the new loader is added
    copied.callback_handler = handler = copy.copy(trainer.callback_handler)
    handler.callbacks = _active_callbacks(trainer, quiet)
    handler.train_dataloader = copied.get_train_dataloader()
    return _before_first_batch(copied)


def _before_first_batch(copied: Trainer) -> Trainer:
    """Check the optimizer of a copy that is ready, and give the copy the loader and the counters of the search."""
    _check_optimizer(copied)
    handler = copied.callback_handler
    loader = copied.train_loader = handler.train_dataloader = _repeatable(handler.train_dataloader)
    sized = transformers.trainer_utils.has_length(loader)
    copied.batches_of_pass = len(loader) if sized else copied.state.max_steps * copied.args.gradient_accumulation_steps
    copied.batches_done = 0
    return copied


def _learner_of(copied: Trainer, rank_timeout: float, **settings: Any) -> TorchLearner:
    """Return the learner that drives a copy of a trainer, which is before its first batch."""
    optimizer = copied.optimizer
    roots = [copied, *copied.callback_handler.callbacks, accelerate.state.GradientState()]
    objects = reachable_objects(roots, "accelerate", "transformers")
    compute_loss = copied.compute_loss

    def compute_loss_of_all_ranks(*args: Any, **kwargs: Any) -> Any:
        outputs = compute_loss(*args, **kwargs)
        wait_for_ranks(learner, Stage.BACKWARD)
        return outputs

    copied.compute_loss = compute_loss_of_all_ranks
    learner = TorchLearner.from_step(
        lambda batches: _update(copied, batches),
        BatchGroups(copied.train_loader, copied.args.gradient_accumulation_steps),
        modules=data_parallel_wrappers([copied.model_wrapped]) or [copied.model],
        optimizers=[_inner(optimizer)],
        stateful=[*objects, copied.model_wrapped, optimizer],
        rank_timeout=rank_timeout,
        **settings,
    )
    return learner


def _apply_while_running(trainer: Trainer, rate: RateLike, schedule: MakeScheduler) -> None:
    """Apply a rate in a ``train()`` that has its optimizer and its scheduler, before the first step."""
    optimizer, scheduler = trainer.optimizer, trainer.lr_scheduler
    new_scheduler = apply_rate(_inner(optimizer), [] if trainer._created_lr_scheduler else [scheduler], rate, schedule)
    if new_scheduler is not None:
        trainer.lr_scheduler, trainer._created_lr_scheduler = new_scheduler, True
    elif trainer._created_lr_scheduler:
        trainer.args.learning_rate, trainer.lr_scheduler = rate_of(rate), None
        trainer.create_scheduler(trainer.state.max_steps, optimizer)  # whose first step may be below its highest rate
    trainer.callback_handler.lr_scheduler = trainer.lr_scheduler


def _check(trainer: Trainer) -> None:
    check_kind(trainer, transformers.Trainer, "trainer", "a transformers.Trainer")
    if scheme := _unsupported_scheme(trainer):
        message = (
            f"The trainer works with {scheme}; search without: in one process, or in several that torchrun starts, each of "
            "which holds the whole model on one device."
        )
        raise LearnerError(message)


def _unsupported_scheme(trainer: Trainer) -> str | None:
    """Return how a trainer spreads its work, other than by one process per device with the whole model in each."""
    if trainer.args.n_gpu > 1:
        return f"DataParallel on {trainer.args.n_gpu} GPUs of one process"
    kind = str(trainer.accelerator.distributed_type.value)
    if kind != "NO" and not kind.startswith("MULTI_"):
        return {"DEEPSPEED": "DeepSpeed", "XLA": "XLA devices (TPU)"}.get(kind, kind)
    if trainer.args.parallel_mode not in _MODES:
        return str(trainer.args.parallel_mode.value)
    has_meshes = getattr(trainer.accelerator, "parallelism_config", None) is not None
    if has_meshes or any(map(is_shard, trainer.model.parameters())):
        return "tensor, context or sequence parallelism"
    return None


def _check_optimizer(trainer: Trainer) -> None:
    """Refuse the optimizers that step inside of the backward: those that the trainer steps are dummies."""
    if isinstance(_inner(trainer.optimizer), transformers.trainer_pt_utils.LayerWiseDummyOptimizer):
        message = (
            f"optim={trainer.args.optim!s} steps each layer by an optimizer of its own, whose rate a search cannot set; "
            "search with the optimizer that is not layerwise."
        )
        raise OptimizerError(message)


def _own_arguments(args: Any) -> Any:
    """Return a copy of the arguments with which nothing is evaluated, debugged or left open."""
    own = copy.copy(args)
    vars(own).update({name: copy.deepcopy(value) for name, value in vars(args).items() if isinstance(value, dict | list)})
    own.dataloader_persistent_workers = False  # a pass of these cannot be repeated
    own.eval_on_start, own.debug = False, []
    return own


def _keep_rates(trainer: Trainer, create: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Create the scheduler, and keep the rates before its warm-up: a search has rates of its own."""
    groups = _inner(trainer.optimizer).param_groups
    rates = [copy.deepcopy(group["lr"]) for group in groups]
    scheduler = create(*args, **kwargs)
    for group, rate in zip(groups, rates, strict=True):
        group["lr"] = rate
    return scheduler


def _repeatable(loader: Any) -> Any:
    """Give the loader's sampler the generator that it would create for itself, so that the learner can restore it.

    The loader no longer adds its passes, which may stay open for long, to accelerate's list of open passes.
    """
    if hasattr(loader, "set_epoch"):
        loader.set_epoch(0)
    if hasattr(loader, "begin"):
        loader.begin = loader.end = lambda: None
    for one in reachable_objects([loader], "accelerate", "torch"):
        if isinstance(one, accelerate.data_loader.SeedableRandomSampler) and cast("Any", one).generator is None:
            cast("Any", one).generator = torch.Generator()
    return loader


def _update(trainer: Trainer, batches: Sequence[Any]) -> Tensor:
    """Make one update in the order of ``Trainer.train()``; return its loss, which the trainer has normalized."""
    args, state, handler, model = trainer.args, trainer.state, trainer.callback_handler, trainer.model_wrapped
    batches, items = trainer.get_batch_samples(iter(batches), len(batches), args.device)
    trainer.current_gradient_accumulation_steps = len(batches)
    synchronizes_each = trainer.accelerator.gradient_state.plugin_kwargs.get("sync_each_batch", False)
    losses: list[Tensor] = []
    for k, batch in enumerate(batches, start=1):
        trainer.accelerator.gradient_state._set_sync_gradients(k == len(batches))
        if k == 1:
            trainer.control = handler.on_step_begin(args, state, trainer.control)
        with nullcontext() if synchronizes_each or k == len(batches) else trainer.accelerator.no_sync(model):
            losses.append(trainer.training_step(model, batch, items))
        if k < len(batches):
            trainer.control = handler.on_substep_end(args, state, trainer.control)
    trainer.accelerator.clip_grad_norm_(model.parameters(), args.max_grad_norm if args.max_grad_norm > 0 else math.inf)
    trainer.control = handler.on_pre_optimizer_step(args, state, trainer.control)
    trainer.optimizer.step()
    trainer.control = handler.on_optimizer_step(args, state, trainer.control)
    model.zero_grad()
    state.global_step += 1
    trainer.batches_done += len(batches)
    epoch, last = divmod(trainer.batches_done - 1, trainer.batches_of_pass)
    state.epoch = epoch + (last + 1) / trainer.batches_of_pass
    trainer.control = handler.on_step_end(args, state, trainer.control)
    return losses[0] if len(losses) == 1 else torch.stack(losses).sum()
