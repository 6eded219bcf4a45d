"""The three timed steps, from a small one to the ResNet-18 of the CIFAR-10 example."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.append(str(Path(__file__).parents[2] / "examples"))

EPOCH = 50  # batches


class Task(NamedTuple):
    """A model, the shape of its batches, and the extent of the measurement."""

    model: Callable[[], nn.Module]
    shape: tuple[int, ...]
    iterations: int
    rounds: int


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))


def _cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1024, 10),
    )  # fmt: skip


def _resnet() -> nn.Module:
    from cifar10_torch import resnet18_v2

    return resnet18_v2(10)


TASKS = {
    "MLP, batch 64": Task(_mlp, (64, 64), 200, 9),
    "CNN, batch 32": Task(_cnn, (32, 3, 32, 32), 30, 9),
    "ResNet-18, batch 128": Task(_resnet, (128, 3, 32, 32), 2, 7),
}


class _Batches(Dataset[tuple[Tensor, Tensor]]):
    """Batches in memory, so that loading costs almost nothing."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        generator = torch.Generator().manual_seed(0)
        few = [(torch.randn(shape, generator=generator), torch.arange(shape[0]) % 10) for _ in range(5)]
        self.batches = few * (EPOCH // len(few))

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor]:
        return self.batches[k]


def loader(task: Task) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return a loader of the task's batches, from memory."""
    return DataLoader(_Batches(task.shape), batch_size=None)


def model_of(task: Task) -> nn.Module:
    """Build the task's model, the same each time."""
    torch.manual_seed(0)
    return task.model()
