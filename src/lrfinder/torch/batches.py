"""Batches: their source, their transfer to the model's device, and their parts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lrfinder.errors import BatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import nn


def own_source(data: Iterable[Any]) -> Iterable[Any]:
    """Return the data, or a copy of the loader where a pass over the user's loader would disturb it.

    ``iter()`` of a ``DataLoader`` with ``persistent_workers`` resets the one iterator that all its users share. The copy
    starts its workers for each pass: persistent workers keep their random numbers between passes and could not repeat one.
    The ``state_dict()`` of a stateful loader gives the position of the pass that was opened last.
    """
    if not (isinstance(data, DataLoader) and (data.persistent_workers or hasattr(data, "state_dict"))):
        return data
    loader = cast("DataLoader[Any]", copy.copy(data))
    vars(loader).update(_iterator=None, persistent_workers=False)  # setattr refuses the latter
    return loader


def device_of(modules: Sequence[nn.Module]) -> torch.device:
    """Return the device of the first parameter; the CPU if there is none."""
    parameter = next((parameter for module in modules for parameter in module.parameters()), None)
    return torch.device("cpu") if parameter is None else parameter.device


def to_device(batch: Any, device: torch.device) -> Any:
    """Move a batch to ``device``, through dicts, lists, tuples and objects with a ``to()``; other values pass unchanged.

    Tensors and arrays are always copied, so that a step that changes its batch in place does not change a replayed one.
    """
    if isinstance(batch, Tensor):
        return _tensor_to(batch, device)
    kind = type(batch)
    if kind is list or kind is tuple:
        return kind([to_device(value, device) for value in batch])
    if isinstance(batch, np.ndarray):
        return cast("np.ndarray[Any, Any]", batch).copy()
    if kind is dict:
        return {key: to_device(value, device) for key, value in cast("dict[Any, Any]", batch).items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return kind(*(to_device(value, device) for value in cast("tuple[Any, ...]", batch)))
    to = getattr(batch, "to", None)
    return to(device) if callable(to) else batch


def _tensor_to(tensor: Tensor, device: torch.device) -> Tensor:
    if tensor.requires_grad:
        return tensor.to(device)
    return tensor.clone() if tensor.device == device else tensor.to(device, non_blocking=True)


def input_and_target(batch: Any) -> tuple[Any, Any]:
    """Return the two parts of a batch; a batch that is not a pair raises a ``BatchError``."""
    if isinstance(batch, list | tuple) and len(cast("list[Any]", batch)) == 2:  # noqa: PLR2004  (a pair)
        return batch[0], batch[1]
    if isinstance(batch, Mapping):
        kind = f"a mapping with the keys {list(cast('Mapping[Any, Any]', batch))!s:.80}"
    elif isinstance(batch, list | tuple):
        kind = f"a {type(cast('object', batch)).__name__} of {len(cast('list[Any]', batch))}"
    else:
        kind = f"a {type(batch).__name__}"
    message = (
        f"A batch is {kind}; give (input, target) pairs, or unpack it yourself: "
        "TorchLearner(model, optimizer, None, data, forward=lambda model, batch: <loss>)."
    )
    raise BatchError(message)


def batch_size(batch: Any) -> int:
    """Return the length of the first dimension of the first tensor in a batch; 1 where there is none."""
    return next(_lengths(batch), 1)


def _lengths(batch: Any) -> Iterator[int]:
    if isinstance(batch, Tensor):
        if batch.dim():
            yield batch.shape[0]
    elif isinstance(batch, Mapping | list | tuple):
        values = cast("Mapping[object, object]", batch).values() if isinstance(batch, Mapping) else batch
        for value in cast("Iterable[object]", values):
            yield from _lengths(value)
