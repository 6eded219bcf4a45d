"""Growth of costs with the number of tensors, steps and probes."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import torch
from finders import Training
from own import Nothing
from spread import table
from tasks import TASKS
from torch import nn

import lrfinder
from lrfinder.torch import TorchLearner

if TYPE_CHECKING:
    from collections.abc import Callable


class Descending(Nothing):
    """Learner whose losses fall and rise like a curve, whatever the rate."""

    def __init__(self, length: int) -> None:
        self.length, self.index = length, 0

    def iteration(self, lr: float) -> float:
        """Return the loss at this index."""
        del lr
        self.index += 1
        return 2.0 + (self.index / self.length - 0.7) ** 2 + 0.01 * (self.index * 7919 % 101) / 101


def section() -> str:
    """Measure and return the three tables."""
    return f"{_tensors()}\n{_steps()}\n{_probes()}"


def _tensors() -> str:
    rows = []
    for count in (10, 100, 1_000, 5_000, 20_000):
        model = nn.ParameterList([nn.Parameter(torch.zeros(10)) for _ in range(count)])
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        learner = TorchLearner(model, optimizer, None, [0], forward=lambda model, _: model[0].sum())
        state = learner.snapshot()
        snapshot = _median(learner.snapshot)
        restore = _median(lambda learner=learner, state=state: learner.restore(state))
        rows.append(
            [f"{count:,}", f"{1e3 * snapshot:.2f}", f"{1e3 * restore:.2f}", f"{1e6 * (snapshot + restore) / count:.1f}"]
        )
    return table(["tensors of 10 numbers", "snapshot, ms", "restore, ms", "both, µs per tensor"], rows)


def _steps() -> str:
    rows = []
    for count in (100, 1_000, 10_000, 100_000):
        finder = lrfinder.LRFinder(Descending(count))
        rates = list(lrfinder.linear(1e-6, 1.0, count))
        sweep = _median(lambda finder=finder, rates=rates, count=count: finder.find(rates=rates, max_iterations=count))
        result = finder.find(rates=rates, max_iterations=count)
        analysis = _median(lambda result=result: lrfinder.RangeTest(result.records, result.stop, result.settings).suggestion)
        rows.append(
            [f"{len(result):,}", f"{1e6 * sweep / count:.2f}", f"{1e3 * analysis:.1f}", f"{1e6 * analysis / count:.2f}"]
        )
    return table(["records", "µs per record of `find`", "the curve's suggestion, ms", "the same, µs per record"], rows)


def _probes() -> str:
    rows = []
    for iterations in (650, 2_000, 6_000):
        of = Training(TASKS["MLP, batch 64"])
        finder = lrfinder.LRFinder(TorchLearner(of.model, of.optimizer, of.loss_fn, list(of.loader)))
        start = time.process_time()
        suggestion = finder.suggest(horizon=iterations, max_iterations=iterations)
        seconds = time.process_time() - start
        rows.append([f"{suggestion.iterations:,}", len(suggestion.probes), f"{1e6 * seconds / suggestion.iterations:.0f}"])
    return table(["iterations of `suggest`", "probes", "µs per iteration, everything included"], rows)


def _median(call: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)
