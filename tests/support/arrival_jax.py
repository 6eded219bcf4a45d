"""Rates that are set in the states of optax's optimizers; see :mod:`arrival`."""

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
    """Return optimizers whose highest rate is 0.1 and whose update of a gradient of 1 is that rate."""
    import optax

    sgd, cosine = optax.inject_hyperparams(optax.sgd), optax.cosine_decay_schedule(0.1, 20)
    labels = {"a": "a", "b": "b"}
    return {
        "none": lambda: sgd(0.1),
        "none, in a chain": lambda: optax.chain(optax.clip(10.0), sgd(0.1)),
        "none, multi_transform": lambda: optax.multi_transform({"a": sgd(0.1), "b": sgd(0.05)}, labels),
        "none, MultiSteps": lambda: optax.MultiSteps(sgd(0.1), 1).gradient_transformation(),
        "an injected schedule": lambda: sgd(cosine),
        "a schedule in optax.sgd": lambda: optax.sgd(cosine),
        "scale_by_schedule": lambda: optax.chain(sgd(0.1), optax.scale_by_schedule(lambda step: 1.0 / (1 + step))),
        "a schedule in multi_transform": lambda: optax.multi_transform({"a": sgd(0.1), "b": sgd(cosine)}, labels),
        "a schedule in MultiSteps": lambda: optax.MultiSteps(sgd(cosine), 1).gradient_transformation(),
        "reduce_on_plateau": lambda: optax.chain(sgd(0.1), optax.contrib.reduce_on_plateau()),
        "prodigy": lambda: optax.inject_hyperparams(optax.contrib.prodigy)(0.1),
        "no injected rate": lambda: optax.sgd(0.1),
    }


def _trained(tx: Any, set_rate: Callable[[Any], Any]) -> list[float]:
    import jax.numpy as jnp

    params = {"a": jnp.zeros(()), "b": jnp.zeros(())}
    gradients = {"a": jnp.ones(()), "b": jnp.ones(())}
    state, rates = set_rate(tx.init(params)), []
    for _ in range(UPDATES):
        updates, state = tx.update(gradients, state, params, value=jnp.ones(()))
        rates.append(-float(updates["a"]))
    return rates


def _case(name: str) -> Arrived:
    import optax

    from lrfinder.jax import schedules

    tx: Any = optax.with_extra_args_support(_optimizers()[name]())
    return Arrived(PEAK, _trained(tx, lambda state: schedules.set_rate(state, PEAK)), _trained(tx, lambda state: state))


NAMES = (
    "none",
    "none, in a chain",
    "none, multi_transform",
    "none, MultiSteps",
    "an injected schedule",
    "a schedule in optax.sgd",
    "scale_by_schedule",
    "a schedule in multi_transform",
    "a schedule in MultiSteps",
    "reduce_on_plateau",
    "prodigy",
    "no injected rate",
)
CASES: Cases = {("set_rate(opt_state)", name): partial(_case, name) for name in NAMES}
