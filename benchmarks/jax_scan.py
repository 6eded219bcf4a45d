"""A range test on JAX against the same iterations in a bare jitted ``lax.scan``, and against one call per iteration.

python benchmarks/jax_scan.py

Medians over rounds in turns, because machines are noisy. Everything is compiled before; the first call is reported apart.
A range test is a whole ``find``: snapshot, 150 iterations with their records, restore. All batches are on the device.
"steps" is the learner's own ``iteration``, one call after the other. "jitted steps" is the loop of a training script over
``jax.jit`` of a step, with its losses read at the end.
"""

import datetime as dt
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import lrfinder
from lrfinder.jax import OptaxLearner

ITERATIONS, ROUNDS = 150, 41
LRS = np.geomspace(1e-6, 1e-3, ITERATIONS).tolist()
NETS = {  # layers, batch, optimizer
    "MLP 784-256-10, SGD with momentum, batch 128": ((784, 256, 10), 128, lambda lr: optax.sgd(lr, momentum=0.9)),
    "net 8-64-1, Adam, batch 32": ((8, 64, 1), 32, optax.adam),
}


def training(layers: Sequence[int], batch: int) -> tuple[Any, Any]:
    """Return parameters, and a batch for each iteration, on the device."""
    generator = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return jnp.asarray(generator.standard_normal(shape), jnp.float32)

    params = [(normal(*shape) / shape[0] ** 0.5, jnp.zeros(shape[1])) for shape in pairwise(layers)]
    return params, (normal(ITERATIONS, batch, layers[0]), normal(ITERATIONS, batch, layers[-1]))


def loss_fn(params: Any, batch: Any) -> Any:
    """Return the mean squared error of a net with ReLU between its layers."""
    x, y = batch
    *hidden, (w, b) = params
    for weights, bias in hidden:
        x = jax.nn.relu(x @ weights + bias)
    return jnp.mean((x @ w + b - y) ** 2)


def ways(params: Any, batches: Any, make: Callable[[Any], Any]) -> dict[str, Callable[[], object]]:
    """Return four ways to run the same iterations, each as a function that runs them all."""

    def step(carry: Any, now: Any) -> tuple[Any, Any]:
        params, opt_state = carry
        lr, batch = now
        loss, gradients = jax.value_and_grad(loss_fn)(params, batch)
        updates, opt_state = make(lr).update(gradients, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), loss

    listed = [jax.tree.map(lambda array, k=k: array[k], batches) for k in range(ITERATIONS)]
    learner = OptaxLearner(loss_fn, params, make, listed)
    finder = lrfinder.LRFinder(learner)
    start, lrs = (params, make(1e-3).init(params)), jnp.asarray(LRS, jnp.float32)
    scan, jitted = jax.jit(lambda carry, xs: jax.lax.scan(step, carry, xs)), jax.jit(step)

    def one_by_one() -> list[float]:
        with lrfinder.restored(learner):
            return [learner.iteration(lr) for lr in LRS]

    def by_hand() -> list[float]:
        carry, losses = start, []
        for now in zip(LRS, listed, strict=True):
            carry, loss = jitted(carry, now)
            losses.append(loss)
        return [float(loss) for loss in losses]

    return {
        "scan": lambda: np.asarray(scan(start, (lrs, batches))[1]),
        "find": lambda: finder.find(rates=LRS, stopping=lambda _: None),
        "steps": one_by_one,
        "jitted steps": by_hand,
    }


def seconds(way: Callable[[], object]) -> float:
    """Return the duration of one call."""
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def main() -> None:
    """Print the times of each net."""
    where = (
        f"{platform.machine()}, {os.cpu_count()} cores, {jax.devices()[0].device_kind}, Python {platform.python_version()}"
    )
    print(f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {where}, jax {jax.__version__}, optax {optax.__version__}")
    print(f"{ROUNDS} rounds of {ITERATIONS} iterations")
    for name, (layers, batch, make) in NETS.items():
        every = ways(*training(layers, batch), make)
        first = {way: seconds(run) for way, run in every.items()}
        rounds = [{way: seconds(run) for way, run in every.items()} for _ in range(ROUNDS)]
        median = {way: statistics.median(one[way] for one in rounds) for way in every}
        print(name)
        for way in every:
            print(f"  {way:12} {median[way] / ITERATIONS * 1e6:8.1f} us per iteration; first call {first[way]:.2f} s")
        ratio = statistics.median(one["find"] / one["scan"] for one in rounds)
        faster = statistics.median(one["steps"] / one["find"] for one in rounds)
        print(f"  find / scan {ratio:.3f}; find is {faster:.1f} times faster than steps")


if __name__ == "__main__":
    main()
