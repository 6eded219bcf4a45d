"""Batches: arrays that every backend accepts, and the three parts of a batch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from lrfinder._state.batch_copies import copied
from lrfinder.errors import BatchError
from lrfinder.keras._framework import jax, torch, torch_if_loaded


def arrays(batch: Any) -> Any:
    """Return a copy of a batch in which tensors of TensorFlow, and of PyTorch on another backend, are arrays of NumPy.

    Every backend accepts such arrays, and replay can count their bytes.
    """
    return copied(batch, _array)


def _array(value: Any) -> Any:
    """Return the copy of a tensor, or ``None`` for another value."""
    loaded_torch = torch_if_loaded()
    if loaded_torch is not None and isinstance(value, loaded_torch.Tensor):
        return value.detach().clone() if torch else value.detach().cpu().clone().numpy()
    loaded_tensorflow: Any = sys.modules.get("tensorflow")  # a tf.data.Dataset may supply any backend
    if loaded_tensorflow is not None and isinstance(value, loaded_tensorflow.Tensor):
        return np.array(value.numpy())
    return value if jax and isinstance(value, jax.Array) else None  # an array of JAX cannot change


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
