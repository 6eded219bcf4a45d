"""The validation loss of a JAX training."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import jax

from lrfinder._state.batch_copies import examples_in
from lrfinder.jax.batches import DataSource, arrays_of
from lrfinder.jax.step import loss_value
from lrfinder.wrappers import MeanLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lrfinder.jax.learner import OptaxLearner


def mean_loss(
    learner: OptaxLearner, loss_fn: Callable[..., Any], data: Iterable[Any], batches: int | None = None
) -> Callable[[], float]:
    """Return a function that computes the validation loss of a learner, for :class:`lrfinder.Validated`::

        learner = OptaxLearner(loss_fn, params, optax.adam, train_data)
        validated = lrfinder.Validated(learner, mean_loss(learner, loss_fn, val_data))

    The function computes no gradients, and reads the present parameters of the learner. It returns the mean over all
    examples, so that a smaller last batch counts less. Every call reads the same batches, and leaves the random numbers as
    they were.

    Args:
        learner: the learner that trains.
        loss_fn: ``loss_fn(params, batch) -> loss``, the mean over the examples of a batch; for a learner with ``state``,
            ``loss_fn(params, state, batch) -> (loss, state)``, whose new state is dropped. It is compiled. For evaluation
            without dropout, give another function than that of the training.
        data: batches, which are pytrees of arrays: a list, a loader.
        batches: how many batches to read each time; all by default.

    Raises:
        DataError: ``data`` can be iterated only once, or ``batches`` is below 1.
    """
    value = jax.jit(loss_value(loss_fn, stateful=learner.state is not None))

    def loss_of(batch: Any) -> tuple[float, int]:
        loss, _ = value(learner.params, learner.state, arrays_of(batch))
        return float(loss), examples_in(batch) or 1

    source = DataSource(data, 0, 0)
    return MeanLoss(loss_of, source.data, batches, generators=source.generators, evaluating=nullcontext)
