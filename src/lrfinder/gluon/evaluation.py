"""The validation loss of a Gluon network."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from lrfinder._state.data_calls import batches_from
from lrfinder.gluon._devices import as_list, default_device
from lrfinder.gluon.batches import ReplayIterator, data_and_label, to_devices
from lrfinder.wrappers import MeanLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def mean_loss(
    net: Any, loss_fn: Callable[[Any, Any], Any], data: Iterable[Any], batches: int | None = None
) -> Callable[[], float]:
    """Return a function that computes the validation loss of a network, for :class:`lrfinder.Validated`::

        learner = GluonLearner(net, train_data, loss_fn=loss_fn)
        validated = lrfinder.Validated(learner, mean_loss(net, loss_fn, val_data))

    The function computes without gradients, in prediction mode, on the devices of the network. It returns the mean over all
    examples, so that a smaller last batch counts less. Every call reads the same batches, and leaves the generators of
    NumPy and Python as they were.

    Args:
        net: the network that is trained.
        loss_fn: ``loss_fn(output, label)``, a loss for each sample.
        data: ``(data, label)`` batches that can be iterated again and again.
        batches: how many batches to read each time; all by default.

    Raises:
        DataError: ``data`` can be iterated only once, or ``batches`` is below 1.
    """

    def loss_of(batch: Any) -> tuple[float, int]:
        devices = as_list(default_device(net))
        inputs, labels = (to_devices(part, devices) for part in data_and_label(batch))
        losses = [loss_fn(net(one), label) for one, label in zip(inputs, labels, strict=True)]
        return sum(float(loss.sum().item()) for loss in losses) / sum(loss.size for loss in losses), len(batch[0])

    data = batches_from(data)
    generators = ReplayIterator(data).generators
    return MeanLoss(loss_of, data, batches, generators=generators, evaluating=nullcontext)
