"""Batches: what comes from the data, as arrays that every back end takes, in the three parts of a training step."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from lrfinder.errors import BatchError
from lrfinder.keras._framework import torch, torch_if_loaded


def portable(data: Any) -> Any:
    """The data, their batches in arrays of which a back end can be given any and the bytes can be counted."""
    if isinstance(data, list | tuple) or not hasattr(data, "__iter__"):
        return data
    return map(arrays, data) if isinstance(data, Iterator) else _Portable(data)


class _Portable:
    """An iterable whose batches are :func:`arrays`."""

    def __init__(self, data: Iterable[Any]) -> None:
        self._data = data

    def __iter__(self) -> Iterator[Any]:
        return map(arrays, self._data)


def arrays(batch: Any) -> Any:
    """TensorFlow's tensors, and PyTorch's where that is not the back end, as numpy's arrays; in dicts, lists, tuples too."""
    if type(batch) is dict:
        return {key: arrays(value) for key, value in cast("dict[Any, Any]", batch).items()}
    if type(batch) in {list, tuple}:
        return type(batch)(arrays(value) for value in batch)
    of_torch: Any = None if torch else torch_if_loaded()
    if of_torch is not None and isinstance(batch, of_torch.Tensor):
        return batch.detach().cpu().numpy()
    of_tensorflow: Any = sys.modules.get("tensorflow")  # a tf.data.Dataset feeds any back end
    if of_tensorflow is not None and isinstance(batch, of_tensorflow.Tensor):
        return batch.numpy()
    return batch


def three_parts(batch: Any) -> tuple[Any, Any, Any]:
    """Input, target and sample weights (None where there are none) of a batch.

    Raises:
        BatchError: it is no ``(x, y)`` and no ``(x, y, sample_weight)``.
    """
    parts = cast("list[Any]", batch)
    if isinstance(batch, list | tuple) and len(parts) in {2, 3}:
        return parts[0], parts[1], parts[2] if len(parts) == 3 else None  # noqa: PLR2004  (the third)
    if isinstance(batch, Mapping):
        kind = f"a mapping with the keys {list(cast('Mapping[Any, Any]', batch))!s:.80}"
    elif isinstance(batch, list | tuple):
        kind = f"a {type(batch).__name__} of {len(parts)}"
    else:
        kind = f"a {type(batch).__name__}"
    message = f"A batch is {kind}; give (x, y) or (x, y, sample_weight), each an array or a list or dict of them."
    raise BatchError(message)
