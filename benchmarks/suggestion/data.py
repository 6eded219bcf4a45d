"""The data of the benchmark's tasks: read once a process, standardised, split, drawn in batches."""

from __future__ import annotations

import csv
import gzip
import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ROOT = Path(os.environ.get("LRFINDER_DATA", Path(__file__).parents[3] / "shared" / "data"))
HELD_OUT = 400  # examples at most, and a fifth of the rows at most
Batches = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Data:
    """Examples to train on, first axis the examples, and a held-out pair."""

    inputs: Tensor
    targets: Tensor
    held_out: tuple[Tensor, Tensor]

    def batches(self, size: int, count: int, seed: int) -> Batches:
        """``count`` batches, epoch after epoch in a fresh order, the incomplete last batch of an epoch dropped."""
        generator = torch.Generator().manual_seed(seed)
        rows = len(self.inputs)
        per_epoch = rows // size
        epochs = -(-count // per_epoch)
        order = torch.cat([torch.randperm(rows, generator=generator)[: per_epoch * size] for _ in range(epochs)])
        order = order[: count * size]
        return list(zip(self.inputs[order].split(size), self.targets[order].split(size), strict=True))

    def mapped(self, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Data:
        """``(inputs, targets)`` made into others, the held-out pair too."""
        inputs, targets = change(self.inputs, self.targets)
        return Data(inputs, targets, change(*self.held_out))

    def reconstruction(self) -> Data:
        """The inputs are their own targets."""
        return self.mapped(lambda inputs, _: (inputs, inputs))

    def images(self, *shape: int) -> Data:
        """The inputs in the shape ``(examples, *shape)``."""
        return self.mapped(lambda inputs, targets: (inputs.view(-1, *shape), targets))

    def noisy(self, share: float, classes: int) -> Data:
        """That share of the training labels drawn anew, once for all; the held-out ones stay true."""
        generator = torch.Generator().manual_seed(1)
        drawn = torch.randint(classes, self.targets.shape, generator=generator)
        other = torch.rand(self.targets.shape, generator=generator) < share
        return replace(self, targets=torch.where(other, drawn, self.targets))


@cache
def california() -> Data:
    """Logarithm of the median house value from 12 features, standardised, tails as they are."""
    rows = _rows(ROOT / "tabular" / "california_housing.csv", ",")
    numbers = np.array([[float(row[key] or "nan") for key in list(row)[:8]] for row in rows])
    numbers = np.where(np.isnan(numbers), np.nanmedian(numbers, axis=0), numbers)
    shares = numbers[:, 3:7] / numbers[:, 6:7]
    values = np.log([float(row["median_house_value"]) for row in rows])
    return _split(_standard(np.hstack([numbers, shares[:, :3]])), _standard(values[:, None]))


@cache
def adult() -> Data:
    """Income above 50,000 dollars (2 classes) from 6 numbers, standardised, and the one-hot columns of 8 attributes."""
    rows = _rows(ROOT / "tabular" / "adult.csv.gz", "\t")[:20_000]
    *keys, label = rows[0]
    columns = []
    for key in keys:
        values = np.array([row[key] for row in rows])
        try:
            columns.append(_standard(values.astype(np.float64)[:, None]))
        except ValueError:
            columns.append((values[:, None] == np.unique(values)).astype(np.float64))
    _, classes = np.unique([row[label] for row in rows], return_inverse=True)
    return _split(np.hstack(columns), classes)


@cache
def elevators() -> Data:
    """A control action of an aircraft from 18 measurements, all standardised."""
    with gzip.open(ROOT / "tabular" / "uci_elevators.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    return _split(_standard(table[:, :-1]), _standard(table[:, -1:]))


@cache
def digits() -> Data:
    """Images of 8 by 8 in 64 columns, 0 to 1; 10 classes."""
    inputs, classes = datasets.load_digits(return_X_y=True)
    return _split(inputs / 16, classes)


@cache
def wine() -> Data:
    """13 measurements, standardised; 3 classes; 178 rows."""
    inputs, classes = datasets.load_wine(return_X_y=True)
    return _split(_standard(inputs), classes)


@cache
def breast_cancer() -> Data:
    """30 measurements, standardised; 2 classes; 569 rows."""
    inputs, classes = datasets.load_breast_cancer(return_X_y=True)
    return _split(_standard(inputs), classes)


@cache
def diabetes() -> Data:
    """10 measurements and their target, standardised; 442 rows."""
    inputs, values = datasets.load_diabetes(return_X_y=True)
    return _split(_standard(inputs), _standard(values[:, None]))


@cache
def cifar10() -> Data:
    """The first training file: images ``(3, 32, 32)``, standardised as a whole; 10 classes."""
    records = np.fromfile(ROOT / "cifar-10-batches-bin" / "data_batch_1.bin", dtype=np.uint8).reshape(-1, 3073)
    return _split((records[:, 1:] / 255 - 0.47) / 0.25, records[:, 0].astype(np.int64)).images(3, 32, 32)


@cache
def shakespeare(length: int) -> Data:
    """Windows of that many characters, and the characters that follow each; 65 classes."""
    text = np.frombuffer((ROOT / "tinyshakespeare" / "input.txt").read_bytes(), dtype=np.uint8)
    _, codes = np.unique(text, return_inverse=True)
    starts = np.arange(0, len(codes) - length - 1, length)[:20_000]
    windows = codes[starts[:, None] + np.arange(length + 1)]
    return _split(windows[:, :-1], windows[:, 1:].copy())


def _rows(path: Path, delimiter: str) -> list[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return list(csv.DictReader(text.splitlines(), delimiter=delimiter))


def _standard(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = columns.std(axis=0)
    return (columns - columns.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def _split(inputs: NDArray[np.generic], targets: NDArray[np.generic]) -> Data:
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    x, y = (_tensor(values)[order] for values in (inputs, targets))
    held_out = min(HELD_OUT, len(x) // 5)
    return Data(x[held_out:].clone(), y[held_out:].clone(), (x[:held_out].clone(), y[:held_out].clone()))


def _tensor(values: NDArray[np.generic]) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    return tensor.float() if tensor.is_floating_point() else tensor.long()
