"""The twin check for finders of any package: a training with the finder in it against the same training without.

A scenario is a moment (before the first iteration, or after 20), an optimizer, and a fault in the sweep. All finders get the
same net (two layers with BatchNorm and Dropout between them), loss and shuffling loader of 10 batches. They are called as
their documentation says. The training continues in the loop of their package, or in a plain one if it has none.
"""

from __future__ import annotations

import itertools
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lrfinder.torch.inspection import digest, observe

EPOCH = 10  # batches
ITERATIONS = 20  # before the finder if it runs in the middle, and after it
FAULT_AT = 8  # calls of the loss in a sweep; no finder has stopped by then
PARTS = ("parameter", "buffer", "optimizer", "gradient", "mode", "generator")


class Scenario(NamedTuple):
    """One case."""

    moment: str
    optimizer: str
    fault: str


SCENARIOS = tuple(
    itertools.starmap(
        Scenario, itertools.product(("fresh", "after 20"), ("SGD momentum", "Adam"), ("none", "exception", "NaN"))
    )
)


class PlannedError(Exception):
    """The exception of a scenario."""


class Net(nn.Module):
    """The net that is trained, which records its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
        self.batches: list[object] = []

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute the logits, shape ``(batch, 2)``."""
        self.batches.append(digest(inputs))
        return self.layers(inputs)


class Loss:
    """Cross entropy that records its values, and raises or becomes NaN in a sweep if the scenario has such a fault."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.fault = "none"
        self.calls = 0

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss, shape ``()``."""
        loss = nn.functional.cross_entropy(output, target)
        self.calls += 1
        if self.calls >= FAULT_AT and self.fault == "exception":
            raise PlannedError
        if self.calls >= FAULT_AT and self.fault == "NaN":
            loss = loss * float("nan")
        self.values.append(loss.item())
        return loss


@dataclass
class Subject:
    """Arguments of a finder."""

    scenario: Scenario
    net: Net = field(default_factory=Net)
    loss: Loss = field(default_factory=Loss)
    loader: DataLoader[Any] = field(default_factory=lambda: DataLoader(_pairs(), batch_size=8, shuffle=True))

    def torch_optimizer(self) -> torch.optim.Optimizer:
        """Build the scenario's optimizer from PyTorch's own."""
        if self.scenario.optimizer == "Adam":
            return torch.optim.Adam(self.net.parameters(), lr=0.01)
        return torch.optim.SGD(self.net.parameters(), lr=0.05, momentum=0.9)


class Observation(NamedTuple):
    """State of a training after the finder, and the first batches and losses that follow."""

    parts: dict[str, dict[str, object]]
    files: frozenset[str]
    batches: list[object]
    losses: list[float]


class Witness:
    """Recorder of the state of a training.

    Args:
        subject: the training.
        reseed: whether to seed all generators, so that only other losses of state show in what follows.
    """

    def __init__(self, subject: Subject, *, reseed: bool) -> None:
        self._subject = subject
        self._reseed = reseed
        self.parts: dict[str, dict[str, object]] = {}
        self.files: frozenset[str] = frozenset()

    def at_the_start(self, optimizer: object) -> None:
        """Record the state when the training continues, and forget what came before."""
        of_net = observe([self._subject.net], [])
        self.parts = {part: {} for part in PARTS}
        for name, value in of_net.items():
            part = name.partition(":")[0]
            if part in self.parts:
                self.parts[part][name] = value
        self.parts["optimizer"] = dict(_flat("", optimizer.state_dict() if optimizer is not None else {}))  # type: ignore[attr-defined]
        self.files = frozenset(str(path) for path in Path.cwd().rglob("*"))
        self._subject.loss.values.clear()
        self._subject.net.batches.clear()
        if self._reseed:
            seed()

    def observation(self) -> Observation:
        """Return the records, after the training has continued."""
        subject = self._subject
        return Observation(self.parts, self.files, subject.net.batches[:3], subject.loss.values[:ITERATIONS])


def seed() -> None:
    """Set the generators that a training may draw from."""
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002  (the one that packages draw from)
    torch.manual_seed(7)


def _pairs() -> TensorDataset:
    inputs = torch.randn(8 * EPOCH, 6, generator=torch.Generator().manual_seed(0))
    return TensorDataset(inputs, (inputs.sum(1) > 0).long())


def _flat(name: str, value: object) -> Any:
    if isinstance(value, Tensor):
        yield name, digest(value)
    elif isinstance(value, dict | list | tuple):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            yield from _flat(f"{name}[{key!r}]", item)
    else:
        yield name, repr(value)


def differences(found: Observation, plain: Observation) -> set[str]:
    """Return the parts that differ between a training with a finder and its twin."""
    different = {part for part in PARTS if found.parts[part] != plain.parts[part]}
    if found.files != plain.files:
        different.add("files")
    if found.batches != plain.batches:
        different.add("batches")
    if list(map(repr, found.losses)) != list(map(repr, plain.losses)) or len(found.losses) < ITERATIONS:
        different.add("losses")
    return different


def in_an_empty_folder(folder: Path) -> None:
    """Work in ``folder``, temporary files included, so that leftovers are visible."""
    folder.mkdir()
    os.chdir(folder)
    os.environ["TMPDIR"] = str(folder)
