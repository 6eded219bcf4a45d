"""The overhead of the finder over a bare Gluon loop, in microseconds per iteration.

python benchmarks/gluon_loop.py

Medians over rounds in turns, because machines are noisy. The net is tiny, so that the overhead shows. "own cost" is with the
batches in a list. The second line adds the cost of a loader: its batches are copied, and the generators of NumPy and Python
are read before and after each draw, so that it can be repeated.
"""

import datetime as dt
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import lrfinder
from lrfinder.gluon import GluonLearner
from lrfinder.gluon._framework import mx

ITERATIONS, ROUNDS = 300, 15


def training() -> tuple[Any, Any, Any, Any]:
    """Return a small net, its trainer, and 10 batches as a loader and as a list."""
    net = mx.gluon.nn.Dense(2)
    net.initialize()
    x = np.random.default_rng(0).standard_normal((320, 8)).astype("float32")
    data = mx.gluon.data.ArrayDataset(x, (x[:, 0] > 0).astype("int32"))
    loader = mx.gluon.data.DataLoader(data, batch_size=32, shuffle=True)
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1e-6})
    return net, trainer, loader, list(loader)


def bare(net: Any, trainer: Any, batches: Iterable[Any]) -> float:
    """Return the seconds of a loop written by hand."""
    loss_fn = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    lrs = np.geomspace(1e-6, 1e-3, ITERATIONS).tolist()
    endless = (batch for _ in range(ITERATIONS) for batch in batches)
    losses = []
    start = time.perf_counter()
    for lr, (data, label) in zip(lrs, endless, strict=False):
        trainer.set_learning_rate(lr)
        with mx.autograd.record():
            loss = loss_fn(net(data.to_device(mx.cpu())), label.to_device(mx.cpu()))
        loss.backward()
        trainer.step(data.shape[0])
        losses.append(loss.mean().item())
    return time.perf_counter() - start


def found(net: Any, trainer: Any, batches: Iterable[Any]) -> float:
    """Return the seconds of the sweep inside a find, from its second record to its last."""
    finder, times = lrfinder.LRFinder(GluonLearner(net, batches, trainer=trainer)), []
    lrs = np.geomspace(1e-6, 1e-3, ITERATIONS)
    finder.find(rates=lrs, stopping=lambda _: None, on_record=lambda _: times.append(time.perf_counter()))
    return (times[-1] - times[0]) * ITERATIONS / (ITERATIONS - 1)


def added(batches: Callable[[Any, Any], Any]) -> tuple[float, float]:
    """Return the median microseconds of a bare iteration, and of the overhead of the finder."""
    mx.npx.set_np()
    net, trainer, loader, listed = training()
    source = batches(loader, listed)
    bare(net, trainer, source)
    pairs = [(bare(net, trainer, source), found(net, trainer, source)) for _ in range(ROUNDS)]
    scale = 1e6 / ITERATIONS
    return statistics.median(one for one, _ in pairs) * scale, statistics.median(two - one for one, two in pairs) * scale


def main() -> None:
    """Print a line for a list, and one for a loader."""
    where = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, mxnet {mx.__version__}"
    print(f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {where}, {ROUNDS} rounds of {ITERATIONS} iterations")
    for name, batches in (("own cost", lambda _, listed: listed), ("with a loader", lambda loader, _: loader)):
        once, more = added(batches)
        print(f"{name}: bare {once:.0f} us, finder {more:+.0f} us per iteration")


if __name__ == "__main__":
    main()
