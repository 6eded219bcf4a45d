"""
A range test, and what it tells
===============================

One batch at a time, at a rate that rises by a tenth each time, until the loss has clearly risen.
"""

import lrfinder
from lrfinder._cli.demo import digits_learner  # a small convolutional network on handwritten digits

finder = lrfinder.LRFinder(digits_learner())
result = finder.find()
result.plot()

# %%
# The network, its optimizer and its data are now what they were before. What is left is a sequence of records with an end
# and a meaning: where the loss starts to fall, falls fastest, is lowest and diverges.

print(len(result), "iterations, because", result.stop.value)
print(result.landmarks)

# %%
# The suggestion costs nothing more. One curve says little for sure, so its interval is wide.

rate = result.suggestion
print(f"{rate.lr:.3g}, anything from {rate.low:.3g} to {rate.high:.3g}; confidence {rate.confidence}")

# %%
# Other finders would read other rates off the same curve. They disagree by more than a factor of ten.

from lrfinder.analysis.rules import answers

for rule, lr in answers(result.lrs, result.losses).items():
    print(f"{rule:14} {lr:.3g}")
