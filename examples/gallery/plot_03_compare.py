"""
Rates of your own, compared
===========================

Which of these is better? Train at each, from the same start, on the same batches, with the same dropout masks. Most of the
noise is then in both trainings, and drops out of their difference.
"""

import lrfinder
from lrfinder._cli.demo import digits_learner

finder = lrfinder.LRFinder(digits_learner())
comparison = finder.compare([0.001, 0.1, 0.2, 1.0], iterations=200)
comparison.plot()

# %%
# The lowest end is not all there is to say: a difference may be no larger than its noise. ``differences`` has each pair,
# with the standard error of its mean over the last tenth, and the chance of such a difference where neither is lower.
# ``tied`` are the rates that cannot be told from the best.

for pair in comparison.differences:
    difference = f"{pair.mean:+.4f} ± {pair.standard_error:.4f}, chance {pair.chance:.2g}"
    print(f"{pair.lr:g} beside {pair.other:g}: {difference}: {pair.order.value}")
print("lowest:", comparison.best, " tied with it:", comparison.tied)
