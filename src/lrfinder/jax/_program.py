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
    from lrfinder.jax.step import Carry, Step

MOST = 256
"""Iterations that one call of the program can make."""


class Unsettled(Exception):  # noqa: N818  (no error: another program is taken)
    """A step gives other shapes or dtypes than it takes, so it cannot be the body of a loop."""


class Slow(Unsettled):
    """A step holds a convolution, which XLA computes many times slower inside a loop than outside on a processor."""


class Program:
    """Iterations of a step, compiled once for any number of them.

    The loop's bound is a number that the program is given, so that one iteration and two hundred are the same machine code,
    and their losses the same bits. (The length of a ``lax.scan`` is part of its program: each length compiles anew.)

    Args:
        step: the iteration.
        dtype: that of the rates.
        donate: whether the arrays of a carry may be overwritten once it was given.

    Attributes:
        alone: whether iterations are made one in a call, without the loop. It follows from the step, not from a clock, so
            that the same training is always the same machine code.
    """

    def __init__(self, step: Step, dtype: Any, *, donate: bool) -> None:
        loop = partial(_loop, step)
        donated = (0,) if donate else ()
        self.alone = False
        self._dtype = dtype
        self._many = jax.jit(loop, donate_argnums=donated)
        self._one = jax.jit(lambda carry, lrs, slots: step(carry, lrs[0], _batch(slots, 0)), donate_argnums=donated)
        self._trainings = jax.jit(jax.vmap(loop, in_axes=(0, 0, None)))

    def __call__(self, carry: Carry, lrs: Sequence[float], slots: Slots) -> tuple[Carry, np.ndarray[Any, Any]]:
        """One iteration at each rate; fewer where there are fewer batches, or where the first changes a shape or dtype.

        Returns:
            What training changed, and the losses, shape ``(iterations made,)``.
        """
        rates = self._rates([lrs])[0]
        if not self.alone:
            try:
                carry, losses = self._many(carry, rates, slots)
                return carry, np.asarray(losses)[: slots.length]
            except Unsettled as reason:
                self.alone = isinstance(reason, Slow)
        carry, loss = self._one(carry, rates, slots)
        return carry, np.asarray(loss)[None]

    def trainings(self, carries: Any, lrs: np.ndarray[Any, Any], slots: Slots) -> tuple[Any, np.ndarray[Any, Any]]:
        """As many iterations as there are batches, of several trainings at once, each at its own rates.

        Args:
            carries: a carry whose arrays have a leading axis, one entry for each training.
            lrs: the rates, shape ``(trainings, batches)``.
            slots: the batches, the same for all.

        Returns:
            The carries, and the losses, shape ``(trainings, iterations)``.

        Raises:
            Unsettled: the first iteration changes a shape or dtype.
        """
        carries, losses = self._trainings(carries, self._rates(lrs), slots)
        return carries, np.asarray(losses)[:, : slots.length]

    def _rates(self, rows: Sequence[Sequence[float]] | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        padded = np.zeros((len(rows), MOST))
        padded[:, : len(rows[0])] = rows
        return padded.astype(self._dtype)


def _loop(step: Step, carry: Carry, lrs: Any, slots: Slots) -> tuple[Carry, jax.Array]:
    """An iteration on each of the batches, at the first of the rates; losses beyond these are NaN."""
    jaxpr, (after, loss) = jax.make_jaxpr(step, return_shape=True)(carry, lrs[0], _batch(slots, 0))
    if jax.default_backend() == "cpu" and "conv_general_dilated" in str(jaxpr):
        raise Slow
    if _types(after) != _types(carry):
        raise Unsettled

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
