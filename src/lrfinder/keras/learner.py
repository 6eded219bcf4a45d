"""The Keras learner."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsFloat

from lrfinder._state.object_graph import Memory
from lrfinder.errors import LossError
from lrfinder.keras._framework import RESETS_METRICS
from lrfinder.keras._model import build, check_compiled, check_loss, is_built
from lrfinder.keras._randomness import generators, generators_of, has_seed_generator
from lrfinder.keras.batches import arrays, portable, three_parts
from lrfinder.keras.rates import Rate, innermost
from lrfinder.keras.state import take
from lrfinder.randomness import States, capture, put_back
from lrfinder.replay import stream

if TYPE_CHECKING:
    from collections.abc import Iterable

_OVERFLOWS_AT_MOST = 16  # a loss scale starts at 2**15 and halves; after as many overflows the fault is not the scale


class KerasState(NamedTuple):
    """What a :class:`KerasLearner` was like at a snapshot."""

    memory: Memory
    randomness: States
    place: object


class KerasLearner:
    """A compiled Keras 3 model and its data as a :class:`lrfinder.Learner`, on the back ends torch, jax and tensorflow.

    An iteration draws a batch and calls ``model.train_on_batch``; where the optimizer accumulates gradients or scales the
    loss, it does so until the optimizer has made an update. The loss is that of the batch, regularisation included, before
    the update. A learning-rate schedule in the optimizer is taken out at the first iteration, and put back by a restore.

    Args:
        model: a compiled ``keras.Model``, built or not. A ``train_step`` of its own must give a ``"loss"``.
        data: an iterable of ``(x, y)`` or ``(x, y, sample_weight)`` batches: a list, a ``keras.utils.PyDataset``, a
            ``tf.data.Dataset``, a PyTorch ``DataLoader``. It is cycled without end, but for an iterator, which ends.
        stateful: further objects that the training changes; put back by their attributes.
        replay_bytes: how many bytes of batches may be kept for replay (see :func:`lrfinder.replay.stream`).

    Raises:
        ModelError: ``model`` is no Keras model, or not compiled.
        OptimizerError: it was compiled without an optimizer.
        DataError: ``data`` cannot be iterated.
    """

    def __init__(
        self, model: Any, data: Iterable[Any], *, stateful: Iterable[object] = (), replay_bytes: int = 1 << 30
    ) -> None:
        check_compiled(model)
        self._model = model
        self._stateful = [vars(one) for one in stateful]
        self._rate = Rate(model)
        of_data = generators_of(data)
        self._generators = lambda: (*generators(), *of_data)
        self._batches = stream(portable(data), self._generators, replay_bytes)
        self._checked = False

    def iteration(self, lr: float) -> float:
        """Train on the next batch at ``lr``; its loss before the update.

        Raises:
            LossError: the training step gives no loss, or one that is not one number.
            BatchError: the batch is no ``(x, y)`` and no ``(x, y, sample_weight)``.
            DataError: there is no batch, or no more.
        """
        batch = self._draw()
        if not self._checked:
            check_loss(self._model, *batch)
            self._checked = True
        self._rate.write(lr)
        optimizer = innermost(self._model)
        if optimizer is self._model.optimizer and not optimizer.gradient_accumulation_steps:
            return self._train(batch)
        return self._until_updated(batch, optimizer)

    def snapshot(self) -> KerasState:
        """A copy of everything that an iteration changes; on the host, whatever the device."""
        if not is_built(self._model):
            self._build()
        return KerasState(Memory([self._model, *self._stateful], take), capture(self._generators()), self._batches.mark())

    def restore(self, state: KerasState) -> None:
        """Put everything back as it was when ``state`` was made: the same variables, the same objects."""
        had_seed_generator = has_seed_generator()
        state.memory.restore()
        put_back(state.randomness)
        self._batches.go(state.place)
        if had_seed_generator and not has_seed_generator():
            self._rate.forget()  # a step that was compiled since draws from one that is gone
        self._rate.settle()

    def close(self) -> None:
        """Let go of the data's iterator, and so of the worker processes that it started."""
        self._batches.close()

    def _draw(self) -> tuple[Any, Any, Any]:
        return three_parts(arrays(self._batches.draw()))

    def _train(self, batch: tuple[Any, Any, Any]) -> float:
        x, y, sample_weight = batch
        if not RESETS_METRICS:
            self._model.reset_metrics()  # or the loss is a running mean
        logs = self._model.train_on_batch(x, y, sample_weight, return_dict=True)
        return one_number(logs)

    def _until_updated(self, batch: tuple[Any, Any, Any], optimizer: Any) -> float:
        """Train until the optimizer has made an update; the mean loss of the batches that went into it."""
        losses: list[float] = []
        overflows = 0
        while True:
            before = int(optimizer._iterations)
            loss = self._train(batch)
            now = int(optimizer._iterations)
            if now > before:
                losses.append(loss)
            else:
                overflows += 1
            if not math.isfinite(loss) or overflows == _OVERFLOWS_AT_MOST:
                return loss
            if now > before and now % (optimizer.gradient_accumulation_steps or 1) == 0:
                return math.fsum(losses) / len(losses)
            batch = self._draw()

    def _build(self) -> None:
        """Make the variables that do not exist yet, for the next batch, which stays the next."""
        before, place = capture(self._generators()), self._batches.mark()
        batch = self._draw()
        self._batches.go(place)
        put_back(before)
        build(self._model, *batch)


def one_number(logs: Any) -> float:
    """The loss that a training step gave.

    Raises:
        LossError: it gave none, or not one number.
    """
    loss = logs.get("loss") if isinstance(logs, dict) else None
    if not isinstance(loss, SupportsFloat) or getattr(loss, "shape", ()) != ():
        message = f"The training step gave {logs!s:.80}; it must give a dict in which 'loss' is one number."
        raise LossError(message)
    return float(loss)
