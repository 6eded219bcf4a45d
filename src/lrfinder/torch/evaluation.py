"""The validation loss of a PyTorch model, and the evaluation mode that it is computed in."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lrfinder._state.batch_copies import examples_in
from lrfinder._state.data_calls import batches_from
from lrfinder.errors import LossError
from lrfinder.torch._randomness import data_generators, global_generators
from lrfinder.torch.batches import device_of, own_source, to_device
from lrfinder.torch.step import supervised_forward
from lrfinder.wrappers import MeanLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable


def mean_loss(
    model: nn.Module,
    loss_fn: Callable[[Any, Any], Tensor] | None,
    loader: Iterable[Any] | Callable[[], Any],
    batches: int | None = None,
    *,
    forward: Callable[[nn.Module, Any], Tensor] | None = None,
) -> Callable[[], float]:
    """Return a function that computes the validation loss of the model, for :class:`lrfinder.Validated`::

        learner = TorchLearner(model, optimizer, loss_fn, train_loader)
        validated = lrfinder.Validated(learner, mean_loss(model, loss_fn, val_loader))

    The function computes without gradients, in evaluation mode, on the model's device. It returns the mean over all
    examples, so that a smaller last batch counts less. Every call reads the same batches, also from a loader that shuffles.
    Afterwards the mode of each module and the random numbers are as they were.

    Args:
        model: the model that is trained.
        loss_fn: ``loss_fn(output, target)``: the mean over the examples of a batch, or a loss for each of them; unused, and
            may be None, if ``forward`` is given. A module with ``reduction="sum"`` is divided by their number.
        loader: batches, ``(input, target)`` pairs unless ``forward`` is given: a ``DataLoader``, a list.
        batches: how many batches to read each time; all by default.
        forward: ``forward(model, batch) -> loss``, for any other kind of batch, model or loss.

    Raises:
        LossError: there is neither a ``loss_fn`` nor a ``forward``.
        DataError: ``loader`` can be iterated only once, or ``batches`` is below 1.
    """
    loss_of_batch = supervised_forward(loss_fn) if forward is None else forward
    is_sum = forward is None and getattr(loss_fn, "reduction", "mean") == "sum"
    data = own_source(batches_from(loader))
    of_data = data_generators(data)

    def loss_of(batch: Any) -> tuple[float, int]:
        examples = examples_in(batch) or 1
        loss = _mean(loss_of_batch(model, to_device(batch, device_of([model]))))
        return (loss / examples if is_sum else loss), examples

    return MeanLoss(
        loss_of,
        data,
        batches,
        generators=lambda: (*global_generators(), *of_data),
        evaluating=lambda: evaluation_mode(model),
    )


@contextmanager
def evaluation_mode(model: nn.Module) -> Generator[None]:
    """Compute without gradients and in evaluation mode; afterwards each part of the model has its mode back."""
    modes = [(part, part.training) for part in model.modules()]
    try:
        with torch.no_grad():
            model.eval()
            yield
    finally:
        for part, training in modes:
            part.training = training


def _mean(loss: object) -> float:
    if not isinstance(loss, Tensor | float):
        message = f"The validation loss of a batch is a {type(loss).__name__}; it must be a tensor or a float."
        raise LossError(message)
    return float(loss.mean() if isinstance(loss, Tensor) else loss)
