"""Range tests to look at, made by a finder from losses that are read out."""

import numpy as np
from fake_learners import Scripted

from lrfinder import LRFinder, Probe, Status, Stop, Suggestion

LRS = 1e-5 * 1.15 ** np.arange(90)


def swept(losses, lrs=LRS):
    """A sweep with these losses, whatever they are; one that is NaN or infinite ends it."""
    return LRFinder(Scripted(losses)).find(rates=list(lrs)[: max(1, len(losses))], stopping=lambda _: None)


def usual(noise=0.02, shift=0.0):
    """From 2.3 down by 1.5 around a rate of 0.01, up again from 0.3 on."""
    log_lr = np.log10(LRS)
    fall = 1.5 / (1 + np.exp(-4 * (log_lr + 2)))
    rise = np.exp(np.minimum(5 * (log_lr + 0.4), 3))
    return swept(2.3 - fall + rise + shift + noise * np.random.default_rng(0).standard_normal(len(LRS)))


def fallen(lr, length, to, stop=Stop.MAX_ITERATIONS):
    """A probe whose loss goes from 2.3 to ``to`` and stays there from half of it on."""
    losses = [2.3 + (to - 2.3) * min(1, 2 * k / length) for k in range(length)]
    return Probe(lr, (*losses, np.inf)[-length:] if stop is Stop.NOT_FINITE else tuple(losses), stop)


def suggested(probes=None, curve=None, **changes):
    """A rate of 0.03 for 300 iterations, from four probes of which the highest diverged."""
    fields = {"lr": 0.03, "low": 0.02, "high": 0.1, "confidence": "high", "status": Status.OK, "notes": ("cliff nearby",)}
    four = (
        fallen(0.01, 40, 1.2), fallen(0.02, 100, 0.5), fallen(0.04, 100, 0.4), fallen(1.28, 9, 9.0, Stop.NOT_FINITE),
    )  # fmt: skip
    rest = {"iterations": 389, "horizon": 300, "curve": usual() if curve is None else curve}
    return Suggestion(**{**fields, **rest, "probes": four if probes is None else probes, **changes})
