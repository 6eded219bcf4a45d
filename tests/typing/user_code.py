"""Programs of users, which pyright checks in strict mode and nothing runs.

``assert_type`` fails where a public type changes. A ``type: ignore`` fails where its line is no longer an error.
"""

# ruff: noqa: TC003  (a checker reads the file, nothing runs it)
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, assert_type

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import nn

import lrfinder
import lrfinder.torch
from lrfinder import BaseLearner, Comparison, Grid, Learner, LRFinder, RangeTest, Record, Result, Status, Stop, Suggestion


class Bowl(BaseLearner):
    """A learner with the four methods, and all others from the base class."""

    position = 1.0

    def iteration(self, lr: float) -> float:
        self.position -= lr * self.position
        return self.position**2

    def snapshot(self) -> float:
        return self.position

    def restore(self, state: float) -> None:
        self.position = state

    def close(self) -> None: ...


class WithoutBase:
    """A learner of the four methods alone, with a loss that is an array."""

    def iteration(self, lr: float) -> NDArray[np.float32]:
        return np.zeros((), np.float32)

    def snapshot(self) -> Mapping[str, int]:
        return {}

    def restore(self, state: Mapping[str, int]) -> None: ...

    def close(self) -> None: ...


class Unfinished:
    def iteration(self, lr: float) -> float:
        return lr


def range_test(finder: LRFinder) -> None:
    result = finder.find(lr_start=1e-6, lr_multiplier=1.1, smoothing=0.3, lr_end=1.0, max_iterations=100)
    assert_type(result, RangeTest)
    assert_type(len(result), int)
    assert_type(result[0], Record)
    assert_type(result[1:], RangeTest)
    assert_type(result[10:-5].explain(), str)
    for lr, loss in result:
        assert_type((lr, loss), tuple[float, float])
    assert_type(result.lrs, NDArray[np.float64])
    assert_type(result.losses, NDArray[np.float64])
    assert_type(result.stop, Stop)
    assert_type(result.plot(), Axes)
    assert_type(finder.results, RangeTest)
    finder.find(rates=lrfinder.linear(0.1, 1.0, 10), on_record=lambda record: assert_type(record, Record))
    finder.find(stopping=lambda loss: loss > 1)
    finder.find(1e-6, 1.1, 0.3, 1.0)  # type: ignore[call-arg]  (the settings after smoothing are keywords)


def suggestion(finder: LRFinder) -> float:
    found = finder.suggest(horizon=1000, schedule=lrfinder.one_cycle)
    finder.suggest(epochs=2.5, schedule=lrfinder.warmup_cosine(warmup=0.1))
    assert_type(found, Suggestion)
    assert_type(found.lr, float | None)
    assert_type((found.low, found.high), tuple[float | None, float | None])
    assert_type(found.confidence, Literal["high", "medium", "low"])
    assert_type(found.status, Status)
    assert_type(found.notes, tuple[str, ...])
    assert_type(found.iterations, int)
    assert_type(found.curve, RangeTest | None)
    return found.lr if found.lr is not None else 0.1


def comparison(finder: LRFinder) -> None:
    found = finder.compare([0.005, 0.05], iterations=300)
    assert_type(found, Comparison)
    assert_type(found.best, float | None)
    assert_type(found.losses, NDArray[np.float64])
    assert_type(found.final(), NDArray[np.float64])


def learners(path: Path) -> None:
    assert_type(Bowl().find(), RangeTest)
    assert_type(Bowl().suggest(horizon=10), Suggestion)
    assert_type(Bowl().compare([0.1]), Comparison)
    learner: Learner[Mapping[str, int]] = WithoutBase()
    LRFinder(learner)
    LRFinder(lrfinder.Averaged(lrfinder.Validated(Bowl(), lambda: 0.0), 4))
    LRFinder(Unfinished())  # type: ignore[arg-type]
    with lrfinder.restored(WithoutBase()) as state:
        assert_type(state, Mapping[str, int])
    assert_type(lrfinder.check(Bowl()).ok, bool)
    result = lrfinder.load(path)
    assert_type(result, Result)
    result.to_json(path)
    result.to_csv(str(path))
    assert_type(result.to_columns(), Mapping[str, Sequence[object]])


def grid() -> None:
    def make(seed: int, weight_decay: float = 0.0) -> Bowl:
        return Bowl()

    found = lrfinder.grid(make, weight_decay=[0, 1e-4], seed=range(3), each=LRFinder.suggest)
    assert_type(found, Grid)
    assert_type([cell.suggestion for cell in found.cells], list[Suggestion | None])
    assert_type(lrfinder.suggest(Bowl, 100, executor=lrfinder.executors.Ray(num_cpus=2)), Suggestion)


def pytorch(model: nn.Module, loader: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner = lrfinder.torch.TorchLearner(model, optimizer, nn.CrossEntropyLoss(), loader)
    assert_type(LRFinder(learner).find(), RangeTest)
    with lrfinder.torch.sweep(model, optimizer) as test:
        for inputs, targets in test(loader):
            test.record(nn.functional.cross_entropy(model(inputs), targets))
    assert_type(test.result, RangeTest)
