"""The learner of ``lrfinder demo``: a small convolutional network on scikit-learn's handwritten digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder._optional import require

if TYPE_CHECKING:
    from lrfinder.torch import TorchLearner


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
