"""
A rate that was measured
========================

``suggest`` does not trust the curve. After a coarse sweep it trains at a few rates, each from the same start and on the
same batches; the best of them go on for longer.
"""

import lrfinder
from lrfinder._cli.demo import digits_learner

finder = lrfinder.LRFinder(digits_learner())
suggestion = finder.suggest(horizon=300)
suggestion.plot()

# %%
# Dots and the grey line are the sweep. A coloured line joins what the probes had come to after so many iterations. The more
# iterations, the lower the best rate tends to be: that is why ``suggest`` asks how long the training will be.

print(suggestion.explain())

# %%
# Every probe is kept, with every loss.

for probe in suggestion.probes:
    print(f"{probe.lr:<9.3g} {len(probe.losses):4} iterations, last loss {probe.losses[-1]:.3g}")
