"""The state of a Keras training, copied and restored by the same walk on every backend.

What differs is Keras's ``Variable``. PyTorch's is memory, which is written in place, gradient included; TensorFlow's is
assigned. JAX's is an array that the compiled step consumes, so that each restore assigns a copy of its own.
"""

from __future__ import annotations

import importlib
import operator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from lrfinder._state.object_graph import GraphSnapshot, Node
from lrfinder.keras._framework import keras, tensorflow, torch
from lrfinder.keras._randomness import own_generator
from lrfinder.randomness import States, capture, restore_states

if TYPE_CHECKING:
    from collections.abc import Callable

_tracking: Any = importlib.import_module("keras.src.utils.tracking")

_WALKED: tuple[type, ...] = (  # objects whose attributes training changes
    keras.Layer,
    keras.metrics.Metric,
    keras.losses.Loss,
    keras.optimizers.Optimizer,
    keras.optimizers.schedules.LearningRateSchedule,
    keras.random.SeedGenerator,
    _tracking.Tracker,
    *((torch.nn.Module,) if torch else ()),
)
_TRACKED = tuple(kind for name, kind in vars(_tracking).items() if name.startswith("Tracked"))  # older ones have fewer
_COMPILED = {"train_function", "test_function", "predict_function"}  # a restore leaves these, so nothing compiles twice
_MISSING = object()


class KerasState(NamedTuple):
    """The objects of a model, the states of the generators, and the position in the data."""

    memory: GraphSnapshot
    randomness: States
    position: object


def visit(value: object) -> Node | None:
    """Return how to restore an object of Keras or of its backend, and which objects inside it to copy."""
    if isinstance(value, keras.Variable):
        return _of_variable(value)
    if isinstance(value, _WALKED):
        attributes = vars(value)
        return Node(partial(_restore_attributes, attributes, dict(attributes)), attributes.values())
    if isinstance(value, dict | list | set) and type(cast("object", value)) not in {dict, list, set}:
        return _of_collection(cast("Any", value))
    generator = own_generator(value)
    return _of_backend(value) if generator is None else Node(partial(restore_states, capture([generator])))


def _of_backend(value: Any) -> Node | None:
    """Return the same for an object of PyTorch or TensorFlow that a layer holds itself."""
    if torch and isinstance(value, torch.Tensor):
        return _of_tensor(value)
    if tensorflow and isinstance(value, tensorflow.Variable):
        return Node(partial(value.assign, np.array(value.numpy())))
    if tensorflow and isinstance(value, tensorflow.random.Generator):
        return Node(children=[value.state])
    return None


def _restore_attributes(attributes: dict[str, Any], saved: dict[str, Any]) -> None:
    """Restore the dictionary itself, because ``__setattr__`` of these objects would track variables again."""
    for name in [name for name in attributes if name not in saved and name not in _COMPILED]:
        del attributes[name]
    for name, value in saved.items():
        if name not in _COMPILED and attributes.get(name, _MISSING) is not value:
            attributes[name] = value


def _of_variable(variable: Any) -> Node:
    trainable = variable.trainable
    if torch:
        return Node(partial(setattr, variable, "trainable", trainable), [variable._value])
    if variable._value is None:  # on JAX, while a fit() runs and before the model is built
        return Node()
    saved = np.array(keras.ops.convert_to_numpy(variable._value))

    def restore() -> None:
        variable.assign(keras.ops.copy(keras.ops.convert_to_tensor(saved, dtype=variable._dtype)))
        variable.trainable = trainable

    return Node(restore)


def _of_tensor(tensor: Any) -> Node:
    grad = tensor.grad if tensor.is_leaf else None
    alias = tensor.detach()  # the same memory, which nobody else can replace
    saved = alias.to("cpu", copy=True)
    requires_grad = tensor.requires_grad

    def restore() -> None:
        if tensor.data_ptr() != alias.data_ptr():
            tensor.data = alias
        alias.copy_(saved)
        if tensor.is_leaf:
            tensor.requires_grad_(requires_grad)
            if tensor.grad is not grad:
                tensor.grad = grad

    return Node(restore, [grad])


def _of_collection(collection: Any) -> Node:
    """Return the same for a subclass of list, dict or set; the tracking of Keras's own refuses changes once it is built."""
    kind: Any = next(kind for kind in (dict, list, set) if isinstance(collection, kind))
    contents = kind(collection)
    bypass_tracking = isinstance(collection, _TRACKED)

    def method(name: str) -> Callable[..., object]:
        return partial(getattr(kind, name), collection) if bypass_tracking else getattr(collection, name)

    def restore() -> None:
        if not _same(kind(collection), contents):
            method("clear")()
            method("extend" if kind is list else "update")(contents)

    return Node(restore, list(contents.values() if kind is dict else contents))


def _same(now: Any, contents: Any) -> bool:
    return len(now) == len(contents) and all(map(operator.is_, _items(now), _items(contents)))


def _items(collection: Any) -> list[object]:
    return [*collection, *collection.values()] if isinstance(collection, dict) else list(collection)
