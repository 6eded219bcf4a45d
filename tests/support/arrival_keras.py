"""Rates that are set in optimizers of Keras; see :mod:`arrival`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from arrival import Arrived

if TYPE_CHECKING:
    from collections.abc import Callable

    from arrival import Cases

UPDATES = 10
PEAK = 0.02


def _optimizers() -> dict[str, Callable[[], Any]]:
    """Return optimizers whose highest rate is 0.1."""
    from lrfinder.keras import schedules
    from lrfinder.keras._framework import keras

    sgd, kinds, wrapped = keras.optimizers.SGD, keras.optimizers.schedules, keras.optimizers.LossScaleOptimizer
    return {
        "none": lambda: sgd(0.1),
        "none, LossScaleOptimizer": lambda: wrapped(sgd(0.1), initial_scale=1.0),
        "none, MultiOptimizer": lambda: keras.optimizers.MultiOptimizer(lambda _: sgd(0.1)),
        "ExponentialDecay": lambda: sgd(kinds.ExponentialDecay(0.1, 10, 0.5)),
        "CosineDecay, warm-up": lambda: sgd(kinds.CosineDecay(0.01, 20, warmup_target=0.1, warmup_steps=5)),
        "one_cycle of lrfinder": lambda: sgd(schedules.one_cycle(0.1, 10)),
        "a schedule in LossScaleOptimizer": lambda: wrapped(sgd(kinds.ExponentialDecay(0.1, 10, 0.5))),
        "a schedule in MultiOptimizer": lambda: keras.optimizers.MultiOptimizer(
            lambda _: sgd(kinds.ExponentialDecay(0.1, 10, 0.5))
        ),
        "a callable": lambda: sgd(lambda: 0.1),
    }


def _trained(optimizer: Any, set_rate: Callable[[Any], object]) -> list[float]:
    """Return how far each update moves a weight whose gradient is 1."""
    from lrfinder.keras._framework import keras

    weight = keras.Variable(0.0)
    optimizer.build([weight])
    set_rate(optimizer)
    rates = []
    for _ in range(UPDATES):
        weight.assign(0.0)
        _apply(optimizer, keras.ops.ones(()), weight)
        rates.append(-float(keras.ops.convert_to_numpy(weight)))
    return rates


def _apply(optimizer: Any, gradient: Any, weight: Any) -> None:
    """Make one update as the training step of the backend does: that of JAX is a pure function."""
    from lrfinder.keras._framework import keras

    if keras.backend.backend() != "jax":
        optimizer.apply([gradient], [weight])
        return
    present = [variable.value for variable in optimizer.variables]
    (moved,), state = optimizer.stateless_apply(present, [gradient], [weight.value])
    weight.assign(moved)
    for variable, value in zip(optimizer.variables, state, strict=True):
        variable.assign(value)


def _case(name: str) -> Arrived:
    from lrfinder.keras import schedules

    make = _optimizers()[name]
    trained = _trained(make(), lambda optimizer: schedules.set_rate(optimizer, PEAK))
    return Arrived(PEAK, trained, _trained(make(), lambda _: None))


NAMES = (
    "none",
    "none, LossScaleOptimizer",
    "none, MultiOptimizer",
    "ExponentialDecay",
    "CosineDecay, warm-up",
    "one_cycle of lrfinder",
    "a schedule in LossScaleOptimizer",
    "a schedule in MultiOptimizer",
    "a callable",
)
CASES: Cases = {("set_rate(optimizer)", name): partial(_case, name) for name in NAMES}
