"""Hugging Face Transformers: a ``Trainer`` as a learner."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch

from lrfinder._optional import require
from lrfinder.errors import LearnerError
from lrfinder.schedules import rate_of
from lrfinder.torch import TorchLearner
from lrfinder.torch.schedules import set_rate
from lrfinder.trainers._learner import BatchGroups, LazyLearner, apply_rate, check_kind, is_of_package, reachable_objects

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from torch import Tensor

    from lrfinder.schedules import RateLike
    from lrfinder.trainers._learner import Callbacks, MakeScheduler

__all__ = ["QUIET", "TrainerLearner"]

transformers = require("transformers", "transformers")
accelerate = require("accelerate", "transformers")

Trainer = Any  # a transformers.Trainer

QUIET: Callbacks = (
    transformers.trainer_callback.DefaultFlowCallback,
    transformers.EarlyStoppingCallback,
    transformers.PrinterCallback,
    transformers.ProgressCallback,
)
"""Callbacks that watch a training and do not belong to it. A search leaves them out, with all others of ``transformers``."""


class TrainerLearner(LazyLearner):
    """A Hugging Face ``Trainer`` as a :class:`lrfinder.Learner`, before ``train()``.

    An iteration is the trainer's own: ``training_step()`` on each of ``gradient_accumulation_steps`` batches of
    ``get_train_dataloader()``, in the precision of its arguments. Clipping and the step of the optimizer from
    ``create_optimizer()`` follow, with your callbacks around them. Overridden methods count.

    A search leaves out the scheduler, the callbacks of :data:`QUIET`, and those of the package itself: progress, logs,
    reports, checkpoints, early stopping, evaluation. All of this happens in a copy of the trainer that shares the parameters
    of the model.

    Args:
        trainer: the trainer, on one device.
        quiet: further classes of callbacks to leave out.
        group: the parameter group whose rate is given; see :class:`lrfinder.torch.TorchLearner`.
        replay_bytes: the memory for batches that are stored for replay.

    Raises:
        LearnerError: it is not a ``transformers.Trainer``, or works on several devices, with DeepSpeed or with FSDP.
    """

    def __init__(
        self, trainer: Trainer, *, quiet: Iterable[type] = (), group: str | int | None = None, replay_bytes: int = 1 << 30
    ) -> None:
        check_kind(trainer, transformers.Trainer, "trainer", "a transformers.Trainer")
        devices = max(trainer.args.world_size, trainer.args.n_gpu)
        if devices > 1 or trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled:
            message = (
                f"The trainer works on {devices} devices, or with DeepSpeed or FSDP; search on one without, with a "
                "per_device_train_batch_size that is as many times as large."
            )
            raise LearnerError(message)
        self._trainer = trainer
        all_quiet = (*QUIET, *quiet)

        def prepared() -> TorchLearner:
            copied = _prepared_copy(trainer, all_quiet)
            optimizer = copied.optimizer
            roots = [copied, *copied.callback_handler.callbacks, accelerate.state.GradientState()]
            objects = reachable_objects(roots, "accelerate", "transformers")
            return TorchLearner.from_step(
                lambda batches: _update(copied, batches),
                BatchGroups(copied.train_loader, copied.args.gradient_accumulation_steps),
                modules=[trainer.model],
                optimizers=[getattr(optimizer, "optimizer", optimizer)],
                stateful=[*objects, copied.model, optimizer],
                group=group,
                replay_bytes=replay_bytes,
            )

        super().__init__(prepared, [trainer.model], trainer.train_dataset)

    def set_rate(self, rate: RateLike, *, schedule: MakeScheduler = set_rate) -> None:
        """Let ``train()`` use the rate as the highest of its ``lr_scheduler_type``, or of a schedule that you give.

        ``schedule`` takes optimizer and rate: a function of :mod:`lrfinder.torch.schedules`, its other arguments bound. Its
        scheduler becomes that of the trainer.

        Raises:
            RatesError: there is no rate above 0.
        """
        trainer = self._trainer
        has_optimizer = trainer.optimizer is not None
        trainer.args.learning_rate = rate_of(rate)
        if has_optimizer or schedule is not set_rate:
            trainer.create_optimizer()
            before = [] if trainer.lr_scheduler is None else [trainer.lr_scheduler]
            scheduler = apply_rate(trainer.optimizer, before, rate, schedule)
            if scheduler is not None:
                trainer.lr_scheduler, trainer._created_lr_scheduler = scheduler, False


def _prepared_copy(trainer: Trainer, quiet: Callbacks) -> Trainer:
    """Return a copy that is ready to train. It shares parameters, data and your callbacks with the trainer."""
    copied = copy.copy(trainer)
    copied.args = copy.copy(trainer.args)
    copied.args.dataloader_persistent_workers = False  # a pass of these cannot be repeated
    copied.model = copy.copy(trainer.model)  # the same parameters and layers; preparation changes its attributes
    copied.accelerator = copy.copy(trainer.accelerator)
    copied.accelerator._models, copied.accelerator._optimizers = [], []
    copied.accelerator._dataloaders, copied.accelerator._schedulers = [], []
    copied.state, copied.control = transformers.TrainerState(), transformers.TrainerControl()
    copied.lr_scheduler = None
    copied.create_optimizer()
    copied.model_wrapped, copied.optimizer = copied.accelerator.prepare(copied.model, copied.optimizer)
    copied.callback_handler = handler = copy.copy(trainer.callback_handler)
    active = [one for one in handler.callbacks if not (isinstance(one, quiet) or is_of_package(one, "transformers"))]
    handler.callbacks, handler.model, handler.optimizer = active, copied.model, copied.optimizer
    copied.train_loader = handler.train_dataloader = _repeatable(copied.get_train_dataloader())
    copied.accelerator._dataloaders = []  # the learner restores the position in the data
    for begin in (handler.on_train_begin, handler.on_epoch_begin):
        copied.control = begin(copied.args, copied.state, copied.control)
    return copied


def _repeatable(loader: Any) -> Any:
    """Give the loader's sampler the generator that it would create for itself, so that the learner can restore it.

    The loader no longer adds its passes, which may stay open for long, to accelerate's list of open passes.
    """
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
    control = handler.on_step_begin(args, state, trainer.control)
    losses: list[Tensor] = []
    with _neftune_noise(trainer):
        for k, batch in enumerate(batches, start=1):
            trainer.accelerator.gradient_state._set_sync_gradients(k == len(batches))
            losses.append(trainer.training_step(model, batch, items))
            if k < len(batches):
                control = handler.on_substep_end(args, state, control)
    if args.max_grad_norm > 0:
        trainer.accelerator.clip_grad_norm_(model.parameters(), args.max_grad_norm)
    control = handler.on_pre_optimizer_step(args, state, control)
    trainer.optimizer.step()
    control = handler.on_optimizer_step(args, state, control)
    model.zero_grad()
    state.global_step += 1
    trainer.control = handler.on_step_end(args, state, control)
    return losses[0] if len(losses) == 1 else torch.stack(losses).sum()


@contextmanager
def _neftune_noise(trainer: Trainer) -> Generator[None]:
    """Add the noise on embeddings of ``neftune_noise_alpha`` in the block, by the hook that ``train()`` sets."""
    if trainer.neftune_noise_alpha is None:
        yield
        return
    neftune = require("transformers.integrations.neftune", "transformers")
    hook = neftune.activate_neftune(trainer.model, trainer.neftune_noise_alpha, trainer.accelerator)
    try:
        yield
    finally:
        neftune.deactivate_neftune(trainer.model, hook, trainer.accelerator)
