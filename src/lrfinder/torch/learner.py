"""The PyTorch learner."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from lrfinder._state.rollback import put_back_all
from lrfinder.errors import LearnerError, LossError, ModelError
from lrfinder.randomness import capture, put_back
from lrfinder.replay import stream
from lrfinder.torch._async_loss import in_order, sender
from lrfinder.torch._data_state import generators_of
from lrfinder.torch._distributed.consistency import describe_settings
from lrfinder.torch._distributed.ranks import SingleProcess, detect_ranks
from lrfinder.torch._snapshot.disk import OnDisk
from lrfinder.torch._snapshot.host import InMemory
from lrfinder.torch._training_state import TrainingSnapshot, TrainingState
from lrfinder.torch.batches import own_source, to_device
from lrfinder.torch.rates import Rates
from lrfinder.torch.step import Loss, Step, SupervisedStep, check_pair, kept, supervised

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
    from os import PathLike

    from torch.distributed import ProcessGroup
    from torch.optim import Optimizer


class TorchState(NamedTuple):
    """Snapshot of a :class:`TorchLearner`."""

    training: TrainingSnapshot
    position: object


class TorchLearner:
    """A PyTorch model, its loss, its optimizer and its data as a :class:`lrfinder.Learner`.

    An iteration draws a batch, moves it to the model's device and makes one update as a training script does:
    ``optimizer.zero_grad()``, forward, backward, clipping, ``optimizer.step()``. Batches are ``(input, target)`` pairs and
    the loss is ``loss_fn(model(input), target)``, unless ``forward`` is given. A scheduler that is attached to the optimizer
    is neither stepped nor changed. A model that is wholly in evaluation mode is trained in training mode; one of which a
    part is in training mode is trained as it is.

    The rate given to :meth:`iteration` is that of the parameter group with the highest rate (or of ``group``); the other
    groups keep their ratio to it.

    Args:
        model: the model, on its device.
        optimizer: an optimizer of the model's parameters.
        loss_fn: ``loss_fn(output, target) -> loss``; may be None where ``forward`` is given, and is then not called.
        data: an iterable of batches: a ``DataLoader``, a list, a generator function's result. It is cycled without end, but
            for an iterator, which ends.
        forward: ``forward(model, batch) -> loss``, for any other kind of batch, model or loss.
        autocast: the dtype to compute the forward in, ``torch.bfloat16`` say.
        scaler: the script's ``torch.amp.GradScaler``. A batch on which it overflows makes no update, so another is drawn.
        accumulate: batches to an update; the loss is the mean of theirs.
        clip: called with the optimizer's parameters before each update:
            ``lambda parameters: torch.nn.utils.clip_grad_norm_(parameters, 1.0)``.
        group: the parameter group whose rate is given, by its place or by its entry ``"name"``.
        stateful: further objects that the training changes (an averaged model, a metric); put back by their attributes.
        replay_bytes: how many bytes of batches may be kept for replay (see :func:`lrfinder.replay.stream`).
        snapshot_dir: a folder to write snapshots to, for a model of which memory holds no second; they are gone when the
            search is. Needs safetensors.
        process_group: the processes that train this model together, where its wrapper (``DistributedDataParallel``,
            ``fully_shard``, ``ZeroRedundancyOptimizer``) does not show them; see :mod:`lrfinder.torch._distributed.ranks`.
        rank_timeout: seconds within which a fault of one of them ends the iteration on all; one that keeps the others
            waiting for a quarter of it counts as ended.

    Attributes:
        rank: this process's, among those that there are; 0 tells and writes.

    Raises:
        LearnerError: a subclass of it says which argument does not fit.
    """

    def __init__(  # noqa: PLR0913  (what a training loop varies in)
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss_fn: Callable[[Any, Any], Tensor] | None,
        data: Iterable[Any],
        *,
        forward: Callable[[nn.Module, Any], Tensor] | None = None,
        autocast: torch.dtype | None = None,
        scaler: torch.amp.GradScaler | None = None,
        accumulate: int = 1,
        clip: Callable[[list[nn.Parameter]], object] | None = None,
        group: str | int | None = None,
        stateful: Iterable[object] = (),
        replay_bytes: int = 1 << 30,
        process_group: ProcessGroup | None = None,
        rank_timeout: float = 600.0,
        snapshot_dir: str | PathLike[str] | None = None,
    ) -> None:
        check_pair(model, optimizer)
        if forward is None and loss_fn is None:
            message = "loss_fn is None and there is no forward; give one of the two."
            raise LossError(message)
        if accumulate < 1:
            message = f"accumulate is {accumulate!r}; an update needs at least 1 batch."
            raise LearnerError(message)
        device = _device_of([model])
        forward = supervised(cast("Callable[[Any, Any], Tensor]", loss_fn)) if forward is None else forward
        settings = partial(
            describe_settings,
            [model],
            [optimizer],
            data,
            {"accumulate": accumulate, "autocast": autocast, "clip": clip is not None},
        )
        ranks = detect_ranks([model], [optimizer], settings, process_group=process_group, seconds=rank_timeout)
        step = SupervisedStep(
            model,
            optimizer,
            ranks.wrap_forward(forward, accumulate),
            autocast=autocast,
            scaler=scaler,
            accumulate=accumulate,
            clip=clip,
            device=device,
        )
        stateful = [*stateful] if scaler is None else [*stateful, scaler]
        self._set_up(
            ranks.wrap_step(step), ranks, data, [model], [optimizer], stateful, device, group, replay_bytes, snapshot_dir
        )
        self._first_forward = forward

    @classmethod
    def from_step(  # noqa: PLR0913  (as above)
        cls,
        step: Callable[[Any], Tensor],
        data: Iterable[Any],
        *,
        modules: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        stateful: Iterable[object] = (),
        group: str | int | None = None,
        replay_bytes: int = 1 << 30,
        process_group: ProcessGroup | None = None,
        rank_timeout: float = 600.0,
        snapshot_dir: str | PathLike[str] | None = None,
    ) -> TorchLearner:
        """A learner of any other training step: several optimizers, several losses, precision of one's own.

        Args:
            step: ``step(batch) -> loss`` makes the whole update, ``zero_grad()`` and ``optimizer.step()`` included. The
                batch is on the modules' device.
            data: as for the class.
            modules: every module that the step changes.
            optimizers: every optimizer that it steps; the rate is written into all of them, ratios kept.
            stateful: every other object that it changes (gradient scalers, averaged weights, schedulers that it steps).
            group: as for the class; places count through all optimizers.
            replay_bytes: as for the class.
            process_group: as for the class.
            rank_timeout: as for the class.
            snapshot_dir: as for the class.
        """
        learner = cls.__new__(cls)
        modules, optimizers = list(modules), list(optimizers)
        if not modules or not optimizers:
            message = f"There are {len(modules)} modules and {len(optimizers)} optimizers; give at least one of each."
            raise LearnerError(message)

        def stepped(draw: Callable[[], Any]) -> Loss:
            loss: Any = step(draw())
            if isinstance(loss, Tensor) and loss.numel() != 1:
                message = f"The step returned a loss of shape {tuple(loss.shape)}; it must be one number."
                raise LossError(message)
            return kept(loss) if isinstance(loss, Tensor) else float(loss)

        device = _device_of(modules)
        settings = partial(describe_settings, modules, optimizers, data, {})
        ranks = detect_ranks(modules, optimizers, settings, process_group=process_group, seconds=rank_timeout)
        learner._set_up(  # noqa: SLF001  (a constructor)
            ranks.wrap_custom_step(stepped),
            ranks,
            data,
            modules,
            optimizers,
            stateful,
            device,
            group,
            replay_bytes,
            snapshot_dir,
        )
        learner._first_forward = None  # noqa: SLF001  (as above)
        return learner

    def _set_up(  # noqa: PLR0913, PLR0917  (called from the two constructors alone)
        self,
        step: Step,
        ranks: SingleProcess,
        data: Iterable[Any],
        modules: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        stateful: Iterable[object],
        device: torch.device,
        group: str | int | None,
        replay_bytes: int,
        snapshot_dir: str | PathLike[str] | None,
    ) -> None:
        self._step = step
        self._ranks = ranks
        self.rank = ranks.rank
        self._modules = modules
        self._optimizers = optimizers
        self._data = data
        self._device = device
        alone = type(ranks) is SingleProcess  # several ranks read each loss, and must stop at the same one
        self._sender = sender(device) if alone else None
        self._rates = Rates(optimizers, group)
        source = own_source(data)
        copies = InMemory() if snapshot_dir is None else OnDisk(snapshot_dir)
        self._state = TrainingState(modules, optimizers, stateful, of_data=generators_of(source), copies=copies)
        self._batches = stream(source, self._state.generators, replay_bytes)
        self._first_forward: Callable[[nn.Module, Any], Tensor] | None

    def _draw(self) -> Any:
        return to_device(self._batches.draw(), self._device)

    def iteration(self, lr: float) -> Loss:
        """Train on the next batch at ``lr``; its loss before the update, a float, or on an accelerator a detached tensor.

        Raises:
            LossError: the loss is not one number, or no gradient flows from it.
            BatchError: the batch is no ``(input, target)`` pair, and there is no ``forward``.
            DataError: there is no batch, or no more.
        """
        self._rates.write(lr)
        return self._step(self._draw)

    @property
    def iterations(self) -> Callable[[Iterable[float]], Iterator[float]] | None:
        """Many iterations at once, whose losses are read without stopping the device, a few iterations late.

        None on the CPU, where no loss is late. Once all losses were taken, the learner is where so many calls of
        :meth:`iteration` leave it; before that it may be a few iterations further.
        """
        if self._sender is None:
            return None
        send = self._sender()
        return lambda lrs: in_order(self.iteration, lrs, send)

    def snapshot(self) -> TorchState:
        """A copy of everything that an iteration changes here; see :mod:`lrfinder.torch._snapshot.host` for where it lies."""
        with self._ranks.snapshot():
            self._make_lazy_parameters()
            return TorchState(self._state.snapshot(), self._batches.mark())

    def restore(self, state: TorchState) -> None:
        """Put everything back as it was when ``state`` was made, tensors in place.

        Raises:
            RestoreError: some of it could not be; all else has been.
        """
        pieces = [
            ("training", partial(self._state.restore, state.training)),
            ("place in the data", partial(self._batches.go, state.position)),
        ]
        with self._ranks.restore():
            put_back_all(pieces)

    def parts(self) -> list[object]:
        """The modules, optimizers and parameters; two learners that share one of them cannot be swept at once."""
        return self._state.parts()

    def observe(self) -> Mapping[str, object]:
        """Everything of it that can be compared, under readable names; see :func:`lrfinder.check`."""
        place = self._batches.mark()
        return self._state.observe(self._data) | {"place in the data": getattr(place, "place", place)}

    def close(self) -> None:
        """Let go of the data's iterator, and so of the worker processes that it started."""
        self._batches.close()
        self._ranks.close()

    def _make_lazy_parameters(self) -> None:
        """One forward in evaluation mode on the next batch, which stays the next, where parameters do not exist yet."""
        lazy = self._state.lazy_modules()
        if not lazy:
            return
        if self._first_forward is None:
            message = (
                "The modules have parameters that do not exist yet, and only the step knows their forward; make one first."
            )
            raise ModelError(message)
        before, place = capture(self._state.generators()), self._batches.mark()
        batch = self._draw()
        self._batches.go(place)
        put_back(before)
        for module in lazy:
            with torch.no_grad(), _evaluating(module):
                self._first_forward(module, batch)


@contextmanager
def _evaluating(model: nn.Module) -> Generator[None]:
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _device_of(modules: Sequence[nn.Module]) -> torch.device:
    parameter = next((parameter for module in modules for parameter in module.parameters()), None)
    return torch.device("cpu") if parameter is None else parameter.device
