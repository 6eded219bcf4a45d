"""
A range test and its landmarks
==============================

A range test trains on one batch at a time. The rate rises by a tenth each time, until the loss has clearly risen.
"""

import lrfinder
from lrfinder._cli.demo import (
    digits_learner,
)  # a small convolutional network on handwritten digits

finder = lrfinder.LRFinder(digits_learner())
result = finder.find()
result.plot()

# %%
# The network, its optimizer and its data are restored now. The result is a sequence of records. Its landmarks are the
# rates at which the loss starts to fall, falls fastest, is lowest and diverges.

print(len(result), "iterations, because", result.stop.value)
print(result.landmarks)

# %%
# The hint costs nothing extra. A single curve is not precise, so its interval is wide.

rate = result.suggestion
print(
    f"{rate.lr:.3g}, anything from {rate.low:.3g} to {rate.high:.3g}; "
    f"confidence {rate.confidence}"
)

# %%
# The rules of other finders read other rates from the same curve. They disagree by more than a factor of ten.

from lrfinder.rules import answers

for rule, lr in answers(result.lrs, result.losses).items():
    print(f"{rule:14} {lr:.3g}")
