"""What an OptaxLearner was like at a snapshot. Arrays of JAX never change, so it holds them and copies nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lrfinder.errors import ModelError

if TYPE_CHECKING:
    from lrfinder.jax.step import Carry
    from lrfinder.randomness import States


class JaxState(NamedTuple):
    """The arrays themselves, the states of the generators, and the place in the data."""

    carry: Carry
    randomness: States
    place: Any


def where(place: Any) -> object:
    """A place in the data that is equal to all others made there."""
    return getattr(place, "place", place)


def deleted(carry: Carry) -> str | None:
    """The name of the first array whose buffer was donated to another computation or deleted; None where all live."""
    for path, leaf in jax.tree_util.tree_flatten_with_path(carry)[0]:
        if isinstance(leaf, jax.Array) and leaf.is_deleted():
            return jax.tree_util.keystr(path).removeprefix(".")
    return None


@jax.jit
def copied(carry: Carry) -> Carry:
    """The same values in buffers of their own."""
    return jax.tree.map(jnp.copy, carry)


@jax.jit
def stacked(carries: list[Carry]) -> Carry:
    """Carries as one, whose arrays have a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *carries)


@jax.jit
def unstacked(carries: Carry) -> list[Carry]:
    """One carry for each entry of the leading axis."""
    count = jax.tree.leaves(carries)[0].shape[0]
    return [jax.tree.map(lambda array, k=k: array[k], carries) for k in range(count)]


def require_arrays(params: Any) -> None:
    """Refuse parameters that cannot be trained.

    Raises:
        ModelError: there are none, or one is no array, or has no gradient, or its buffer was donated.
    """
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    if not leaves:
        message = "params hold no array; give a pytree of parameters."
        raise ModelError(message)
    for path, leaf in leaves:
        wrong = _wrong(leaf)
        if wrong:
            message = f"params{jax.tree_util.keystr(path)} {wrong}"
            raise ModelError(message)


def _wrong(leaf: Any) -> str | None:
    if not isinstance(leaf, jax.Array | np.ndarray | np.generic | float | int):
        return (
            f"is a {type(leaf).__name__}, no array; give the arrays alone and put the model together in loss_fn "
            "(equinox.partition and combine, flax.nnx.split and merge)."
        )
    if isinstance(leaf, jax.Array) and leaf.is_deleted():
        return "was donated to another computation or deleted; make the learner of the present parameters."
    dtype = leaf.dtype if isinstance(leaf, jax.Array | np.ndarray | np.generic) else jnp.result_type(leaf)
    if not jnp.issubdtype(dtype, jnp.inexact):
        return f"is of dtype {dtype}, which has no gradient; what is not trained belongs into state=, or into loss_fn."
    return None
