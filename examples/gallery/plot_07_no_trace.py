"""
No trace
========

Two runs start from the same seed. In the middle of the second, a finder trains the same network at rates up to ten.
"""

import lrfinder
import torch
from lrfinder.torch import TorchLearner
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def train(pause):
    torch.manual_seed(0)
    images, labels = map(torch.tensor, load_digits(return_X_y=True))
    loader = DataLoader(
        TensorDataset(images.float() / 16, labels), batch_size=64, shuffle=True
    )
    model = nn.Sequential(
        nn.Linear(64, 64),
        nn.BatchNorm1d(64),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(64, 10),
    )
    learner = TorchLearner(
        model, torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss(), loader
    )
    losses = [float(learner.iteration(1e-3)) for _ in range(100)]
    pause(learner)
    return losses + [float(learner.iteration(1e-3)) for _ in range(100)]


without = train(lambda _: None)
with_finder = train(lambda learner: lrfinder.LRFinder(learner).find())

# %%
# Everything is restored: the weights, Adam's moments, BatchNorm's statistics, the next batches and the next dropout
# masks. The two runs are equal bit for bit, not just nearly.

ax = plt.subplots(layout="constrained")[1]
ax.plot(without, linewidth=5, alpha=0.4, label="without")
ax.plot(with_finder, linewidth=1.2, label="with a range test after iteration 100")
ax.axvline(100, color="tab:gray", linestyle=":")
ax.set(xlabel="iteration", ylabel="loss", yscale="log")
ax.legend()
print("equal:", without == with_finder)
