"""What a Keras training changes, copied and put back; the same walk on every back end.

Keras's ``Variable`` is what differs: PyTorch's is memory, which is written in place, gradient included; TensorFlow's is
assigned; JAX's is an array that the compiled step consumes, so that each restore hands out a copy of its own.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lrfinder._state.object_graph import Taken
from lrfinder.keras._framework import keras, tensorflow, torch
from lrfinder.keras._randomness import one_generator
from lrfinder.randomness import capture, put_back

if TYPE_CHECKING:
    from collections.abc import Callable

_tracking: Any = importlib.import_module("keras.src.utils.tracking")

_HELD: tuple[type, ...] = (  # objects whose attributes training changes
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
_COMPILED = {"train_function", "test_function", "predict_function"}  # kept: what was compiled need not be once more
_MISSING = object()


def take(value: object) -> Taken | None:
    """What :class:`lrfinder._state.object_graph.Memory` needs to know of Keras's objects and of its back ends'."""
    if isinstance(value, keras.Variable):
        return _of_variable(value)
    if isinstance(value, _HELD):
        attributes = vars(value)
        return Taken(partial(_put_attributes, attributes, dict(attributes)), attributes.values())
    if isinstance(value, dict | list | set) and type(cast("object", value)) not in {dict, list, set}:
        return _of_collection(cast("Any", value))
    generator = one_generator(value)
    return _of_back_end(value) if generator is None else Taken(partial(put_back, capture([generator])))


def _of_back_end(value: Any) -> Taken | None:
    """What a layer holds of PyTorch or TensorFlow itself, past Keras."""
    if torch and isinstance(value, torch.Tensor):
        return _of_tensor(value)
    if tensorflow and isinstance(value, tensorflow.Variable):
        return _of_tensorflow(value)
    if tensorflow and isinstance(value, tensorflow.random.Generator):
        return Taken(further=[value.state])
    return None


def _put_attributes(attributes: dict[str, Any], saved: dict[str, Any]) -> None:
    """Written past the objects' own ``__setattr__``, which would track variables anew."""
    for name in [name for name in attributes if name not in saved and name not in _COMPILED]:
        del attributes[name]
    for name, value in saved.items():
        if name not in _COMPILED and attributes.get(name, _MISSING) is not value:
            attributes[name] = value


def _of_variable(variable: Any) -> Taken:
    trainable = variable.trainable
    if torch:
        return Taken(partial(setattr, variable, "trainable", trainable), [variable._value])
    if variable._value is None:  # JAX's are away while a fit() runs, and where they do not exist yet
        return Taken()
    saved = np.array(keras.ops.convert_to_numpy(variable._value))

    def restore() -> None:
        variable.assign(keras.ops.copy(keras.ops.convert_to_tensor(saved, dtype=variable._dtype)))
        variable.trainable = trainable

    return Taken(restore)


def _of_tensorflow(variable: Any) -> Taken:
    return Taken(partial(variable.assign, np.array(variable.numpy())))


def _of_tensor(tensor: Any) -> Taken:
    grad = tensor.grad if tensor.is_leaf else None
    alias = tensor.detach()  # the same memory, under a name that nobody else can point elsewhere
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

    return Taken(restore, [grad])


def _of_collection(collection: Any) -> Taken:
    """A list, dict or set of a class of its own: Keras's put back past their tracking, which a built layer refuses."""
    kind: Any = next(kind for kind in (dict, list, set) if isinstance(collection, kind))
    contents = kind(collection)
    past_tracking = isinstance(collection, _TRACKED)

    def method(name: str) -> Callable[..., object]:
        return partial(getattr(kind, name), collection) if past_tracking else getattr(collection, name)

    def restore() -> None:
        if not _same(kind(collection), contents):
            method("clear")()
            method("extend" if kind is list else "update")(contents)

    return Taken(restore, list(contents.values() if kind is dict else contents))


def _same(now: Any, contents: Any) -> bool:
    if len(now) != len(contents):
        return False
    if isinstance(contents, dict):
        saved = cast("dict[object, object]", contents)
        return all(key in now and now[key] is value for key, value in saved.items())
    if isinstance(contents, set):
        return now == contents
    return all(one is other for one, other in zip(now, contents, strict=True))
