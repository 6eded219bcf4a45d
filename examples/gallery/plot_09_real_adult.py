"""
Adult: each optimizer has its own rate
======================================

One network, one table (48,842 people, income above 50,000 dollars or not) and three optimizers. A rate for one
optimizer does not carry over to another.
"""

import csv
import gzip
import os
from pathlib import Path

import lrfinder
import numpy as np
import torch
from lrfinder.torch import TorchLearner
from matplotlib import pyplot as plt
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

file = Path(os.environ["LRFINDER_DATA"]) / "tabular" / "adult.csv.gz"
with gzip.open(file, "rt", encoding="utf-8") as lines:
    rows = list(csv.reader(lines, delimiter="\t"))[1:]
columns = []
for column in zip(*rows, strict=True):
    values, codes = np.unique(column, return_inverse=True)
    try:
        numbers = np.array(column, dtype=float)
        columns.append(((numbers - numbers.mean()) / (numbers.std() + 1e-9))[:, None])
    except ValueError:  # text: one column for each value
        columns.append(np.eye(len(values))[codes])
_, labels = np.unique([row[-1] for row in rows], return_inverse=True)
inputs, targets = torch.tensor(np.hstack(columns[:-1])).float(), torch.tensor(labels)

# %%
# The same seed gives each optimizer the same network and the same batches.

optimizers = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.01),
    "SGD, momentum 0.9": lambda parameters: torch.optim.SGD(
        parameters, lr=0.01, momentum=0.9
    ),
    "AdamW": lambda parameters: torch.optim.AdamW(parameters, weight_decay=0.01),
}
ax = plt.subplots(layout="constrained")[1]
for name, optimizer_for in optimizers.items():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(inputs.shape[1], 64), nn.ReLU(), nn.Linear(64, 2))
    loader = DataLoader(TensorDataset(inputs, targets), batch_size=128, shuffle=True)
    finder = lrfinder.LRFinder(
        TorchLearner(
            model, optimizer_for(model.parameters()), nn.CrossEntropyLoss(), loader
        )
    )
    suggestion = finder.suggest(horizon=380)
    (line,) = ax.plot(
        suggestion.curve.lrs,
        suggestion.curve.losses,
        label=f"{name}: {suggestion.lr:.2g}",
    )
    ax.axvspan(suggestion.low, suggestion.high, color=line.get_color(), alpha=0.12)
    print(
        f"{name:18} {suggestion.lr:.3g}, from {suggestion.low:.3g} "
        f"to {suggestion.high:.3g}, {suggestion.confidence}"
    )
ax.set(
    xscale="log", xlabel="learning rate", ylabel="loss of the sweep", ylim=(0.2, 1.5)
)
ax.legend(title="suggested")
