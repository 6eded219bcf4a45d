"""Batches: arrays that every backend accepts, and the three parts of a batch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lrfinder._state.batch_copies import copied
from lrfinder._state.data_calls import batches_from
from lrfinder.errors import BatchError, DataError
from lrfinder.keras._framework import jax, keras, torch, torch_if_loaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray


BATCH_SIZE = 32
"""The examples in a batch of arrays, as in ``model.fit``."""


class ArrayBatches:
    """Batches of the arrays ``(x, y)`` or ``(x, y, sample_weight)`` of a data set, shuffled in each pass as ``fit`` does.

    The order is from NumPy's global generator.

    Raises:
        DataError: the arrays differ in length, or ``batch_size`` is below 1.
    """

    def __init__(self, parts: tuple[Any, ...], batch_size: int, *, shuffle: bool = True) -> None:
        lengths = [len(leaf) for leaf in keras.tree.flatten(parts)]
        if len(set(lengths)) != 1:
            message = f"The arrays of the data have {', '.join(map(str, lengths))} examples; give arrays of one length."
            raise DataError(message)
        if batch_size < 1:
            message = f"batch_size is {batch_size!r}; a batch has at least 1 example."
            raise DataError(message)
        self._parts, self._examples, self._batch_size, self._shuffle = parts, lengths[0], batch_size, shuffle

    def __len__(self) -> int:
        return (self._examples + self._batch_size - 1) // self._batch_size

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        order = np.random.permutation(self._examples) if self._shuffle else np.arange(self._examples)  # noqa: NPY002  (as fit)
        for start in range(0, self._examples, self._batch_size):
            rows = partial(_rows, order[start : start + self._batch_size])
            yield keras.tree.map_structure(rows, self._parts)


def batches_of(data: Any, batch_size: int | None = None, *, shuffle: bool = True) -> Iterable[Any]:
    """Return data as an iterable of batches: also the arrays of a whole data set, and a function that returns a batch.

    Raises:
        DataError: ``batch_size`` is given, and the data are batches already.
    """
    if isinstance(data, tuple) and 2 <= len(data) <= 3 and hasattr(data[1], "shape"):  # noqa: PLR2004  (x, y and weights)
        size = BATCH_SIZE if batch_size is None else batch_size
        return ArrayBatches(cast("tuple[Any, ...]", data), size, shuffle=shuffle)
    if batch_size is not None:
        message = f"batch_size is {batch_size!r}, and the data are batches already; it is for arrays: data=(x, y)."
        raise DataError(message)
    return batches_from(data)


def _rows(chosen: NDArray[np.int_], leaf: Any) -> Any:
    if hasattr(leaf, "iloc"):  # of pandas
        return leaf.iloc[chosen].to_numpy()
    return leaf[chosen] if isinstance(leaf, np.ndarray) else keras.ops.take(leaf, chosen, axis=0)


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
