"""
The longer the run, the lower its rate
======================================

A rate is for a run of a given length. Here the finder suggests rates for one small network and five lengths.
"""

import lrfinder
import torch
from lrfinder.torch import TorchLearner
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
images, labels = map(torch.tensor, load_digits(return_X_y=True))
loader = DataLoader(
    TensorDataset(images.float() / 16, labels), batch_size=32, shuffle=True
)
model = nn.Sequential(
    nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10)
)
finder = lrfinder.LRFinder(
    TorchLearner(
        model,
        torch.optim.SGD(model.parameters(), lr=0.01),
        nn.CrossEntropyLoss(),
        loader,
    )
)

horizons = [30, 100, 300, 1000, 3000]
suggestions = [finder.suggest(horizon) for horizon in horizons]

# %%
# Up to a horizon of about 100 iterations, 650 are enough to try the whole run at several rates. Beyond, the rate is
# extrapolated from shorter runs, and the interval is wider.

rates = [suggestion.lr for suggestion in suggestions]
ranges = [
    [one.lr - one.low for one in suggestions],
    [one.high - one.lr for one in suggestions],
]
ax = plt.subplots(layout="constrained")[1]
ax.errorbar(horizons, rates, yerr=ranges, fmt="o-", capsize=5)
ax.set(
    xscale="log",
    yscale="log",
    xlabel="iterations of the run",
    ylabel="suggested rate and its interval",
)
for horizon, suggestion in zip(horizons, suggestions, strict=True):
    print(
        f"{horizon:5}: {suggestion.lr:.3g} ({suggestion.confidence}) "
        f"{', '.join(suggestion.notes)}"
    )
