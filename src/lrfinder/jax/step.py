"""One iteration as a pure function of the training's arrays, a rate and a batch; many as one compiled program."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from lrfinder.errors import LossError
from lrfinder.jax.arrival import check_arrival
from lrfinder.jax.batches import Slots, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lrfinder.jax.rates import OptimizerAt

MAX_ITERATIONS = 256  # in one call of a program
SHORT_SECONDS = 0.004  # a shorter iteration shares a call with others; for a longer one, the overhead does not matter
CALL_SECONDS = 0.25  # the aim for the longest call: it cannot be interrupted, and its iterations may run past the stop


class Carry(NamedTuple):
    """All arrays that an iteration changes, as pytrees."""

    params: Any
    opt_state: Any
    state: Any


TrainStep = Callable[[Carry, jax.Array, Any], tuple[Carry, jax.Array]]
"""``train_step(carry, lr, batch) -> (carry, loss)``; the loss has shape ``()`` and is that before the update."""


def optax_step(loss_fn: Callable[..., Any], optimizer_at: OptimizerAt, *, stateful: bool) -> TrainStep:
    """Return the iteration of an optax training; ``stateful`` is for ``loss_fn(params, state, batch) -> (loss, state)``."""
    value = loss_value(loss_fn, stateful=stateful)

    def train_step(carry: Carry, lr: jax.Array, batch: Any) -> tuple[Carry, jax.Array]:
        params, opt_state, state = carry
        (loss, new_state), gradients = jax.value_and_grad(value, has_aux=True)(params, state, batch)
        optimizer, opt_state = optimizer_at(opt_state, lr)
        # for optimizers that need more than the gradient: polyak_sgd, lbfgs, reduce_on_plateau
        more = {"value": loss, "grad": gradients, "value_fn": lambda params: value(params, state, batch)[0]}
        updates, opt_state = optimizer.update(gradients, opt_state, params, **more)
        return Carry(optax.apply_updates(params, updates), opt_state, new_state), loss

    return train_step


def loss_value(loss_fn: Callable[..., Any], *, stateful: bool) -> Callable[[Any, Any, Any], tuple[jax.Array, Any]]:
    """Return ``value(params, state, batch) -> (loss, state)`` for a ``loss_fn`` of either kind; see :func:`optax_step`."""

    def value(params: Any, state: Any, batch: Any) -> tuple[jax.Array, Any]:
        if not stateful:
            return _scalar(loss_fn(params, batch)), state
        loss, state = _pair(loss_fn(params, state, batch))
        return _scalar(loss), state

    return value


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


class UnstableCarry(Exception):  # noqa: N818  (not a fault: the caller runs the step without a loop)
    """A step that returns other shapes or dtypes than it receives, and so cannot be the body of a loop."""


class SlowInLoop(UnstableCarry):
    """A step with a convolution, which on a CPU XLA computes many times slower inside a loop than outside."""


class Program:
    """Iterations of a step, compiled once for any number of them.

    The bound of the loop is an argument of the program. So one iteration and two hundred are the same machine code, and
    their losses the same bits. (The length of a ``lax.scan`` is part of its program: each length compiles again.)
    With ``donate``, a call may overwrite the arrays of the carry that it receives.

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
        """Run several trainings at once on the same batches, each at its own rates, shape ``(trainings, batches)``.

        Returns:
            The carries, stacked along a leading axis as before, and the losses, shape ``(trainings, batches)``.

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
    check_arrival(jaxpr, carry.params, len(jax.tree.leaves(carry)))
    if jax.default_backend() == "cpu" and "conv_general_dilated" in str(jaxpr):
        raise SlowInLoop
    if kind_of(after) != kind_of(carry):
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


class Chunking:
    """The durations of a program's calls, and from them the size of the next call and whether to train together."""

    def __init__(self) -> None:
        self._iteration_seconds = math.inf  # the shortest so far
        self._call_seconds = 0.0  # the longest so far: a call that compiled
        self.compiled_for: set[int] = set()  # numbers of trainings in one program

    def record(self, seconds: float, iterations: int) -> None:
        """Record the duration of a call of several iterations."""
        self._iteration_seconds = min(self._iteration_seconds, seconds / iterations)
        self._call_seconds = max(self._call_seconds, seconds)

    def size(self) -> int:
        """Return the number of iterations for the next call."""
        short = self._iteration_seconds < SHORT_SECONDS
        return min(MAX_ITERATIONS, int(CALL_SECONDS / self._iteration_seconds)) if short else 1

    def is_faster_together(self, trainings: int, iterations: int, platform: str) -> bool:
        """Return whether trainings are worth a program of their own, compiled for their number.

        On a CPU they are not: one training keeps its cores busy. An accelerator is idle between short iterations. Trainings
        together are assumed to save half of the time there, which must pay for the compilation.
        """
        if platform == "cpu" or trainings < 2 or self._iteration_seconds >= SHORT_SECONDS:  # noqa: PLR2004  (together)
            return False
        saved_seconds = trainings * iterations * self._iteration_seconds / 2
        return trainings in self.compiled_for or saved_seconds > self._call_seconds
