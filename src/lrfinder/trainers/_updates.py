"""Updates over several batches: the batches of each, and its loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast

import torch
from torch import Tensor

from lrfinder.errors import LossError
from lrfinder.torch.batches import own_source


class BatchGroups:
    """Batches in lists of ``size``, one per update. As in a trainer, the last update of a pass may have fewer."""

    def __init__(self, data: Iterable[Any], size: int) -> None:
        self.data = own_source(data)
        self.size = size

    def __iter__(self) -> Iterator[list[Any]]:
        return grouped(iter(self.data), self.size)


def grouped(batches: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Yield the batches in lists of ``size``."""
    while group := list(islice(batches, size)):
        yield group


def loss_in(output: object, source: str) -> Tensor:
    """Return the loss in the output of ``source``, detached.

    Raises:
        LossError: the output holds none.
    """
    loss = cast("Mapping[str, object]", output).get("loss") if isinstance(output, Mapping) else output
    if isinstance(loss, float):
        return torch.tensor(loss, dtype=torch.float64)
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        message = f"{source} gave {output!s:.80}; it must give the loss as one number, or a dict with a 'loss'."
        raise LossError(message)
    return loss.detach()


def mean_loss(losses: Sequence[Tensor]) -> Tensor:
    """Return the mean of the losses of one update."""
    return losses[0] if len(losses) == 1 else torch.stack(list(losses)).mean()
