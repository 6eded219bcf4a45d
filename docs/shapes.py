"""Draw the pictures of docs/reading-the-curve.md, each a real range test of a small network, for `make docs-pictures`.

    python docs/shapes.py docs/images

The data come with scikit-learn, so no file is needed. Each takes a few seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")
import torch
from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import lrfinder
from lrfinder._cli.demo import digits_learner
from lrfinder.torch import TorchLearner
from lrfinder.views.describe import verdict

if TYPE_CHECKING:
    from collections.abc import Callable


def digits(batch_size: int) -> DataLoader[Any]:
    """Return a loader of images, as 64 numbers from 0 to 1, and their labels."""
    images, labels = map(torch.tensor, load_digits(return_X_y=True))
    return DataLoader(TensorDataset(images.float() / 16, labels), batch_size, shuffle=True, drop_last=True)


def perceptron() -> nn.Sequential:
    """Return a network from 64 numbers to 10 scores."""
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    """Return SGD with momentum 0.9."""
    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def textbook() -> TorchLearner:
    """Return a convolutional network with batch normalization, trained by SGD with momentum."""
    return digits_learner()


def flat() -> TorchLearner:
    """Return a learner whose optimizer holds only a frozen layer."""
    model = perceptron()
    for parameter in model[0].parameters():
        parameter.requires_grad_(requires_grad=False)
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.01)
    return TorchLearner(model, optimizer, nn.CrossEntropyLoss(), digits(64))


def noisy() -> TorchLearner:
    """Return a learner with two images per batch."""
    model = perceptron()
    return TorchLearner(model, sgd(model), nn.CrossEntropyLoss(), digits(2))


def never_diverges() -> TorchLearner:
    """Return a learner with a bounded loss: one minus the probability of the right class."""
    model = perceptron()

    def wrong(scores: Tensor, labels: Tensor) -> Tensor:
        return 1 - scores.softmax(dim=1).gather(1, labels[:, None]).mean()

    return TorchLearner(model, torch.optim.SGD(model.parameters(), lr=0.01), wrong, digits(64))


def late_cliff() -> TorchLearner:
    """Return a least-squares learner, which learns up to the rate at which every step overshoots (2 / curvature)."""
    inputs, target = (torch.tensor(array).float() for array in load_diabetes(return_X_y=True))
    inputs, target = inputs / inputs.std(dim=0), (target - target.mean()) / target.std()
    loader = DataLoader(TensorDataset(inputs, target[:, None]), 221, shuffle=True)
    model = nn.Linear(10, 1)
    nn.init.zeros_(model.weight)
    return TorchLearner(model, torch.optim.SGD(model.parameters(), lr=0.01), nn.MSELoss(), loader)


def negative_loss() -> TorchLearner:
    """Return an autoencoder that predicts each pixel with its variance. The loss is minus the log of a density."""
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 2 * 64))

    def density(model: nn.Module, batch: list[Tensor]) -> Tensor:
        mean, log_variance = model(batch[0]).chunk(2, dim=1)
        return nn.functional.gaussian_nll_loss(mean, batch[0], log_variance.exp())

    return TorchLearner(model, torch.optim.Adam(model.parameters()), None, digits(64), forward=density)


SHAPES: tuple[Callable[[], TorchLearner], ...] = (textbook, flat, noisy, never_diverges, late_cliff, negative_loss)


def main() -> None:
    """Draw each curve, and print its description."""
    folder = Path(sys.argv[1])
    for shape in SHAPES:
        torch.manual_seed(0)
        result = lrfinder.LRFinder(shape()).find()
        result.plot().figure.savefig(folder / f"shape-{shape.__name__.replace('_', '-')}.png", dpi=100)
        plt.close("all")
        print(f"{shape.__name__}: {verdict(result)}\n")


if __name__ == "__main__":
    main()
