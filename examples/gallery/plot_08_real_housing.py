"""
California housing: the validation loss as the curve
====================================================

A table of 20,640 rows, a small network, and Adam. With :class:`lrfinder.Validated`, the curve is the loss of held-out
rows.
"""

import csv
import os
from pathlib import Path

import lrfinder
import numpy as np
import torch
from lrfinder.torch import TorchLearner
from matplotlib import pyplot as plt
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

file = Path(os.environ["LRFINDER_DATA"]) / "tabular" / "california_housing.csv"
with file.open(encoding="utf-8") as lines:
    rows = list(csv.DictReader(lines))
numbers = np.array(
    [[float(row[key] or "nan") for key in list(row)[:8]] for row in rows]
)
numbers = np.where(np.isnan(numbers), np.nanmedian(numbers, axis=0), numbers)
prices = np.log([float(row["median_house_value"]) for row in rows])[:, None]
inputs, targets = (
    torch.tensor((one - one.mean(0)) / one.std(0)).float() for one in (numbers, prices)
)

torch.manual_seed(0)
order = torch.randperm(len(inputs))
held_out, training = order[:2000], order[2000:]
loader = DataLoader(
    TensorDataset(inputs[training], targets[training]), batch_size=256, shuffle=True
)
model = nn.Sequential(
    nn.Linear(8, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1)
)
learner = TorchLearner(
    model, torch.optim.Adam(model.parameters()), nn.MSELoss(), loader
)


def evaluate():
    model.eval()
    with torch.no_grad():
        return nn.functional.mse_loss(model(inputs[held_out]), targets[held_out])


# %%
# The training loss of a batch is noisy; the loss of 2,000 fixed rows is not.

_, (left, right) = plt.subplots(
    1, 2, figsize=(12, 4.6), sharey=True, layout="constrained"
)
lrfinder.LRFinder(learner).find().plot(left)
lrfinder.LRFinder(lrfinder.Validated(learner, evaluate)).find().plot(right)

# %%
# For the training run itself, measure a rate for ten epochs.

suggestion = lrfinder.LRFinder(learner).suggest(horizon=10 * len(loader))
print(suggestion.explain())
