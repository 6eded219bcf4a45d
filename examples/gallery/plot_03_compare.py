"""
Compare your own rates
======================

Which of these rates is better? Train at each, from the same start, on the same batches, with the same dropout masks.
Then most of the noise is in both runs, and cancels in their difference.
"""

import lrfinder
from lrfinder._cli.demo import digits_learner

finder = lrfinder.LRFinder(digits_learner())
comparison = finder.compare([0.001, 0.1, 0.2, 1.0], iterations=200)
comparison.plot()

# %%
# A difference may be no larger than its noise. ``differences`` gives each pair of rates, with the standard error of the
# mean over the last tenth, and the chance of such a difference if neither rate is better. ``tied`` lists the rates that
# cannot be distinguished from the best.

for pair in comparison.differences:
    difference = (
        f"{pair.mean:+.4f} ± {pair.standard_error:.4f}, chance {pair.chance:.2g}"
    )
    print(f"{pair.lr:g} compared with {pair.other:g}: {difference}: {pair.order.value}")
print("lowest:", comparison.best, " tied with it:", comparison.tied)
