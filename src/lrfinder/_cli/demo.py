"""``lrfinder demo``: a small convolutional network on scikit-learn's handwritten digits."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import lrfinder
from lrfinder._cli.output import err, out, present
from lrfinder._optional import require
from lrfinder._sweep import DEFAULTS
from lrfinder.views.live import progress, view_so_far

if TYPE_CHECKING:
    from pathlib import Path

    from lrfinder.torch import TorchLearner


def run_demo(directory: Path, iterations: int) -> None:
    """Show a range test, a comparison around its rate and a suggestion, and write each as JSON and picture."""
    with closing(digits_learner()) as learner:
        directory.mkdir(parents=True, exist_ok=True)
        finder = lrfinder.LRFinder(learner)
        out.print("A small convolutional network on 1,797 handwritten digits, SGD with momentum 0.9.\n")
        with progress(err, "range test", len(DEFAULTS.plan().lrs), view_so_far) as advance:
            result = finder.find(on_record=advance)
        present(result, directory / "range-test.json", None, directory / "range-test.png")
        lr = result.suggestion.lr
        if lr is not None:
            out.print(f"\nThe check: {iterations} iterations at each rate, from the same start and on the same batches.\n")
            with progress(err, "comparison", 3 * iterations) as advance:
                comparison = finder.compare([lr / 10, lr, lr * 10], iterations, on_record=advance)
            present(comparison, directory / "check.json", None, directory / "check.png")
        out.print(f"\nThe suggestion: a sweep and probes, for a training of {iterations} iterations.\n")
        with progress(err, "sweep and probes", 650, view_so_far) as advance:
            suggestion = finder.suggest(iterations, max_iterations=650, on_record=advance)
        present(suggestion, directory / "suggestion.json", None, directory / "suggestion.png")


def digits_learner(seed: int = 0) -> TorchLearner:
    """Return a learner of 1,797 images, 8 x 8 pixels in 10 classes: two convolutions with batch normalization, SGD.

    Raises:
        MissingExtraError: PyTorch or scikit-learn is not installed.
    """
    for module in ("torch", "sklearn.datasets"):
        require(module, "demo")
    import torch
    from sklearn.datasets import load_digits
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from lrfinder.torch import TorchLearner

    torch.manual_seed(seed)
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    digits = TensorDataset(images, torch.tensor(labels))
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return TorchLearner(
        model, optimizer, nn.CrossEntropyLoss(), DataLoader(digits, batch_size=64, shuffle=True, drop_last=True)
    )
