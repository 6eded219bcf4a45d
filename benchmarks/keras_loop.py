"""What the finder adds to a bare ``train_on_batch`` loop on Keras: medians over rounds in turns, machines being noisy.

KERAS_BACKEND=torch python benchmarks/keras_loop.py    (or jax, tensorflow)

The bare loop sets no rate and reads what ``train_on_batch`` gives; the finder's own cost is a sweep inside a ``find``, from
its second record to its last, less that. A list of batches costs nothing to replay; the batches of an iterable are drawn
with every generator read before and after. What was compiled before is not counted; taking a snapshot and putting it back
stand apart.
"""

import datetime as dt
import os
import platform
import statistics
import time
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

import lrfinder
from lrfinder.keras import KerasLearner

ITERATIONS, ROUNDS, BATCH = 40, 11, 128
LRS = np.geomspace(1e-6, 1e-3, ITERATIONS).tolist()


def made() -> tuple[Any, list[Any]]:
    """A net of which an iteration takes some milliseconds, and 10 batches."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    wide = [layers.Dense(512, activation="relu"), layers.Dropout(0.2), layers.Dense(512, activation="relu")]
    model = keras.Sequential([keras.Input((784,)), *wide, layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1e-6, momentum=0.9), loss, metrics=["accuracy"])
    random = np.random.default_rng(0)
    x = random.standard_normal((10, BATCH, 784)).astype("float32")
    return model, [(one, label) for one, label in zip(x, random.integers(0, 10, (10, BATCH)), strict=True)]


class Iterated:
    """The batches as an iterable that is no list."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


def bare(model: Any, batches: Iterable[Any]) -> float:
    """Seconds an iteration of a loop written by hand."""
    endless = (batch for _ in range(ITERATIONS) for batch in batches)
    losses = []
    start = time.perf_counter()
    for _, (x, y) in zip(range(ITERATIONS), endless, strict=False):
        losses.append(model.train_on_batch(x, y, return_dict=True)["loss"])
    return (time.perf_counter() - start) / ITERATIONS


def found(model: Any, batches: Any) -> tuple[float, float]:
    """Seconds an iteration of the sweep inside a find; seconds of snapshot and restore."""
    times: list[float] = []
    finder = lrfinder.LRFinder(KerasLearner(model, batches))
    start = time.perf_counter()
    finder.find(rates=LRS, stopping=lambda _: None, on_record=lambda _: times.append(time.perf_counter()))
    end = time.perf_counter()
    iteration = (times[-1] - times[0]) / (ITERATIONS - 1)
    return iteration, end - start - ITERATIONS * iteration


def main() -> None:
    """Print a line for a list, and one for an iterable."""
    model, batches = made()
    sizes = f"{sum(weight.size for weight in model.get_weights()):,} parameters, batches of {BATCH}"
    versions = f"Python {platform.python_version()}, Keras {keras.__version__} on {keras.backend.backend()}"
    print(f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, {versions}; {sizes}")
    for name, source in (("a list", batches), ("an iterable", Iterated(batches))):
        bare(model, source), found(model, source)
        rounds = [(bare(model, source), *found(model, source)) for _ in range(ROUNDS)]
        once = statistics.median(one for one, _, _ in rounds)
        ratio = statistics.median(sweep / one for one, sweep, _ in rounds)
        around = statistics.median(rest for _, _, rest in rounds)
        print(f"{name}: bare {once * 1e3:.2f} ms; finder {ratio:.3f} times that; snapshot and restore {around * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
