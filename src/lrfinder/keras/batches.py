"""Batches: arrays that every backend accepts, and the three parts of a batch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, cast

from lrfinder.errors import BatchError
from lrfinder.keras._framework import torch, torch_if_loaded


def arrays(batch: Any) -> Any:
    """Convert tensors of TensorFlow, and of PyTorch on another backend, to NumPy, inside dicts, lists and tuples too.

    Every backend accepts such arrays, and replay can count their bytes.
    """
    if type(batch) is dict:
        return {key: arrays(value) for key, value in cast("dict[Any, Any]", batch).items()}
    if type(batch) in {list, tuple}:
        return type(batch)(arrays(value) for value in batch)
    foreign_torch: Any = None if torch else torch_if_loaded()
    if foreign_torch is not None and isinstance(batch, foreign_torch.Tensor):
        return batch.detach().cpu().numpy()
    loaded_tensorflow: Any = sys.modules.get("tensorflow")  # a tf.data.Dataset may supply any backend
    if loaded_tensorflow is not None and isinstance(batch, loaded_tensorflow.Tensor):
        return batch.numpy()
    return batch


def input_target_weights(batch: Any) -> tuple[Any, Any, Any]:
    """Return the input, the target and the sample weights of a batch, None where it has no weights.

    Raises:
        BatchError: it is neither ``(x, y)`` nor ``(x, y, sample_weight)``.
    """
    parts = cast("list[Any]", batch)
    if isinstance(batch, list | tuple) and len(parts) in {2, 3}:
        return parts[0], parts[1], parts[2] if len(parts) == 3 else None  # noqa: PLR2004  (the third)
    kind = f"a {type(batch).__name__}"
    if isinstance(batch, list | tuple):
        kind += f" of {len(parts)}"
    elif isinstance(batch, Mapping):
        kind = f"a mapping with the keys {list(cast('Mapping[Any, Any]', batch))!s:.80}"
    message = f"A batch is {kind}; give (x, y) or (x, y, sample_weight), each an array or a list or dict of them."
    raise BatchError(message)
