"""The overhead of the finder over a bare ``train_on_batch`` loop on Keras.

KERAS_BACKEND=torch python benchmarks/keras_loop.py    (or jax, tensorflow)

Two equal models take turns, iteration by iteration, within a ``find``. The finder trains one; after each of its iterations
``train_on_batch`` trains the other on the same batch, at a rate that is never set. So both see the machine in the same
moments. The overhead is the difference of the medians of a round, relative to the bare one; of the rounds, the median and
an interval by their order. A list of batches costs nothing to replay. For each batch of an iterable, every generator is
read before and after. Compilation is not counted; snapshot and restore are reported apart.
"""

import datetime as dt
import itertools
import os
import platform
import statistics
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

import lrfinder
from lrfinder.keras import KerasLearner

ITERATIONS, ROUNDS, BATCH, WIDTH = 40, 15, 128, 384
LRS = np.geomspace(1e-6, 1e-3, ITERATIONS).tolist()
LOW, HIGH = 3, 11  # ranks of 15 between which the median lies with 96.5 %: 1 - 2 P(binomial(15, 1/2) < 4)


def model_of_a_few_ms() -> Any:
    """Return a net whose iteration takes a few milliseconds."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    wide = [layers.Dense(WIDTH, activation="relu"), layers.Dropout(0.2), layers.Dense(WIDTH, activation="relu")]
    model = keras.Sequential([keras.Input((784,)), *wide, layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1e-6, momentum=0.9), loss, metrics=["accuracy"])
    return model


def batches_of(random: np.random.Generator) -> list[Any]:
    """Return ten batches."""
    x = random.standard_normal((10, BATCH, 784)).astype("float32")
    return [(one, label) for one, label in zip(x, random.integers(0, 10, (10, BATCH)), strict=True)]


class Iterated:
    """The batches as an iterable other than a list."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


def a_round(finder: "lrfinder.LRFinder[Any]", bare: Any, batches: Any) -> tuple[float, float, float]:
    """Return the median seconds of a bare iteration and of the finder's, and the seconds of snapshot and restore."""
    alone: list[float] = []
    within: list[float] = []
    endless = itertools.chain.from_iterable(itertools.repeat(batches))
    last = start = time.perf_counter()

    def turn(_: lrfinder.Record) -> None:
        nonlocal last
        within.append(time.perf_counter() - last)
        before = time.perf_counter()
        x, y = next(endless)
        bare.train_on_batch(x, y, return_dict=True)
        last = time.perf_counter()
        alone.append(last - before)

    finder.find(rates=LRS, stopping=lambda _: None, on_record=turn)
    around = time.perf_counter() - start - sum(alone) - sum(within[1:]) - statistics.median(within[1:])
    return statistics.median(alone[1:]), statistics.median(within[1:]), around


def main() -> None:
    """Print a line for a list, and one for an iterable."""
    own, bare, batches = model_of_a_few_ms(), model_of_a_few_ms(), batches_of(np.random.default_rng(0))
    sizes = f"{own.count_params():,} parameters, batches of {BATCH}"
    versions = f"Python {platform.python_version()}, Keras {keras.__version__} on {keras.backend.backend()}"
    print(f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, {versions}; {sizes}")
    print(f"{ROUNDS} rounds of {ITERATIONS} iterations in turns")
    for name, source in (("a list", batches), ("an iterable", Iterated(batches))):
        finder = lrfinder.LRFinder(KerasLearner(own, source))
        a_round(finder, bare, source)
        rounds = [a_round(finder, bare, source) for _ in range(ROUNDS)]
        once = statistics.median(alone for alone, _, _ in rounds)
        added = sorted(within / alone - 1 for alone, within, _ in rounds)
        around = statistics.median(rest for _, _, rest in rounds)
        interval = f"{added[LOW]:+.1%} to {added[HIGH]:+.1%}"
        print(
            f"{name}: bare {once * 1e3:.2f} ms; the finder adds {statistics.median(added):+.1%} ({interval}); "
            f"snapshot and restore {around * 1e3:.0f} ms"
        )


if __name__ == "__main__":
    main()
