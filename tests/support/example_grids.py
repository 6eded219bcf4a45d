"""Factories for grids: a bowl with weight decay, one that records its calls, and one that fails."""

from pathlib import Path

import numpy as np
from fake_learners import Bowl


class Decayed(Bowl):
    """A bowl with weight decay as in SGD: it adds to the loss, so that too much of it ends higher."""

    def __init__(self, weight_decay, momentum, seed):
        super().__init__(curvature=10.0, momentum=momentum, noise=0.05)
        self.weight_decay = weight_decay
        self.generator = np.random.default_rng(seed)

    def iteration(self, lr):
        return super().iteration(lr) + self.weight_decay * self.position**2


def bowl(weight_decay=0.0, momentum=0.0, seed=0):
    return Decayed(weight_decay, momentum, seed)


def noted(folder, weight_decay=0.0, seed=0):
    """Return a bowl, and add a line to a file per settings, so that tests can count the calls."""
    with (Path(folder) / f"{weight_decay}-{seed}").open("a") as calls:
        calls.write("called\n")
    return Decayed(weight_decay, 0.0, seed)


def breaking(weight_decay=0.0, seed=0):
    if seed == 1:
        message = "no images"
        raise OSError(message)
    return Decayed(weight_decay, 0.0, seed)
