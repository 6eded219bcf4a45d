"""
CIFAR-10: does a larger batch need a larger rate?
=================================================

A common rule is that twice the batch size allows twice the rate. This example tests it with a small convolutional
network on real images, with three batch sizes and 100 iterations each.
"""

import os
from pathlib import Path

import lrfinder
import numpy as np
import torch
from lrfinder.torch import TorchLearner
from matplotlib import pyplot as plt
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

file = Path(os.environ["LRFINDER_DATA"]) / "cifar-10-batches-bin" / "data_batch_1.bin"
records = torch.from_numpy(
    np.fromfile(file, dtype=np.uint8).reshape(-1, 1 + 3 * 32 * 32)
)
images = records[:, 1:].reshape(-1, 3, 32, 32).float() / 127.5 - 1
dataset = TensorDataset(
    nn.functional.avg_pool2d(images, 2), records[:, 0].long()
)  # half the size, a quarter of the time


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 4 * 4, 10),
    )  # fmt: skip


_, ax = plt.subplots(layout="constrained")
for size in (8, 32, 128):
    model = network()
    loader = DataLoader(dataset, batch_size=size, shuffle=True, drop_last=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    suggestion = lrfinder.LRFinder(
        TorchLearner(model, optimizer, nn.CrossEntropyLoss(), loader)
    ).suggest(horizon=100)
    ends = [
        (probe.lr, np.mean(probe.losses[-10:]))
        for probe in suggestion.probes
        if len(probe.losses) == 100
    ]
    (line,) = ax.plot(*zip(*ends, strict=True), "o-", label=f"batches of {size}")
    ax.axvline(suggestion.lr, color=line.get_color(), linestyle="--")
    print(
        f"{size:4}: {suggestion.lr:.3g}, from {suggestion.low:.3g} "
        f"to {suggestion.high:.3g}, {suggestion.confidence}"
    )
ax.set(
    xscale="log", xlabel="learning rate", ylabel="mean loss of the last 10 iterations"
)
ax.legend(title="dashed: suggested")

# %%
# When this page was written, batches of 8 needed a much lower rate, and beyond 32 little changed. The noise of small
# batches hurts at high rates; above a certain size, something else is the limit. Where a line is level, any of its
# rates will do. The suggestion is in the middle.
