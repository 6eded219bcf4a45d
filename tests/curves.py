"""Range tests to look at, made by a finder from losses that are read out."""

import numpy as np
from fakes import Scripted

from lrfinder import LRFinder

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
