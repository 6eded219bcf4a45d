"""
A curve that is too noisy
=========================

With four images per batch, the losses differ by more than a step at a low rate can change them.
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
    TensorDataset(images.float() / 16, labels), batch_size=4, shuffle=True
)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
learner = TorchLearner(
    model, torch.optim.SGD(model.parameters(), lr=0.01), nn.CrossEntropyLoss(), loader
)

alone = lrfinder.LRFinder(learner).find()

# %%
# :class:`lrfinder.Averaged` trains on several batches at each rate, here eight. It is a learner that wraps a learner,
# so the finder needs no change.

averaged = lrfinder.LRFinder(lrfinder.Averaged(learner, batches=8)).find()
_, (left, right) = plt.subplots(
    1, 2, figsize=(12, 4.6), sharey=True, layout="constrained"
)
alone.plot(left)
averaged.plot(right)

# %%
# Or ignore the curve, and compare real runs. Probes see the same batches, so the noise that they share cancels.

for name, suggestion in {
    "one batch": alone.suggestion,
    "eight": averaged.suggestion,
}.items():
    print(
        f"{name:10} {suggestion.status.value}: {suggestion.lr}, "
        f"from {suggestion.low} to {suggestion.high}"
    )
measured = lrfinder.LRFinder(learner).suggest(horizon=1000)
print(
    f"{'measured':10} {measured.status.value}: {measured.lr:.3g}, "
    f"from {measured.low:.3g} to {measured.high:.3g}"
)
