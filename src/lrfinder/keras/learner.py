"""The learner for Keras 3."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any, SupportsFloat

from lrfinder._arguments import items
from lrfinder._arguments.other_names import names_explained
from lrfinder._state.object_graph import GraphSnapshot
from lrfinder._state.tensorflow_data import draws_ahead
from lrfinder.errors import BatchError, LearnerError, LossError, ModelError
from lrfinder.keras._framework import RESETS_METRICS, keras
from lrfinder.keras.batches import arrays, batches_of, input_target_weights
from lrfinder.keras.first_use import FirstUse
from lrfinder.keras.optimizers import innermost_optimizer, optimizers_of
from lrfinder.keras.rates import ModelRate, facts_of
from lrfinder.keras.state import FRAMEWORK, KerasState, data_generators, functions_of, global_generators, has_seed_generator
from lrfinder.learner import BaseLearner
from lrfinder.randomness import capture, restore_states
from lrfinder.replay import batches_per_pass, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lrfinder._results.facts import TrainingFacts

_backend: Any = importlib.import_module("keras.src.backend")

MAX_OVERFLOWS = 16
"""A loss scale starts at 2**15 and halves, so more overflows in a row have another cause."""


class KerasLearner(BaseLearner):
    """A compiled Keras 3 model and its data as a :class:`lrfinder.Learner`, on the backends torch, jax and tensorflow.

    For example::

        learner = KerasLearner(model, (x, y), batch_size=64)
        suggestion = learner.suggest(horizon=3000)
        schedules.set_rate(model.optimizer, suggestion)

    An iteration draws a batch and calls ``model.train_on_batch``. Where the optimizer accumulates gradients or scales the
    loss, it draws further batches until the optimizer has made an update. The loss is that of the batch before the update,
    regularization included.

    Every optimizer that the model holds gets the rate, at its ratio to the highest: those inside ``MultiOptimizer`` and
    other wrappers, and those that a ``train_step`` has as attributes. A variable replaces a learning-rate schedule in an
    optimizer from the first iteration on; a restore brings the schedule back.

    Args:
        model: a compiled ``keras.Model``, built or not. A ``train_step`` of its own must return a ``"loss"``.
        data: an iterable of ``(x, y)`` or ``(x, y, sample_weight)`` batches: a list, a ``keras.utils.PyDataset``, a
            ``tf.data.Dataset``, a PyTorch ``DataLoader``. It is cycled without end, except for an iterator, which ends. Or
            the arrays ``(x, y)`` of the whole data set, which are shuffled as ``fit`` does; or a function that returns a
            batch.
        batch_size: the examples in a batch of arrays; 32 by default, as in ``fit``.
        class_weight: the weight of each class in the loss, as for ``fit``; not together with sample weights.
        stateful: further objects that the training changes; they are restored with all that they hold.
        replay_bytes: the most bytes of batches to cache for replay (see :func:`lrfinder.replay.stream`).

    Raises:
        ModelError: ``model`` is not a Keras model, or not compiled.
        OptimizerError: it was compiled without an optimizer.
        DataError: ``data`` cannot be iterated.
    """

    @names_explained
    def __init__(  # noqa: PLR0913  (what a training loop varies in)
        self,
        model: Any,
        data: Iterable[Any] | Callable[[], Any],
        *,
        batch_size: int | None = None,
        class_weight: Mapping[int, float] | None = None,
        stateful: Iterable[object] = (),
        replay_bytes: int = 1 << 30,
    ) -> None:
        check_compiled(model)
        data = batches_of(data, batch_size)
        self._model = model
        self._class_weight = None if class_weight is None else dict(class_weight)
        self._data = data
        self._stateful = items("stateful", stateful, "stateful=[average]", LearnerError)
        self._rate = ModelRate(model)
        self._first_use = FirstUse(model)
        self._of_data = of_data = data_generators(data)
        self._draws_ahead = draws_ahead(data)
        self._generators = lambda: (*global_generators(), *of_data)
        self._batches = stream(data, self._generators, replay_bytes, keep=arrays, give=arrays)
        self._is_loss_checked = False
        self._never_built: list[Any] = []  # parts that no forward builds

    def iteration(self, lr: float) -> float:
        """Train on the next batch at ``lr``; return its loss before the update.

        Raises:
            OptimizerError: an optimizer computes or changes its rate, or does not get the one that is written.
            LossError: the training step returns no loss, or more than one number.
            BatchError: the batch is neither ``(x, y)`` nor ``(x, y, sample_weight)``.
            DataError: there is no batch, or no more.
        """
        batch = self._draw()
        self._check_weights(batch[2])
        if not self._is_loss_checked:
            check_loss(self._model, *batch)
            self._is_loss_checked = True
        self._first_use.show()
        if self._rate.is_stale:
            self._make_ready(lambda: batch)
        self._rate.write(lr)
        loss = self._train(batch) if self._rate.updates_each_batch else self._train_until_update(batch)
        self._rate.check_written()
        return loss

    def iterations_per_epoch(self) -> float | None:
        """Return how many updates one pass over the data takes, or None for data without a length."""
        batches = batches_per_pass(self._data)
        accumulated = max(one.gradient_accumulation_steps or 1 for one in optimizers_of(self._model.optimizer).values())
        return None if batches is None else batches / accumulated

    def snapshot(self) -> KerasState:
        """Copy everything that an iteration changes, to the memory of the host."""
        self._first_use.begin()
        self._make_ready(self._peek)
        memory = self._memory()
        self._first_use.hide()
        return KerasState(memory, capture(self._generators()), self._batches.mark())

    def restore(self, state: KerasState) -> None:
        """Restore everything as it was at the snapshot: the same variables, the same objects."""
        had_seed_generator = has_seed_generator()
        self._stop_drawing_ahead()
        state.memory.restore()
        restore_states(state.randomness)
        self._batches.go(state.position)
        if had_seed_generator and not has_seed_generator():
            self._rate.forget()  # steps compiled since the snapshot draw from the generator that is gone
        self._rate.settle()
        self._first_use.hide()

    def facts(self) -> TrainingFacts:
        """Return the family of the optimizer, the examples in a batch, and whether it has made updates before."""
        return facts_of(self._model, self._batches.examples())

    def scheduler_note(self) -> str | None:
        """Return a remark on the schedules that variables have replaced, if there are any."""
        return self._rate.note()

    def applied_rate(self, lr: float) -> float:
        """Return the rate in the precision of the optimizer's variable, if that is half precision."""
        return self._rate.applied(lr)

    def parts(self) -> list[object]:
        """Return the model, its layers, variables and optimizer, none of which two threads may train at once."""
        return [*self._model._flatten_layers(), *self._model.variables, self._model.optimizer]

    def observe(self) -> dict[str, object]:
        """Return everything that can be compared, under readable names; see :func:`lrfinder.check`."""
        from lrfinder.keras.inspection import observe

        was_hidden = self._first_use.is_hidden
        self._first_use.show()
        others = {f"{type(one).__name__} {k}": one for k, one in enumerate(self._stateful)}
        found = observe(self._model, others, self._of_data)
        if was_hidden:
            self._first_use.hide()
        return found

    def close(self) -> None:
        """Drop the iterator of the data, and so the worker processes that it started."""
        self._batches.close()

    def _check_weights(self, sample_weight: object) -> None:
        if self._class_weight is not None and sample_weight is not None:
            message = "There are sample weights in a batch, and class_weight; give one of the two, as for fit()."
            raise BatchError(message)

    def _make_ready(self, batch: Callable[[], tuple[Any, Any, Any]]) -> None:
        """Make all variables that a training step needs, and find the optimizers that it uses."""
        unbuilt = unbuilt_parts(self._model)
        if unbuilt and list(map(id, unbuilt)) != list(map(id, self._never_built)):
            self._build(batch())
        if self._rate.look():
            self._rehearse(batch())

    def _build(self, batch: tuple[Any, Any, Any]) -> None:
        """Build by a forward in inference mode that computes shapes alone, as train_on_batch does on two of the backends.

        Some parts are never built, such as the loss of ``compile`` where ``compute_loss`` does not use it. If nothing else
        was left, the forward has created nothing, and what it changed is restored.
        """
        before, memory, randomness = unbuilt_parts(self._model), self._memory(), capture(self._generators())
        self._model._symbolic_build(data_batch=batch)
        self._never_built = unbuilt_parts(self._model)
        if len(self._never_built) == len(before):
            memory.restore()
            restore_states(randomness)

    def _rehearse(self, batch: tuple[Any, Any, Any]) -> None:
        """Train on a batch and restore everything, to see which optimizers that takes; build those that it builds."""
        had_step = self._model.train_function is not None
        unbuilt = [one for one in optimizers_of(self._model).values() if not one.built]
        memory, randomness, before = self._memory(), capture(self._generators()), self._rate.counters()
        try:
            self._train(batch)
            used = [name for name, now in self._rate.counters().items() if now != before[name]]
            built = [(one, list(one._trainable_variables)) for one in unbuilt if one.built]
        finally:
            memory.restore()
            restore_states(randomness)
        for optimizer, variables in built:
            optimizer.build(variables)
        if built or not had_step:
            self._model.train_function = None  # it may refer to variables that are gone
        if used:
            self._rate.use(used)

    def _memory(self) -> GraphSnapshot:
        roots, functions = [self._model, *self._stateful], functions_of(self._model)
        return GraphSnapshot(roots, FRAMEWORK, functions, [self._data], self._of_data)

    def _draw(self) -> tuple[Any, Any, Any]:
        return input_target_weights(self._batches.draw())

    def _peek(self) -> tuple[Any, Any, Any]:
        """Return the next batch, which stays the next, and leave the generators as they were."""
        randomness, mark = capture(self._generators()), self._batches.mark()
        batch = self._draw()
        self._stop_drawing_ahead()
        self._batches.go(mark)
        restore_states(randomness)
        return batch

    def _stop_drawing_ahead(self) -> None:
        """Close an open pass that would go on to change what is about to be restored."""
        if self._draws_ahead:
            self._batches.close()

    def _train(self, batch: tuple[Any, Any, Any]) -> float:
        x, y, sample_weight = batch
        if not RESETS_METRICS:
            self._model.reset_metrics()  # otherwise the loss is a running mean
        return loss_in(self._model.train_on_batch(x, y, sample_weight, self._class_weight, return_dict=True))

    def _train_until_update(self, batch: tuple[Any, Any, Any]) -> float:
        """Train until every optimizer has made an update; return the mean loss of the batches in it."""
        optimizers = self._rate.holders
        losses: list[float] = []
        overflows = 0
        while True:
            before = [int(one._iterations) for one in optimizers]
            loss = self._train(batch)
            now = [int(one._iterations) for one in optimizers]
            if now != before:
                losses.append(loss)
            else:
                overflows += 1
            if not math.isfinite(loss) or overflows == MAX_OVERFLOWS:
                return loss
            left = [count % (one.gradient_accumulation_steps or 1) for count, one in zip(now, optimizers, strict=True)]
            if now != before and not any(left):
                return math.fsum(losses) / len(losses)
            batch = self._draw()


def loss_in(logs: Any) -> float:
    """Return the loss in the logs of a training step.

    Raises:
        LossError: there is none, or it is not one number.
    """
    loss = logs.get("loss") if isinstance(logs, dict) else None
    if not isinstance(loss, SupportsFloat) or getattr(loss, "shape", ()) != ():
        message = f"The training step returned {logs!s:.80}; it must return a dict in which 'loss' is one number."
        raise LossError(message)
    return float(loss)


def check_compiled(model: Any) -> None:
    """Refuse a model that cannot be trained.

    Raises:
        ModelError: it is not a Keras model, or not compiled.
        OptimizerError: it was compiled without an optimizer.
    """
    if not isinstance(model, keras.Model):
        message = f"model is a {type(model).__name__}; give a keras.Model."
        raise ModelError(message)
    if not model.compiled:
        message = f"The model {model.name!r} is not compiled; call model.compile(optimizer=..., loss=...) first."
        raise ModelError(message)
    innermost_optimizer(model)


def unbuilt_parts(model: Any) -> list[Any]:
    """Return those of the model's layers, its metrics, its loss and its optimizer whose variables do not all exist."""
    parts = [*model._flatten_layers(), model._compile_metrics, model._compile_loss, model.optimizer]
    return [part for part in parts if part is not None and not part.built]


def check_loss(model: Any, x: Any, y: Any, sample_weight: Any) -> None:
    """Refuse a missing loss, or one that is not a single number, where Keras itself does not check.

    It computes shapes alone, and leaves no trace in the model.

    Raises:
        LossError: ``compile`` was given no loss and no layer adds one, or ``compute_loss`` returns more than one number.
    """
    own_loss = type(model).compute_loss is not keras.Model.compute_loss
    if type(model).train_step is not keras.Model.train_step or (model.loss is not None and not own_loss):
        return
    added: list[bool] = []

    def loss(x: Any, y: Any, sample_weight: Any) -> Any:
        with keras.StatelessScope(collect_losses=True):  # without it, losses that layers add are dropped
            y_pred = model(x, training=False)
            added.append(bool(model.losses))
            return model.compute_loss(x, y, y_pred, sample_weight) if own_loss or added[-1] else keras.ops.zeros(())

    def spec(value: Any) -> Any:
        return None if value is None else keras.KerasTensor(value.shape, keras.backend.standardize_dtype(value.dtype))

    shapes = keras.tree.map_structure(spec, (x, y, sample_weight))
    shape = tuple(_backend.compute_output_spec(loss, *shapes).shape)
    if not own_loss and not added[-1]:
        message = "The model was compiled without a loss, and no layer adds one; give one: model.compile(loss=..., ...)."
        raise LossError(message)
    if shape != ():
        message = f"compute_loss returns a loss of shape {shape}; it must be one number: take its mean or its sum."
        raise LossError(message)
