"""The PyTorch learner."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lrfinder._arguments import function
from lrfinder._arguments.other_names import names_explained
from lrfinder._state.data_calls import batches_from
from lrfinder._state.rollback import restore_all
from lrfinder.errors import LossError, ModelError
from lrfinder.learner import BaseLearner
from lrfinder.replay import batches_per_pass, peek, position_of, stream
from lrfinder.torch._arguments import check_parts, check_surroundings, check_update, own_list
from lrfinder.torch._async_loss import loss_sender, losses_in_order
from lrfinder.torch._distributed.consistency import describe_settings
from lrfinder.torch._distributed.ranks import SingleProcess, detect_ranks
from lrfinder.torch._facts import facts_of
from lrfinder.torch._live_schedulers import note_on_schedulers
from lrfinder.torch._rate_watch import RateWatch
from lrfinder.torch._training_state import TrainingSnapshot, TrainingState
from lrfinder.torch.batches import device_of, keeper, own_source, to_device
from lrfinder.torch.inspection import Inspection
from lrfinder.torch.rates import Rates
from lrfinder.torch.step import Step, SupervisedStep, check_pair, clipping, custom_step, supervised_forward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from os import PathLike

    import torch
    from torch import Tensor, nn
    from torch.distributed import ProcessGroup
    from torch.optim import Optimizer

    from lrfinder._results.facts import TrainingFacts
    from lrfinder.torch.step import Loss


class TorchState(NamedTuple):
    """Snapshot of a :class:`TorchLearner`."""

    training: TrainingSnapshot
    position: object


class TorchLearner(BaseLearner):
    """PyTorch model, loss, optimizer and data as a :class:`lrfinder.Learner`.

    For example::

        learner = TorchLearner(model, optimizer, loss_fn, loader, clip=1.0)
        suggestion = learner.suggest(horizon=3000)
        schedules.set_rate(optimizer, suggestion)

    An iteration draws a batch, moves it to the model's device and updates the model as a training script does:
    ``optimizer.zero_grad()``, forward, backward, clipping, ``optimizer.step()``. Batches are ``(input, target)`` pairs and
    the loss is ``loss_fn(model(input), target)``, unless ``forward`` is given. A scheduler that is attached to the optimizer
    is neither stepped nor changed. A model that is entirely in evaluation mode is trained in training mode. If any part of
    it is in training mode, all modes stay as they are.

    The rate given to :meth:`iteration` is the rate of the parameter group with the highest rate (or of ``group``). The other
    groups keep their ratio to it.

    Args:
        model: the model, on its device.
        optimizer: an optimizer of the model's parameters.
        loss_fn: ``loss_fn(output, target) -> loss``; unused, and may be None, if ``forward`` is given.
        data: an iterable of batches: a ``DataLoader``, a list, a generator. It is repeated without end; an iterator ends. Or
            a function without arguments that returns a batch, such as ``lambda: get_batch("train")``.
        forward: ``forward(model, batch) -> loss``, for any other kind of batch, model or loss.
        autocast: the dtype of the forward, for example ``torch.bfloat16``.
        scaler: the script's ``torch.amp.GradScaler``. A batch that makes it overflow updates nothing, so another is drawn.
        accumulate: batches per update; the loss is the mean of their losses.
        clip: the largest norm of the gradient, as for ``torch.nn.utils.clip_grad_norm_``; or a function that is called with
            the optimizer's parameters before each update.
        group: the parameter group whose rate is given, by its index or by its entry ``"name"``.
        only_group: the parameter group that the rate is for, named likewise, while the others train at their own rates:
            ``only_group="head"`` for a fine-tuning. Not together with ``group``.
        stateful: further objects that the training changes (an averaged model, a metric); all that they hold is restored.
        replay_bytes: the memory for batches that are stored for replay (see :func:`lrfinder.replay.stream`).
        snapshot_dir: a folder to write snapshots to, for a model that does not fit into memory twice. They are deleted when
            the search ends.
        process_group: the processes that train this model together, if its wrapper (``DistributedDataParallel``,
            ``fully_shard``, ``ZeroRedundancyOptimizer``) does not show them.
        rank_timeout: seconds within which a fault of one rank ends the iteration on all. A rank that keeps the others
            waiting for a quarter of it counts as ended.

    Attributes:
        rank: this process's rank; only rank 0 prints and writes files.
        ranks: how many processes train this model together.

    Raises:
        LearnerError: an argument does not fit; each kind has a subclass.
    """

    _forward: Callable[[nn.Module, Any], Tensor] | None = None  # initializes lazy parameters; a custom step hides its own
    _batches_per_iteration = 1  # a custom step draws one
    _own_step: SupervisedStep | None = None

    @names_explained
    def __init__(  # noqa: PLR0913  (the ways in which training loops differ)
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss_fn: Callable[[Any, Any], Tensor] | None,
        data: Iterable[Any] | Callable[[], Any],
        *,
        forward: Callable[[nn.Module, Any], Tensor] | None = None,
        autocast: torch.dtype | None = None,
        scaler: torch.amp.GradScaler | None = None,
        accumulate: int = 1,
        clip: float | Callable[[list[nn.Parameter]], object] | None = None,
        group: str | int | None = None,
        only_group: str | int | None = None,
        stateful: Iterable[object] = (),
        replay_bytes: int = 1 << 30,
        process_group: ProcessGroup | None = None,
        rank_timeout: float = 600.0,
        snapshot_dir: str | PathLike[str] | None = None,
    ) -> None:
        check_pair(model, optimizer)
        data = batches_from(data)
        if forward is not None:
            function("forward", forward, "forward(model, batch) -> loss", LossError)
        self._forward = supervised_forward(loss_fn) if forward is None else forward
        stateful, clip = own_list(stateful), clipping(clip)
        check_update(accumulate=accumulate, autocast=autocast, scaler=scaler)
        check_surroundings(data, process_group, rank_timeout)
        own_settings = {"accumulate": accumulate, "autocast": autocast, "clip": clip is not None}
        settings = partial(describe_settings, [model], [optimizer], data, own_settings)
        ranks = detect_ranks([model], [optimizer], settings, process_group=process_group, seconds=rank_timeout)
        wrapped = ranks.wrap_forward(self._forward, accumulate)
        step = SupervisedStep(model, optimizer, wrapped, autocast=autocast, scaler=scaler, accumulate=accumulate, clip=clip)
        others = stateful if scaler is None else [*stateful, scaler]
        callables = {"loss_fn": loss_fn, "forward": forward, "clip": clip}
        training = TrainingState(
            [model], [optimizer], others, data=own_source(data), callables=callables, snapshot_dir=snapshot_dir
        )
        self._batches_per_iteration = accumulate
        self._own_step = step
        rates = Rates(training.optimizers, group, only_group)
        self._adopt(ranks.wrap_step(step), ranks, training, data, rates=rates, replay_bytes=replay_bytes)

    @classmethod
    @names_explained
    def from_step(  # noqa: PLR0913  (as above)
        cls,
        step: Callable[[Any], Tensor | None],
        data: Iterable[Any] | Callable[[], Any],
        *,
        modules: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        stateful: Iterable[object] = (),
        group: str | int | None = None,
        only_group: str | int | None = None,
        replay_bytes: int = 1 << 30,
        process_group: ProcessGroup | None = None,
        rank_timeout: float = 600.0,
        snapshot_dir: str | PathLike[str] | None = None,
    ) -> TorchLearner:
        """Build a learner from any custom training step: several optimizers, several losses, custom precision.

        Args:
            step: ``step(batch) -> loss`` performs the whole update, ``zero_grad()`` and ``optimizer.step()`` included. The
                batch is on the device of the modules. Where a batch has nothing to train on, it may return None, and the
                next batch is drawn.
            data: as for the class.
            modules: every module that the step changes.
            optimizers: every optimizer that it steps; the rate applies to all of them, with ratios kept.
            stateful: every other object that it changes (gradient scalers, averaged weights, schedulers that it steps).
            group: as for the class; indices run across all optimizers' groups.
            only_group: as for ``group``.
            replay_bytes: as for the class.
            process_group: as for the class.
            rank_timeout: as for the class.
            snapshot_dir: as for the class.
        """
        modules, optimizers = check_parts(modules, optimizers)
        stateful, own_step, data = own_list(stateful), custom_step(step), batches_from(data)
        check_surroundings(data, process_group, rank_timeout)
        settings = partial(describe_settings, modules, optimizers, data, {})
        ranks = detect_ranks(modules, optimizers, settings, process_group=process_group, seconds=rank_timeout)
        wrapped = ranks.wrap_custom_step(own_step)
        training = TrainingState(
            modules, optimizers, stateful, data=own_source(data), callables={"step": step}, snapshot_dir=snapshot_dir
        )
        learner = cls.__new__(cls)
        rates = Rates(training.optimizers, group, only_group)
        learner._adopt(wrapped, ranks, training, data, rates=rates, replay_bytes=replay_bytes)  # noqa: SLF001  (a constructor)
        return learner

    def _adopt(  # noqa: PLR0913  (called by the two constructors alone)
        self,
        step: Step,
        ranks: SingleProcess,
        training: TrainingState,
        data: Iterable[Any],
        *,
        rates: Rates,
        replay_bytes: int,
    ) -> None:
        """Build the parts that both constructors share."""
        self._step, self._ranks, self.rank, self.ranks = step, ranks, ranks.rank, ranks.count
        self._state = training
        self._rates = rates
        self._watch = RateWatch(training)
        self._device = device_of(training.modules)
        alone = type(ranks) is SingleProcess  # several ranks read each loss, and must stop at the same one
        self._loss_sender = loss_sender(self._device) if alone else None
        device = self._device  # a reference to the learner would keep it, and its workers, alive
        self._batches = stream(
            training.data,
            training.generators,
            replay_bytes,
            keep=keeper(training.data),
            give=partial(to_device, device=device),
        )
        self._inspection = Inspection(training.modules, training.optimizers, training.stateful, data, training.callables)

    def iteration(self, lr: float) -> Loss:
        """Train on the next batch at ``lr``.

        Returns:
            The loss before the update: a float, or on an accelerator a detached tensor.

        Raises:
            LossError: the loss is not one number, or no gradient flows from it.
            BatchError: the batch is not an ``(input, target)`` pair, and there is no ``forward``.
            DataError: the data hold no batch, or have ended.
            OptimizerError: the rate does not reach each optimizer that steps.
        """
        self._rates.write(lr)
        if self._watch.is_due and lr > 0:
            with self._watch.watching():
                return self._step(self._batches.draw)
        loss = self._step(self._batches.draw)
        if lr > 0:
            self._watch.note(stayed=self._rates.stay(lr))
        return loss

    def iterations(self, lrs: Sequence[float]) -> Iterator[float] | None:
        """Train one iteration at each rate; on an accelerator, losses arrive a few iterations late so that it never waits.

        After the last loss, the learner is in the same state as after as many calls of :meth:`iteration`. Before that, it
        may be a few iterations ahead. The result is None on the CPU, where no loss is late.
        """
        return None if self._loss_sender is None else losses_in_order(self.iteration, lrs, self._loss_sender())

    def untrained(self, count: int) -> Iterator[float] | None:
        """Yield the losses of the next ``count`` iterations without updates: forwards alone, in training mode.

        The result is None for a custom step or ``iteration``, a scaler, an optimizer with a closure, several ranks, and
        before the first iteration. It is None too where that iteration drew random numbers after its forward, as noisy
        gradients do.
        """
        step = self._plain_step()
        if step is None or not step.is_forward_enough or self.ranks > 1:
            return None
        draw = self._batches.draw
        if self._loss_sender is None:
            return (float(step.loss_alone(draw)) for _ in range(count))
        return losses_in_order(lambda _: step.loss_alone(draw), [0.0] * count, self._loss_sender())

    def trim(self) -> None:
        """Release the gradients that the learner's own step releases first of all."""
        step = self._plain_step()
        if step is not None and not step.needs_closure:
            step.optimizer.zero_grad()

    def iterations_per_epoch(self) -> float | None:
        """Return how many updates one pass over the data takes, or None for data without a length."""
        batches = batches_per_pass(self._state.data)
        return None if batches is None else batches / self._batches_per_iteration

    def snapshot(self) -> TorchState:
        """Copy everything that an iteration changes, to memory or to ``snapshot_dir``."""
        with self._ranks.snapshot():
            self._initialize_lazy_modules()
            return TorchState(self._state.snapshot(), self._batches.mark())

    def restore(self, state: TorchState) -> None:
        """Restore everything as it was when ``state`` was copied, tensors in place.

        Raises:
            RestoreError: a part could not be restored; all others were.
        """
        training = ("training", partial(self._state.restore, state.training))
        position = ("position in the data", partial(self._batches.go, state.position))
        with self._ranks.restore():
            restore_all([training, position])

    def facts(self) -> TrainingFacts:
        """Return the family of the first optimizer, the examples in an update, and whether it has made updates before."""
        examples = self._batches.examples()
        return facts_of(self._state.optimizers[0], examples and examples * self._batches_per_iteration)

    def scheduler_note(self) -> str | None:
        """Return a remark on the schedulers that hold the optimizers, if there are any."""
        return note_on_schedulers(self._state.optimizers, self._state.stateful)

    def mean_over_ranks(self, loss: float) -> float:
        """Return the mean of a loss over the processes that train this model together."""
        return self._ranks.mean(loss)

    def parts(self) -> list[object]:
        """Return the modules, optimizers and parameters, none of which two threads may train at once."""
        return self._state.parts()

    def observe(self) -> Mapping[str, object]:
        """Return everything that can be compared, under names that users know; see :func:`lrfinder.check`."""
        return self._inspection.observe() | {"position in the data": position_of(self._batches.mark())}

    def unrestored(self) -> Mapping[str, object]:
        """Return what the loss and the step reach and a restore leaves as it is; see :func:`lrfinder.check`."""
        return self._inspection.unrestored()

    def close(self) -> None:
        """Close the iterator over the data, which ends its worker processes, and the channel between the ranks."""
        self._batches.close()
        self._ranks.close()

    def _plain_step(self) -> SupervisedStep | None:
        """Return the learner's own step, if an iteration is that alone: a subclass may read gradients or change the loss."""
        return self._own_step if type(self).iteration is TorchLearner.iteration else None

    def _initialize_lazy_modules(self) -> None:
        """Run one forward on the next batch, which stays the next, if there are lazy parameters."""
        if not self._state.lazy_modules():
            return
        if self._forward is None:
            message = (
                "The modules have uninitialized (lazy) parameters, and only the step knows their forward; run one first."
            )
            raise ModelError(message)
        self._state.initialize(self._forward, peek(self._batches, self._state.generators()))
