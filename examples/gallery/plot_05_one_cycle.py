"""
From a suggestion to a schedule
===============================

The best peak rate of a schedule differs from the best constant rate. Search with the schedule that you will use.
"""

import lrfinder
import torch
from lrfinder.torch import TorchLearner, schedules
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
images, labels = map(torch.tensor, load_digits(return_X_y=True))
loader = DataLoader(
    TensorDataset(images.float() / 16, labels),
    batch_size=60,
    shuffle=True,
    drop_last=True,
)
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
finder = lrfinder.LRFinder(
    TorchLearner(model, optimizer, nn.CrossEntropyLoss(), loader)
)

iterations = 290  # ten epochs
suggestion = finder.suggest(iterations, schedule=lrfinder.one_cycle)
print(suggestion.explain())

# %%
# ``lrfinder.torch.schedules`` turns the suggestion into PyTorch's own scheduler. The loop below is the usual one,
# without any trace of the finder.

scheduler = schedules.one_cycle(optimizer, suggestion, iterations)
rates, losses = [], []
for _ in range(10):
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        rates.append(scheduler.get_last_lr()[0])
        losses.append(loss.item())
        scheduler.step()

_, (above, below) = plt.subplots(2, 1, sharex=True, layout="constrained")
above.plot(rates)
above.set(ylabel="learning rate")
below.plot(losses)
below.set(xlabel="iteration", ylabel="loss", yscale="log")
print(f"last loss {losses[-1]:.4f}")
