"""
A measured rate
===============

``suggest`` does not rely on the curve. After a coarse sweep, it runs probes at a few rates, from the same start and on
the same batches. The best of them run longer.
"""

import lrfinder
from lrfinder._cli.demo import digits_learner

finder = lrfinder.LRFinder(digits_learner())
suggestion = finder.suggest(horizon=300)
suggestion.plot()

# %%
# Dots and the gray line are the sweep. A colored line joins the losses of the probes after a given number of
# iterations. The more iterations, the lower the best rate tends to be. That is why ``suggest`` needs to know the
# length of your run.

print(suggestion.explain())

# %%
# The suggestion contains every probe with all its losses.

for probe in suggestion.probes:
    print(
        f"{probe.lr:<9.3g} {len(probe.losses):4} iterations, "
        f"last loss {probe.losses[-1]:.3g}"
    )
