"""The state of a Keras training as values that compare with ``==``, by readable names, for :func:`lrfinder.check`.

It looks further than a snapshot needs to, and shares no code with it, so that neither hides the other's faults. Nothing is
looked at but copies: ``Tensor.numpy()`` marks memory of PyTorch as not resizable for good.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfinder._check.objects import PLAIN, Look, array_digest, attributes_of, global_generators, observed
from lrfinder.keras._framework import jax, keras, tensorflow, torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PACKAGES = frozenset({"keras", "tensorflow", "torch", "jax", "jaxlib"})
OBJECTS = (
    keras.Layer,
    keras.metrics.Metric,
    keras.losses.Loss,
    keras.optimizers.Optimizer,
    keras.optimizers.schedules.LearningRateSchedule,
    *((torch.nn.Module,) if torch else ()),
)


def observe(model: Any, others: Mapping[str, object], generators: Iterable[Any]) -> dict[str, object]:
    """Return everything that a training of a compiled model could change; names are ``"kind: name"``.

    Args:
        model: a compiled model.
        others: further objects, by name.
        generators: generators of the data, each with a ``name`` and a ``get()``.
    """
    known: list[object] = []
    found: dict[str, object] = global_generators() | dict(_further_generators())
    found |= {f"generator: {one.name} of the data": one.get() for one in generators}
    for kind, variables in _variables(model).items():
        known += variables
        for k, variable in enumerate(variables):
            name = f"{kind}: {variable.path}"
            found[name if name not in found else f"{name} ({k})"] = _content(variable), variable.trainable
    for layer in model._flatten_layers():
        found[f"mode: trainable of {layer.name}"] = layer.trainable
    found["attribute: stop_training"] = model.stop_training
    found["optimizer state: rate"] = tuple(map(_rate, _optimizers(model)))
    roots = {layer.name: layer for layer in model._flatten_layers(include_self=False)} | {model.name: model}
    roots |= {"optimizer": model.optimizer, "loss": model._compile_loss, "metrics": model._compile_metrics}
    functions = {"loss": model.loss, "train_step": model.train_step, "compute_loss": model.compute_loss}
    return found | observed(roots | dict(others), functions, _look, PACKAGES, known)


def _variables(model: Any) -> dict[str, list[Any]]:
    trained = {id(one) for one in model.trainable_variables}
    return {
        "parameter": [one for one in model.variables if id(one) in trained],
        "variable": [one for one in model.variables if id(one) not in trained],
        "optimizer state": [*model.optimizer.variables],
        "metric": [*model.metrics_variables],
    }


def _optimizers(model: Any) -> list[Any]:
    """Return the optimizer of the model, those that it wraps, and those that the model has as attributes."""
    found: list[Any] = [model.optimizer]
    for one in found:
        found += [inner for inner in vars(one).values() if isinstance(inner, keras.optimizers.Optimizer)]
        found += getattr(one, "_inner_optimizers", [])
    return found + [one for one in vars(model).values() if isinstance(one, keras.optimizers.Optimizer) and one not in found]


def _rate(optimizer: Any) -> object:
    held = optimizer._learning_rate
    return "a variable" if isinstance(held, keras.Variable) else (type(held).__name__, id(held))


def _own(value: Any) -> dict[str, object]:
    """Return the attributes of an object of Keras that are not Keras's own settings and caches."""
    found = {name: one for name, one in attributes_of(value).items() if name not in _settings()}
    if type(value).__module__.partition(".")[0] not in PACKAGES:
        return found
    return {name: one for name, one in found.items() if not (name.startswith("_") or isinstance(one, PLAIN))}


def _settings() -> set[str]:
    """Return the names of attributes that every model, loss and metric has; a name given keeps Keras's counters."""
    if not _SETTINGS:
        objects = (keras.Model(name="any"), keras.losses.Loss(name="any"), keras.metrics.Metric(name="any"))
        _SETTINGS.update(*map(vars, objects), ("train_function", "test_function", "predict_function"))
    return _SETTINGS


_SETTINGS: set[str] = set()


def _look(value: Any) -> Look | None:
    if isinstance(value, keras.random.SeedGenerator):
        return Look("generator", _content(value.state), {".state": value.state}, is_state=True)
    if isinstance(value, keras.Variable):
        return None if value._value is None else Look("variable", (_content(value), value.trainable), is_state=True)
    if isinstance(value, OBJECTS):
        return Look(inside={f".{name}": one for name, one in _own(value).items()}, is_state=True)
    content = _backend_content(value)
    if content is not None:
        return Look(content=content, is_state=True)
    return None


def _backend_content(value: Any) -> object:
    """Return the content of an array or a generator of the backend, None for others."""
    if torch and isinstance(value, torch.Tensor):
        return "no data" if value.is_meta else _of_tensor(value)
    if torch and isinstance(value, torch.Generator):
        return value.get_state().numpy().tobytes()
    if tensorflow and isinstance(value, tensorflow.Variable | tensorflow.Tensor) and hasattr(value, "numpy"):
        return repr(value.numpy().tolist()) if value.dtype == tensorflow.string else array_digest(np.asarray(value.numpy()))
    if tensorflow and isinstance(value, tensorflow.random.Generator):
        return array_digest(value.state.numpy())
    if jax and isinstance(value, jax.Array) and not isinstance(value, jax.core.Tracer):
        is_key = jax.numpy.issubdtype(value.dtype, jax.dtypes.prng_key)
        return "deleted" if value.is_deleted() else array_digest(np.asarray(jax.random.key_data(value) if is_key else value))
    return None


def _of_tensor(tensor: Any) -> object:
    tensor = tensor.detach()
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    return array_digest(tensor.to("cpu", copy=True).contiguous().reshape(-1).view(torch.uint8).numpy()), tensor.shape


def _content(variable: Any) -> object:
    if torch:
        return _of_tensor(variable.value), variable.dtype
    return array_digest(np.asarray(keras.ops.convert_to_numpy(variable.value))), variable.dtype


def _further_generators() -> Iterator[tuple[str, object]]:
    loaded: Any = sys.modules.get("torch")
    if hasattr(loaded, "get_rng_state"):
        yield "generator: torch", loaded.get_rng_state().numpy().tobytes()
    from keras.src.backend.common.global_state import get_global_attribute  # type: ignore[import-not-found]

    of_keras: Any = get_global_attribute("global_seed_generator")
    yield "generator: keras", None if of_keras is None else _content(of_keras.state)
