"""The state of a Keras training, its random generators included, copied and restored by the same walk on every backend.

What differs is Keras's ``Variable``. PyTorch's is memory, which is written in place, gradient included; TensorFlow's is
assigned. JAX's is an array that the compiled step consumes, so that each restore assigns a copy of its own.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from lrfinder import randomness
from lrfinder._state import tensorflow_data
from lrfinder._state.attributes import package_of
from lrfinder._state.framework import Framework, generator_node
from lrfinder._state.nodes import Node
from lrfinder.keras._framework import keras, torch, torch_if_loaded
from lrfinder.keras.backend_values import backend_node, is_backend_state
from lrfinder.randomness import RandomGenerator, States

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lrfinder._state.object_graph import GraphSnapshot

_global_state: Any = importlib.import_module("keras.src.backend.common.global_state")  # no public module has it
_SEED_GENERATOR = "global_seed_generator"
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
_PACKAGES = frozenset({"keras", "tensorflow", "jax", "jaxlib", "torch"})
_METHODS = ("train_step", "compute_loss", "call", "update_state", "update_step")


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
    if isinstance(value, dict | list | set) and package_of(type(cast("object", value))) in _PACKAGES:
        return _of_collection(cast("Any", value))
    return generator_node(own_generator(value)) or backend_node(value)


def _is_state(value: object) -> bool:
    return isinstance(value, (keras.Variable, *_WALKED)) or is_backend_state(value) or own_generator(value) is not None


FRAMEWORK = Framework(visit, _is_state, _PACKAGES, (keras.utils.PyDataset,))


def functions_of(model: Any) -> dict[str, object]:
    """Return the methods that users have written for a training step, of the model and of each object inside it."""
    objects = [*model._flatten_layers(), *model.metrics, model.optimizer]
    own = {one.name: one for one in objects if package_of(type(one)) not in _PACKAGES}
    return {
        f"{name}.{method}": getattr(one, method) for name, one in own.items() for method in _METHODS if hasattr(one, method)
    }


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


def _of_collection(collection: Any) -> Node:
    """Return the same for a subclass of list, dict or set; the tracking of Keras's own refuses changes once it is built."""
    kind: Any = next(kind for kind in (dict, list, set) if isinstance(collection, kind))
    contents = kind(collection)
    bypass_tracking = isinstance(collection, _TRACKED)

    def method(name: str) -> Callable[..., object]:
        return partial(getattr(kind, name), collection) if bypass_tracking else getattr(collection, name)

    def restore() -> None:
        if _identities(kind(collection)) != _identities(contents):
            method("clear")()
            method("extend" if kind is list else "update")(contents)

    return Node(restore, list(contents.values() if kind is dict else contents))


def _identities(collection: Any) -> list[int]:
    return list(map(id, [*collection, *collection.values()] if isinstance(collection, dict) else collection))


def global_generators() -> tuple[RandomGenerator, ...]:
    """Return every global generator that can be read; TensorFlow's own cannot."""
    of_keras = RandomGenerator("keras", _get_seed_generator, _set_seed_generator)
    return (*randomness.global_generators(), of_keras, *tensorflow_data.global_generators(), *_torch_generators())


def has_seed_generator() -> bool:
    """Return whether Keras's global generator exists; the first draw from it creates it."""
    return _global_state.get_global_attribute(_SEED_GENERATOR) is not None


def own_generator(value: Any) -> RandomGenerator | None:
    """Return the generator that ``value`` is, if it is one of Python, NumPy, Keras or PyTorch."""
    if isinstance(value, keras.random.SeedGenerator) and isinstance(value.state, keras.Variable):
        return RandomGenerator(repr(value), lambda: _bytes(value), lambda state: _set_bytes(value, state))
    loaded_torch = torch_if_loaded()
    if loaded_torch is not None and isinstance(value, loaded_torch.Generator):
        return _torch_generator(value)
    return randomness.own_generator(value)


def data_generators(data: object) -> tuple[RandomGenerator, ...]:
    """Return the generators that belong to the data: those of a data set, a PyTorch loader and its samplers."""
    inside = [keras.utils.PyDataset]
    loaded_torch = torch_if_loaded()
    if loaded_torch is not None:
        inside += [getattr(loaded_torch.utils.data, name) for name in ("DataLoader", "Dataset", "Sampler")]
    return randomness.data_generators(data, tuple(inside), _generator_in_data, leads_to=_leads_to)


def _generator_in_data(value: object) -> RandomGenerator | None:
    return own_generator(value) or tensorflow_data.variable_generator(value)


def _leads_to(value: Any) -> Iterator[tuple[str, object]]:
    """Yield the generators of layers that change the data at random, and what a data set of TensorFlow leads to."""
    if isinstance(value, keras.Layer):
        yield from (("", one) for layer in value._flatten_layers() for one in layer._seed_generators)
    yield from tensorflow_data.leads_to(value)


def _get_seed_generator() -> tuple[Any, bytes] | None:
    generator = _global_state.get_global_attribute(_SEED_GENERATOR)
    return None if generator is None else (generator, _bytes(generator))


def _set_seed_generator(state: tuple[Any, bytes] | None) -> None:
    _global_state.set_global_attribute(_SEED_GENERATOR, None if state is None else state[0])
    if state is not None:
        _set_bytes(*state)


def _bytes(generator: Any) -> bytes:
    state = generator.state.value.detach().clone() if torch else generator.state  # numpy() marks memory as not resizable
    return keras.ops.convert_to_numpy(state).tobytes()


def _set_bytes(generator: Any, state: bytes) -> None:
    generator.state.assign(np.frombuffer(state, dtype=generator.state.dtype))


def _torch_generators() -> Iterator[RandomGenerator]:
    """Yield PyTorch's global generators, on the CPU and on accelerators in use, as a DataLoader draws from them."""
    loaded_torch = torch_if_loaded()
    if loaded_torch is None:
        return
    yield _torch_generator(loaded_torch.default_generator)
    for accelerator in (loaded_torch.cuda, loaded_torch.xpu):
        if accelerator.is_initialized():  # a request for its generators would start one that is not
            yield from map(_torch_generator, accelerator.default_generators)


def _torch_generator(generator: Any) -> RandomGenerator:
    def restore(state: bytes) -> None:
        generator.set_state(torch_if_loaded().from_numpy(np.frombuffer(state, dtype=np.uint8).copy()))

    return RandomGenerator(f"torch {generator.device}", lambda: generator.get_state().numpy().tobytes(), restore)
