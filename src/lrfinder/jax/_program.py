"""Many iterations as one compiled program."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lrfinder.jax.batches import Slots
    from lrfinder.jax.step import Carry, TrainStep

MAX_ITERATIONS = 256
"""The most iterations in one call of a program."""


class UnstableCarry(Exception):  # noqa: N818  (not a fault: the caller runs the step without a loop)
    """A step that returns other shapes or dtypes than it receives, and so cannot be the body of a loop."""


class SlowInLoop(UnstableCarry):
    """A step with a convolution, which on a CPU XLA computes many times slower inside a loop than outside."""


class Program:
    """Iterations of a step, compiled once for any number of them.

    The bound of the loop is an argument of the program. So one iteration and two hundred are the same machine code, and
    their losses the same bits. (The length of a ``lax.scan`` is part of its program: each length compiles again.)

    Args:
        step: the iteration.
        dtype: the dtype of the rates.
        donate: whether a call may overwrite the arrays of the carry that it receives.

    Attributes:
        loops: whether a call may run several iterations. It follows from the step, not from a clock, so that the same
            training is always the same machine code.
    """

    def __init__(self, step: TrainStep, dtype: Any, *, donate: bool) -> None:
        loop = partial(_loop, step)
        donated = (0,) if donate else ()
        self.loops = True
        self._dtype = dtype
        self._many = jax.jit(loop, donate_argnums=donated)
        self._one = jax.jit(lambda carry, lrs, slots: step(carry, lrs[0], _batch(slots, 0)), donate_argnums=donated)
        self._trainings = jax.jit(jax.vmap(loop, in_axes=(0, 0, None)))

    def __call__(self, carry: Carry, lrs: Sequence[float], slots: Slots) -> tuple[Carry, np.ndarray[Any, Any]]:
        """Run one iteration at each rate; fewer if batches are fewer, and only one if it changes a dtype or shape.

        Returns:
            The carry afterwards, and the losses, shape ``(iterations,)``.
        """
        rates = self._rates([lrs])[0]
        if self.loops:
            try:
                carry, losses = self._many(carry, rates, slots)
                return carry, np.asarray(losses)[: slots.length]
            except UnstableCarry as reason:
                self.loops = not isinstance(reason, SlowInLoop)
        carry, loss = self._one(carry, rates, slots)
        return carry, np.asarray(loss)[None]

    def trainings(self, carries: Any, lrs: np.ndarray[Any, Any], slots: Slots) -> tuple[Any, np.ndarray[Any, Any]]:
        """Run several trainings at once, each at its own rates, as many iterations as there are batches.

        Args:
            carries: a carry whose arrays have a leading axis, one entry for each training.
            lrs: the rates, shape ``(trainings, batches)``.
            slots: the batches, the same for all.

        Returns:
            The carries afterwards, and the losses, shape ``(trainings, iterations)``.

        Raises:
            UnstableCarry: the first iteration changes a shape or dtype.
        """
        carries, losses = self._trainings(carries, self._rates(lrs), slots)
        return carries, np.asarray(losses)[:, : slots.length]

    def _rates(self, rows: Sequence[Sequence[float]] | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        padded = np.zeros((len(rows), MAX_ITERATIONS))
        padded[:, : len(rows[0])] = rows
        return padded.astype(self._dtype)


def _loop(step: TrainStep, carry: Carry, lrs: Any, slots: Slots) -> tuple[Carry, jax.Array]:
    """Run an iteration on each batch, at the first of the rates; losses beyond these are NaN."""
    jaxpr, (after, loss) = jax.make_jaxpr(step, return_shape=True)(carry, lrs[0], _batch(slots, 0))
    if jax.default_backend() == "cpu" and "conv_general_dilated" in str(jaxpr):
        raise SlowInLoop
    if _types(after) != _types(carry):
        raise UnstableCarry

    def body(k: Any, carried: tuple[Carry, jax.Array]) -> tuple[Carry, jax.Array]:
        carry, losses = carried
        carry, loss = step(carry, lrs[k], _batch(slots, k))
        return carry, losses.at[k].set(loss)

    return lax.fori_loop(0, slots.length, body, (carry, jnp.full(lrs.shape, jnp.nan, loss.dtype)))


def _batch(slots: Slots, k: Any) -> Any:
    def of(array: Any) -> Any:
        return lax.dynamic_index_in_dim(array, (slots.start + k) % array.shape[0], keepdims=False)

    return jax.tree.map(of, slots.arrays)


def _types(tree: Any) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves]
