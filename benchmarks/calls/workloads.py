"""The three trainings, and the loop that runs one of them by hand."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.append(str(Path(__file__).parents[1]))  # for the network that benchmarks share
from resnet18 import FULL_WIDTH, resnet18

if TYPE_CHECKING:
    from collections.abc import Callable

Loader = DataLoader[tuple[Tensor, ...]]
ROOT = Path(os.environ.get("LRFINDER_DATA", Path(__file__).parents[3] / "shared" / "data"))
DEFAULT_LR = 1e-3  # of the optimizers


class Workload(NamedTuple):
    """A kind of training.

    Attributes:
        model: builds the network.
        optimizer: builds the optimizer of ``(parameters, lr)``.
        batch: images in a batch.
        horizon: iterations of the training that the rate is for.
        seeds: of the weights and of the order of the images; each has a truth, and each call is measured at each.
        shape: that of an image.
        by_hand: the rates that a user would try first.
    """

    model: Callable[[], nn.Module]
    optimizer: Callable[[Any, float], torch.optim.Optimizer]
    batch: int
    horizon: int
    seeds: tuple[int, ...]
    shape: tuple[int, ...]
    by_hand: tuple[float, ...]


def momentum(parameters: Any, lr: float) -> torch.optim.Optimizer:
    """Return SGD with momentum."""
    return torch.optim.SGD(parameters, lr, momentum=0.9)


def _mlp() -> nn.Module:
    layers = (nn.Linear(3072, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    return nn.Sequential(*layers)


def _cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2048, 10),
    )  # fmt: skip


OF_SGD, OF_ADAM = (1e-3, 1e-2, 1e-1, 1.0), (1e-5, 1e-4, 1e-3, 1e-2)
IMAGE = (3, 32, 32)
WORKLOADS = {
    "MLP": Workload(_mlp, torch.optim.Adam, 64, 600, (0, 1, 2), (3072,), OF_ADAM),
    "CNN": Workload(_cnn, momentum, 32, 400, (0, 1, 2), IMAGE, OF_SGD),
    "ResNet-18": Workload(partial(resnet18, FULL_WIDTH // 2), momentum, 32, 300, (0,), IMAGE, OF_SGD),
}


def images(shape: tuple[int, ...]) -> TensorDataset:
    """Return the first file of CIFAR-10: 10,000 images of that shape with normalized pixels, and their classes."""
    file = ROOT / "cifar-10-batches-bin" / "data_batch_1.bin"
    if not file.is_file():
        message = f"There is no {file}; set LRFINDER_DATA to the folder that holds cifar-10-batches-bin."
        raise SystemExit(message)
    records = np.fromfile(file, dtype=np.uint8).reshape(-1, 3073)
    pixels = torch.from_numpy(records[:, 1:]).float().sub_(0.47 * 255).div_(0.25 * 255)
    return TensorDataset(pixels.view(-1, *shape), torch.from_numpy(records[:, 0]).long())


class Training:
    """The parts of a training that a user has: a model at its start, an optimizer, a loss and a shuffling loader."""

    def __init__(self, name: str, seed: int) -> None:
        self.workload = WORKLOADS[name]
        self.horizon = self.workload.horizon
        self.loss_fn = nn.CrossEntropyLoss()
        self.loader: Loader = DataLoader(images(self.workload.shape), self.workload.batch, shuffle=True, drop_last=True)
        self.start(seed)

    def start(self, seed: int, lr: float = DEFAULT_LR) -> None:
        """Begin again: the same weights and the same order of the images, at this rate."""
        torch.manual_seed(seed)
        self.model = self.workload.model()
        self.start_with(lr)

    def start_with(self, lr: float) -> None:
        """Give the training a new optimizer at this rate."""
        self.optimizer = self.workload.optimizer(self.model.parameters(), lr)

    def train(self, iterations: int) -> list[float]:
        """Run the loop of a script; return the losses."""
        losses: list[float] = []
        self.model.train()
        while True:
            for inputs, target in self.loader:
                self.optimizer.zero_grad()
                loss = self.loss_fn(self.model(inputs), target)
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
                if len(losses) == iterations:
                    return losses
