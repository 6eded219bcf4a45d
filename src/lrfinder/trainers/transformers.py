"""Hugging Face Transformers: a ``Trainer`` as a learner.

::

    learner = TrainerLearner(trainer)
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=1000)
    learner.set_rate(suggestion)
    trainer.train()
"""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch

from lrfinder.errors import LearnerError
from lrfinder.torch import TorchLearner
from lrfinder.torch.schedules import set_rate
from lrfinder.trainers._framework import framework
from lrfinder.trainers._handover import hand_over
from lrfinder.trainers._lazy import Grouped, Standing, objects_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from torch import Tensor, nn

    from lrfinder._results.results import Suggestion
    from lrfinder.trainers._handover import Schedule

__all__ = ["QUIET", "TrainerLearner"]

transformers = framework("transformers", "transformers")
accelerate = framework("accelerate", "transformers")
DefaultFlowCallback = framework("transformers.trainer_callback", "transformers").DefaultFlowCallback

Trainer = Any  # a transformers.Trainer
Callbacks = tuple[type, ...]

QUIET: Callbacks = (
    DefaultFlowCallback,
    transformers.EarlyStoppingCallback,
    transformers.PrinterCallback,
    transformers.ProgressCallback,
)
"""Callbacks that watch a training and do not belong to it; beside them all of the package ``transformers`` itself."""


class TrainerLearner(Standing):
    """A Hugging Face ``Trainer`` as a :class:`lrfinder.Learner`, before ``train()``.

    An iteration is the trainer's own: ``training_step()`` on each of ``gradient_accumulation_steps`` batches of
    ``get_train_dataloader()``, in the precision of its arguments, then clipping and the step of the optimizer that
    ``create_optimizer()`` made, with the callbacks of the user's around them; overridden methods count. Left out are the
    callbacks of :data:`QUIET` and of the package itself (progress, logs, reports, checkpoints, early stopping, evaluation),
    and the scheduler. All of it happens in a copy of the trainer that shares the model's parameters.

    Args:
        trainer: on one device.
        quiet: further classes of callbacks to leave out.
        group: the parameter group whose rate is given; see :class:`lrfinder.torch.TorchLearner`.
        replay_bytes: how many bytes of batches may be kept for replay.

    Raises:
        LearnerError: it is no ``transformers.Trainer``, or works on several devices, with DeepSpeed or with FSDP.
    """

    def __init__(
        self,
        trainer: Trainer,
        *,
        quiet: Iterable[type] = (),
        group: str | int | None = None,
        replay_bytes: int = 1 << 30,
    ) -> None:
        _check(trainer)
        self._trainer = trainer
        quiet = (*QUIET, *quiet)

        def stand_up() -> TorchLearner:
            return _driven(_twin(trainer, quiet), trainer.model, group, replay_bytes)

        super().__init__(stand_up, trainer.model, trainer.train_dataset)

    def set_rate(self, rate: Suggestion | float, *, schedule: Schedule = set_rate) -> None:
        """Let ``train()`` use the rate: as the highest of its ``lr_scheduler_type``, or with a schedule of its own.

        Args:
            rate: a suggestion, or a rate.
            schedule: called with optimizer and rate: one of :mod:`lrfinder.torch.schedules`, its other arguments bound. The
                scheduler that it gives becomes the trainer's.

        Raises:
            RatesError: there is no rate above 0.
        """
        trainer = self._trainer
        made_already = trainer.optimizer is not None
        set_rate(optimizer := torch.optim.SGD([torch.zeros(1)], lr=1.0), rate)
        trainer.args.learning_rate = optimizer.param_groups[0]["lr"]
        if made_already or schedule is not set_rate:
            trainer.create_optimizer()
            before = [trainer.lr_scheduler] if trainer.lr_scheduler is not None else []
            made = hand_over(trainer.optimizer, before, rate, schedule=schedule)
            if made is not None:
                trainer.lr_scheduler, trainer._created_lr_scheduler = made, False


def _check(trainer: Trainer) -> None:
    if not isinstance(trainer, transformers.Trainer):
        message = f"The trainer is a {type(trainer).__module__}.{type(trainer).__name__}; give a transformers.Trainer."
        raise LearnerError(message)
    args = trainer.args
    devices = max(args.world_size, args.n_gpu)
    if devices > 1 or trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled:
        message = (
            f"The trainer works on {devices} devices, or with DeepSpeed or FSDP; search on one without, with a "
            "per_device_train_batch_size that is as many times as large."
        )
        raise LearnerError(message)


def _twin(trainer: Trainer, quiet: Callbacks) -> Trainer:
    """A copy that is ready to train, and shares parameters, callbacks of the user's and data with the trainer."""
    twin = copy.copy(trainer)
    twin.args = copy.copy(trainer.args)
    twin.args.dataloader_persistent_workers = False  # a pass of these cannot be repeated
    twin.model = copy.copy(trainer.model)  # the same parameters and layers; what prepares it changes the copy's attributes
    twin.accelerator = copy.copy(trainer.accelerator)
    twin.accelerator._models, twin.accelerator._optimizers = [], []
    twin.accelerator._dataloaders, twin.accelerator._schedulers = [], []
    twin.state, twin.control = transformers.TrainerState(), transformers.TrainerControl()
    twin.lr_scheduler = None
    twin.create_optimizer()
    twin.model_wrapped, twin.optimizer = twin.accelerator.prepare(twin.model, twin.optimizer)
    callbacks = [one for one in trainer.callback_handler.callbacks if not _is_quiet(one, quiet)]
    twin.callback_handler = handler = copy.copy(trainer.callback_handler)
    handler.callbacks, handler.model, handler.optimizer = callbacks, twin.model, twin.optimizer
    twin.train_loader = handler.train_dataloader = _seeded(twin.get_train_dataloader())
    twin.accelerator._dataloaders = []  # its place comes back with the batches
    for begin in (handler.on_train_begin, handler.on_epoch_begin):
        twin.control = begin(twin.args, twin.state, twin.control)
    return twin


def _seeded(loader: Any) -> Any:
    """The loader, its sampler with the generator that it would make for itself: what is there from the start comes back.

    It does not tell accelerate's one list of open passes about its own, which may stay open for long.
    """
    if hasattr(loader, "begin"):
        loader.begin = loader.end = _nothing
    for one in objects_of([loader], "accelerate", "torch"):
        if isinstance(one, accelerate.data_loader.SeedableRandomSampler) and cast("Any", one).generator is None:
            cast("Any", one).generator = torch.Generator()
    return loader


def _nothing() -> None:
    pass


def _is_quiet(callback: object, quiet: Callbacks) -> bool:
    return isinstance(callback, quiet) or type(callback).__module__.partition(".")[0] == "transformers"


def _driven(twin: Trainer, model: nn.Module, group: str | int | None, replay_bytes: int) -> TorchLearner:
    """A learner that makes the steps of a copy that is ready."""
    optimizer = twin.optimizer
    roots = [twin, *twin.callback_handler.callbacks, accelerate.state.GradientState()]
    objects = objects_of(roots, "accelerate", "transformers")
    return TorchLearner.from_step(
        lambda batches: _update(twin, batches),
        Grouped(twin.train_loader, twin.args.gradient_accumulation_steps),
        modules=[model],
        optimizers=[getattr(optimizer, "optimizer", optimizer)],
        stateful=[*objects, twin.model, optimizer],
        group=group,
        replay_bytes=replay_bytes,
    )


def _update(twin: Trainer, batches: Sequence[Any]) -> Tensor:
    """One update in the order of ``Trainer.train()``; its loss, in the trainer's own normalisation."""
    args, state, handler, model = twin.args, twin.state, twin.callback_handler, twin.model_wrapped
    batches, items = twin.get_batch_samples(iter(batches), len(batches), args.device)
    twin.current_gradient_accumulation_steps = len(batches)
    control = handler.on_step_begin(args, state, twin.control)
    losses: list[Tensor] = []
    with _noisy(twin):
        for k, batch in enumerate(batches, start=1):
            twin.accelerator.gradient_state._set_sync_gradients(k == len(batches))
            losses.append(twin.training_step(model, batch, items))
            if k < len(batches):
                control = handler.on_substep_end(args, state, control)
    if args.max_grad_norm > 0:
        twin.accelerator.clip_grad_norm_(model.parameters(), args.max_grad_norm)
    control = handler.on_pre_optimizer_step(args, state, control)
    twin.optimizer.step()
    control = handler.on_optimizer_step(args, state, control)
    model.zero_grad()
    state.global_step += 1
    twin.control = handler.on_step_end(args, state, control)
    return losses[0] if len(losses) == 1 else torch.stack(losses).sum()


@contextmanager
def _noisy(twin: Trainer) -> Generator[None]:
    """The noise on embeddings that ``neftune_noise_alpha`` asks for, which ``train()`` adds by a hook."""
    if twin.neftune_noise_alpha is None:
        yield
        return
    neftune = framework("transformers.integrations.neftune", "transformers")
    hook = neftune.activate_neftune(twin.model, twin.neftune_noise_alpha, twin.accelerator)
    try:
        yield
    finally:
        neftune.deactivate_neftune(twin.model, hook, twin.accelerator)
