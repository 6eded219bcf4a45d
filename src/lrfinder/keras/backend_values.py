"""Values of the backend that a layer or a loss may hold itself: tensors of PyTorch, variables and tables of TensorFlow."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfinder._state.nodes import Node
from lrfinder.keras._framework import tensorflow, torch

if TYPE_CHECKING:
    from collections.abc import Callable


def backend_node(value: Any) -> Node | None:
    """Return how to restore a value of PyTorch or TensorFlow; None for others."""
    if torch and isinstance(value, torch.Tensor):
        return tensor_node(value)
    if tensorflow and isinstance(value, tensorflow.Variable):
        return Node(partial(value.assign, np.array(value.numpy())))
    if tensorflow and isinstance(value, tensorflow.random.Generator):
        return Node(children=[value.state])
    if tensorflow and isinstance(value, tensorflow.lookup.experimental.MutableHashTable):
        return Node(partial(_restore_table, value, *value.export()))
    return None


def is_backend_state(value: object) -> bool:
    """Return whether a value of the backend is state of a training."""
    kinds = (torch.Tensor,) if torch else ()
    if tensorflow:
        kinds = (tensorflow.Variable, tensorflow.random.Generator, tensorflow.lookup.experimental.MutableHashTable)
    return isinstance(value, kinds)


def _restore_table(table: Any, keys: Any, values: Any) -> None:
    table.remove(table.export()[0])
    table.insert(keys, values)


def tensor_node(tensor: Any) -> Node:
    """Return how to restore a tensor of PyTorch in its memory, with its gradient.

    One without data has nothing to restore, one that wraps others is restored by these.
    """
    if tensor.is_meta:
        return Node()
    grad = tensor.grad if tensor.is_leaf else None
    if hasattr(type(tensor), "__tensor_flatten__"):
        inner = {name: getattr(tensor, name) for name in tensor.__tensor_flatten__()[0]}
        return Node(partial(_restore_grad, tensor, tensor.requires_grad, grad), {**inner, "grad": grad})
    requires_grad = tensor.requires_grad
    content = _in_memory(tensor) if _is_plain(tensor) else _as_a_whole(tensor)

    def restore() -> None:
        content()
        _restore_grad(tensor, requires_grad, grad)

    return Node(restore, [grad])


def _is_plain(tensor: Any) -> bool:
    return tensor.layout is torch.strided and not tensor.is_nested and not tensor.is_quantized


def _in_memory(tensor: Any) -> Callable[[], object]:
    alias = tensor.detach()  # the same memory, which nobody else can replace
    written = alias
    for dimension, stride in enumerate(alias.stride()):
        if stride == 0 and alias.shape[dimension]:  # expanded: all its entries are one
            written = written.narrow(dimension, 0, 1)
    saved = written.to("cpu", copy=True)

    def restore() -> None:
        if tensor.data_ptr() != alias.data_ptr() or tensor.shape != alias.shape or tensor.stride() != alias.stride():
            tensor.data = alias
        written.copy_(saved)

    return restore


def _as_a_whole(tensor: Any) -> Callable[[], object]:
    """Return how to replace what a tensor of an unusual layout holds; what refuses that does so now, without a change."""
    saved = tensor.detach().clone()
    tensor.data = tensor.detach()
    return lambda: setattr(tensor, "data", saved.clone())


def _restore_grad(tensor: Any, requires_grad: Any, grad: Any) -> None:
    if tensor.is_leaf:
        tensor.requires_grad_(requires_grad)
        if tensor.grad is not grad:
            tensor.grad = grad
