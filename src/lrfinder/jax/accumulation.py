"""Optimizers that collect the gradients of several batches for one update, such as ``optax.MultiSteps``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import optax

if TYPE_CHECKING:
    from collections.abc import Callable

    from lrfinder.jax.rates import OptimizerAt

MAX_SKIPPED = 16
"""The most batches in a row of which an optimizer skips the gradients, as ``optax.skip_not_finite`` does, in an update."""

MAX_BATCHES = 10_000  # in one update, when they are counted


def accumulators(opt_state: Any) -> list[Any]:
    """Return the states of all accumulations in the state of an optimizer."""
    own = [opt_state] if isinstance(opt_state, optax.MultiStepsState | optax.ApplyEvery) else []
    parts = opt_state.values() if isinstance(opt_state, dict) else opt_state if isinstance(opt_state, tuple | list) else ()
    return own + [one for part in parts for one in accumulators(part)]


def train_until_update(train: Callable[[], float], opt_state: Callable[[], Any]) -> float:
    """Train batch by batch until every accumulation is empty, so that the optimizer has made an update.

    A loss that is not finite ends it too, and so do 16 batches in a row whose gradients the optimizer skips.

    Args:
        train: trains on the next batch and returns its loss.
        opt_state: returns the optimizer's state at present.

    Returns:
        The mean loss of the batches in the update; otherwise that of the last batch.
    """
    losses: list[float] = []
    skipped, before = 0, _progress(opt_state())
    while True:
        loss = train()
        after = _progress(opt_state())
        skipped = skipped + 1 if after.can_stay and after == before else 0
        if not math.isfinite(loss) or skipped == MAX_SKIPPED:
            return loss
        before = after
        if not skipped:
            losses.append(loss)
            if not any(after.batches):
                return math.fsum(losses) / len(losses)


def batches_per_update(optimizer_at: OptimizerAt, opt_state: Any, params: Any) -> int:
    """Return how many batches the next whole update takes, by updates of a copy of the state with gradients of 0."""
    if not accumulators(opt_state):
        return 1
    gradients = jax.tree.map(jax.numpy.zeros_like, params)
    more = {"value": 0.0, "grad": gradients, "value_fn": lambda _: jax.numpy.zeros(())}

    @jax.jit
    def update(opt_state: Any) -> Any:
        optimizer, opt_state = optimizer_at(opt_state, jax.numpy.zeros(()))
        return optimizer.update(gradients, opt_state, params, **more)[1]

    def batches() -> int:
        nonlocal opt_state
        for count in range(1, MAX_BATCHES):
            opt_state = update(opt_state)
            if not any(_progress(opt_state).batches):
                return count
        return MAX_BATCHES

    if any(_progress(opt_state).batches):
        batches()  # those that are left of an update that has begun
    return batches()


class _Progress(NamedTuple):
    """The batches that each accumulation holds, the updates that were made, and whether both may stay as they are."""

    batches: list[int]
    updates: list[int]
    can_stay: bool


def _progress(opt_state: Any) -> _Progress:
    found = accumulators(opt_state)
    steps: list[Any] = [one for one in found if isinstance(one, optax.MultiStepsState)]
    every: list[Any] = [one for one in found if not isinstance(one, optax.MultiStepsState)]
    batches = [int(one.mini_step) for one in steps] + [int(one.count) for one in every]
    return _Progress(batches, [int(one.gradient_step) for one in steps], bool(steps))
