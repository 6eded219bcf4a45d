"""The validation loss of a Keras model."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lrfinder._state.batch_copies import examples_in
from lrfinder._state.object_graph import GraphSnapshot
from lrfinder.keras.batches import arrays, batches_of, input_target_weights
from lrfinder.keras.first_use import structure_of
from lrfinder.keras.learner import check_compiled, loss_in
from lrfinder.keras.state import FRAMEWORK, data_generators, global_generators
from lrfinder.wrappers import MeanLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable


def mean_loss(model: Any, data: Iterable[Any], batches: int | None = None) -> Callable[[], float]:
    """Return a function that computes the validation loss of the model, for :class:`lrfinder.Validated`::

        learner = KerasLearner(model, train_data)
        validated = lrfinder.Validated(learner, mean_loss(model, val_data))

    The function calls ``model.test_on_batch``: the loss of ``compile``, regularization included, in inference mode and
    without gradients. It returns the mean over all examples, so that a smaller last batch counts less. Every call reads the
    same batches. Afterwards the metrics and the random numbers are as they were.

    Args:
        model: the compiled model that is trained.
        data: ``(x, y)`` or ``(x, y, sample_weight)`` batches that can be iterated again and again: a list, a ``PyDataset``;
            or the arrays ``(x, y)`` of the whole data set.
        batches: how many batches to read each time; all by default.

    Raises:
        ModelError: ``model`` is not a Keras model, or not compiled.
        DataError: ``data`` can be iterated only once, or ``batches`` is below 1.
    """
    check_compiled(model)
    data = batches_of(data, shuffle=False)
    of_data = data_generators(data)

    def loss_of(batch: Any) -> tuple[float, int]:
        x, y, sample_weight = input_target_weights(arrays(batch))
        model.reset_metrics()  # otherwise the loss is a running mean
        loss = loss_in(model.test_on_batch(x, y, sample_weight, return_dict=True))
        return loss, examples_in(x) or 1

    return MeanLoss(
        loss_of,
        data,
        batches,
        generators=lambda: (*global_generators(), *of_data),
        evaluating=_Untouched(model),
    )


class _Untouched:
    """A context in which a model evaluates; it leaves metrics, optimizer and the compiled step as they were.

    The step is kept for the next time, so that it is compiled once.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._compiled: tuple[object, object] = (None, None)  # the loss that a step was compiled for, and the step

    @contextmanager
    def __call__(self) -> Generator[None]:
        model, own = self._model, self._model.test_function
        metrics = GraphSnapshot(list(model.metrics), FRAMEWORK)
        unbuilt = None if model.optimizer.built else structure_of(model.optimizer)  # the first evaluation builds it
        model.test_function = self._take_step() if own is None else own
        try:
            yield
        finally:
            self._compiled = model._compile_loss, model.test_function
            model.test_function = own
            metrics.restore()
            if unbuilt is not None:
                unbuilt.restore()

    def _take_step(self) -> object:
        """Return the step, and None after another ``compile``: while a step is kept, JAX compiles no other."""
        (loss, step), self._compiled = self._compiled, (None, None)
        return step if loss is self._model._compile_loss else None
