"""Results for tests of views: range tests of given losses, a suggestion, and a learner that is best late."""

import numpy as np
from fake_learners import Scripted

from lrfinder import LRFinder, Probe, Status, Stop, Suggestion

LRS = 1e-5 * 1.15 ** np.arange(90)


class Swept(Scripted):
    """Gives the losses once: at other rates, after a restore, they are others."""

    def iteration(self, lr):
        return super().iteration(lr) + float(self.restores > 0)


def swept(losses, lrs=LRS):
    """Return a sweep with these losses; one that is NaN or infinite ends it."""
    return LRFinder(Swept(losses)).find(rates=list(lrs)[: max(1, len(losses))], stopping=lambda _: None)


def usual(noise=0.02, shift=0.0):
    """Return a sweep whose loss falls from 2.3 by 1.5 around a rate of 0.01, and rises from 0.3 on."""
    log_lr = np.log10(LRS)
    fall = 1.5 / (1 + np.exp(-4 * (log_lr + 2)))
    rise = np.exp(np.minimum(5 * (log_lr + 0.4), 3))
    return swept(2.3 - fall + rise + shift + noise * np.random.default_rng(0).standard_normal(len(LRS)))


def fallen(lr, length, to, stop=Stop.MAX_ITERATIONS):
    """Return a probe whose loss falls from 2.3 to ``to`` in the first half, and stays there."""
    losses = [2.3 + (to - 2.3) * min(1, 2 * k / length) for k in range(length)]
    return Probe(lr, (*losses, np.inf)[-length:] if stop is Stop.NOT_FINITE else tuple(losses), stop)


def suggested(probes=None, curve=None, **changes):
    """Return a suggestion of 0.03 for 300 iterations, from four probes of which the highest diverged."""
    fields = {"lr": 0.03, "low": 0.02, "high": 0.1, "confidence": "high", "status": Status.OK, "notes": ("cliff nearby",)}
    four = (
        fallen(0.01, 40, 1.2), fallen(0.02, 100, 0.5), fallen(0.04, 100, 0.4), fallen(1.28, 9, 9.0, Stop.NOT_FINITE),
    )  # fmt: skip
    rest = {"iterations": 389, "horizon": 300, "curve": usual() if curve is None else curve}
    return Suggestion(**{**fields, **rest, "probes": four if probes is None else probes, **changes})


class LateFall:
    """A learner whose best rate is another one over the last third of a training than over its last fifth.

    The loss is lowest at about 0.044; at rates from 0.05 on it lies higher until the last fifth, and lower in it.
    """

    def __init__(self, horizon):
        self.horizon, self.here = horizon, 0

    def iteration(self, lr):
        here, self.here = self.here, self.here + 1
        batch = 1 + 0.01 * np.sin(7 * here)
        if not lr or not here:
            return batch
        fall = 0.5 * np.exp(-((np.log2(lr / 0.05) / 5) ** 2)) * min(1, here / 10)
        late = 0.0 if lr < 0.05 else 0.07 if here < 0.8 * self.horizon else -0.03
        return float(batch - fall + late)

    def snapshot(self):
        return self.here

    def restore(self, state):
        self.here = state

    def close(self):
        pass
