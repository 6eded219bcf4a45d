r"""Weight decay and momentum for a small network on scikit-learn's handwritten digits, for ``lrfinder grid``.

lrfinder grid examples/digits_grid.py:make_learner --seeds 3 -o grid.json \
        --set weight_decay=0,0.001,0.01,0.1 --set momentum=0.5,0.9,0.95,0.99
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lrfinder.torch import TorchLearner


def make_learner(weight_decay: float = 0.0, momentum: float = 0.9, batch_size: int = 64, seed: int = 0) -> TorchLearner:
    """Return the same learner wherever it is called, because it sets every seed that it draws from."""
    torch.manual_seed(seed)
    pixels, labels = load_digits(return_X_y=True)
    digits = TensorDataset(torch.tensor(pixels, dtype=torch.float32) / 16, torch.tensor(labels))
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=momentum, weight_decay=weight_decay)
    loader = DataLoader(digits, batch_size=batch_size, shuffle=True, generator=torch.Generator().manual_seed(seed))
    return TorchLearner(model, optimizer, nn.CrossEntropyLoss(), loader)
