"""The state of an OptaxLearner. Arrays of JAX never change, so a snapshot refers to them and copies nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lrfinder._state.framework import Framework, generator_node
from lrfinder.errors import ModelError
from lrfinder.randomness import own_generator

if TYPE_CHECKING:
    from lrfinder._state.nodes import Node
    from lrfinder._state.object_graph import GraphSnapshot
    from lrfinder.jax.step import Carry
    from lrfinder.randomness import States


class JaxState(NamedTuple):
    """The arrays themselves, what functions reach, the states of the generators, and the position in the data."""

    carry: Carry
    reached: GraphSnapshot
    randomness: States
    position: Any


def _visit(value: object) -> Node | None:
    """Return how to restore a generator; arrays of JAX never change."""
    return generator_node(own_generator(value))


FRAMEWORK = Framework(
    _visit,
    lambda value: isinstance(value, jax.Array) or own_generator(value) is not None,
    frozenset({"jax", "jaxlib", "optax", "flax", "equinox", "chex", "haiku"}),
)


def deleted_array(carry: Carry) -> str | None:
    """Return the name of the first array whose buffer was donated or deleted, None where all are alive."""
    for path, leaf in jax.tree_util.tree_flatten_with_path(carry)[0]:
        if isinstance(leaf, jax.Array) and leaf.is_deleted():
            return jax.tree_util.keystr(path).removeprefix(".")
    return None


@jax.jit
def copied(carry: Carry) -> Carry:
    """Return the same values in buffers of their own."""
    return jax.tree.map(jnp.copy, carry)


@jax.jit
def stacked(carries: list[Carry]) -> Carry:
    """Return carries as one, whose arrays have a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *carries)


@jax.jit
def unstacked(carries: Carry) -> list[Carry]:
    """Return one carry for each entry of the leading axis."""
    count = jax.tree.leaves(carries)[0].shape[0]
    return [jax.tree.map(lambda array, k=k: array[k], carries) for k in range(count)]


def check_params(params: Any) -> None:
    """Refuse parameters that cannot be trained.

    Raises:
        ModelError: there are none; or one is not an array, has no gradient, or was donated.
    """
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    if not leaves:
        message = "params hold no array; give a pytree of parameters."
        raise ModelError(message)
    for path, leaf in leaves:
        fault = _fault_of(leaf)
        if fault:
            message = f"params{jax.tree_util.keystr(path)} {fault}"
            raise ModelError(message)


def _fault_of(leaf: Any) -> str | None:
    if not isinstance(leaf, jax.Array | np.ndarray | np.generic | float | int):
        return (
            f"is a {type(leaf).__name__}, not an array; give the arrays alone and rebuild the model in loss_fn "
            "(equinox.partition and combine, flax.nnx.split and merge)."
        )
    if isinstance(leaf, jax.Array) and leaf.is_deleted():
        return "was donated to another computation or deleted; create the learner from the present parameters."
    dtype = leaf.dtype if isinstance(leaf, jax.Array | np.ndarray | np.generic) else jnp.result_type(leaf)
    if not jnp.issubdtype(dtype, jnp.inexact):
        return f"is of dtype {dtype}, which has no gradient; put what is not trained into state=, or into loss_fn."
    return None
