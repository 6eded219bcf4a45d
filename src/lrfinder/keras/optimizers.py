"""The optimizers of a Keras model: that of ``compile``, those inside it, and those that a ``train_step`` has of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lrfinder.errors import OptimizerError
from lrfinder.keras._framework import keras

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def innermost_optimizer(model: Any) -> Any:
    """Return the optimizer that counts the updates, inside a wrapper that scales the loss.

    Raises:
        OptimizerError: the model has none.
    """
    optimizer = model.optimizer
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    if optimizer is None:
        message = "The model was compiled without an optimizer; compile it with one: model.compile(optimizer=..., loss=...)."
        raise OptimizerError(message)
    return optimizer


def optimizers_of(root: object) -> dict[str, Any]:
    """Return all optimizers that a model or an optimizer holds, itself included, by the names of their attributes.

    They may lie in attributes of the model, of its layers and nested models and of other optimizers, and in lists, tuples
    and dictionaries there.
    """
    found: dict[str, Any] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", root)]
    while waiting:
        name, value = waiting.pop(0)
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, keras.optimizers.Optimizer):
            found[name or "optimizer"] = value
        waiting += _inside(name, value)
    return found


def holders_of_rates(optimizers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the optimizers that update parameters at their own rate: those that hold no other."""
    return {name: one for name, one in optimizers.items() if len(optimizers_of(one)) == 1}


def _inside(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, keras.Layer | keras.optimizers.Optimizer):
        for attribute, one in vars(value).items():
            if isinstance(one, _ENTERED):
                yield (f"{name}.{attribute}" if name else attribute), one
    elif isinstance(value, list | tuple | set | dict):
        items: Iterable[Any] = value.items() if isinstance(value, dict) else enumerate(cast("Any", value))
        yield from ((f"{name}[{key!r}]", one) for key, one in items if isinstance(one, _ENTERED))


_ENTERED = (keras.Layer, keras.optimizers.Optimizer, list, tuple, set, dict)
