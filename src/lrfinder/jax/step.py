"""One iteration as a pure function of the training's arrays, a rate and a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lrfinder.errors import LossError

if TYPE_CHECKING:
    from lrfinder.jax.rates import OptimizerAt


class Carry(NamedTuple):
    """All arrays that an iteration changes, as pytrees."""

    params: Any
    opt_state: Any
    state: Any


TrainStep = Callable[[Carry, jax.Array, Any], tuple[Carry, jax.Array]]
"""``train_step(carry, lr, batch) -> (carry, loss)``; the loss has shape ``()`` and is that before the update."""


def optax_step(loss_fn: Callable[..., Any], optimizer_at: OptimizerAt, *, stateful: bool) -> TrainStep:
    """Return the iteration of an optax training.

    Args:
        loss_fn: ``loss_fn(params, batch) -> loss``, or ``loss_fn(params, state, batch) -> (loss, state)``.
        optimizer_at: gives the optimizer and its state at a rate.
        stateful: whether ``loss_fn`` is of the second kind.
    """

    def value(params: Any, state: Any, batch: Any) -> tuple[jax.Array, Any]:
        if not stateful:
            return _scalar(loss_fn(params, batch)), state
        loss, state = _pair(loss_fn(params, state, batch))
        return _scalar(loss), state

    def train_step(carry: Carry, lr: jax.Array, batch: Any) -> tuple[Carry, jax.Array]:
        params, opt_state, state = carry
        (loss, new_state), gradients = jax.value_and_grad(value, has_aux=True)(params, state, batch)
        optimizer, opt_state = optimizer_at(opt_state, lr)
        # for optimizers that need more than the gradient: polyak_sgd, lbfgs, reduce_on_plateau
        more = {"value": loss, "grad": gradients, "value_fn": lambda params: value(params, state, batch)[0]}
        updates, opt_state = optimizer.update(gradients, opt_state, params, **more)
        return Carry(optax.apply_updates(params, updates), opt_state, new_state), loss

    return train_step


def rate_dtype(params: Any) -> Any:
    """Return the widest floating dtype of the parameters, which optax gives its hyperparameters too."""
    kinds = [jnp.finfo(leaf.dtype).dtype for leaf in map(jnp.asarray, jax.tree.leaves(params))]
    return jnp.result_type(*kinds) if kinds else jnp.result_type(float)


def _pair(returned: Any) -> tuple[Any, Any]:
    if isinstance(returned, tuple) and len(cast("tuple[Any, ...]", returned)) == 2:  # noqa: PLR2004  (a pair)
        return cast("tuple[Any, Any]", returned)
    message = f"loss_fn returned a {type(returned).__name__}; with state= it must return a pair, (loss, state)."
    raise LossError(message)


def _scalar(loss: Any) -> jax.Array:
    if not isinstance(loss, jax.Array | np.ndarray | np.generic | float | int):
        hint = "; give state= if it returns (loss, state)" if isinstance(loss, tuple) else ""
        message = f"loss_fn returned a {type(loss).__name__}; it must return one number, an array of shape (){hint}."
        raise LossError(message)
    array = jnp.asarray(loss)
    if array.size != 1:
        message = f"loss_fn returned a loss of shape {array.shape}; it must be one number, such as the mean of these."
        raise LossError(message)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        message = f"loss_fn returned a loss of dtype {array.dtype}; it must be floating, so that it has a gradient."
        raise LossError(message)
    return array.reshape(())
