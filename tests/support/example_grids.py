"""A factory for grids: a bowl whose weight decay pulls at its position, and what else a cell may meet."""

from pathlib import Path

import numpy as np
from fake_learners import Bowl


class Decayed(Bowl):
    """Weight decay as in SGD: it also pulls the position to 0, and too much of it makes the loss end higher."""

    def __init__(self, weight_decay, momentum, seed):
        super().__init__(curvature=10.0, momentum=momentum, noise=0.05)
        self.weight_decay = weight_decay
        self.generator = np.random.default_rng(seed)

    def iteration(self, lr):
        return super().iteration(lr) + self.weight_decay * self.position**2


def bowl(weight_decay=0.0, momentum=0.0, seed=0):
    return Decayed(weight_decay, momentum, seed)


def noted(folder, weight_decay=0.0, seed=0):
    """Leaves a line in a file of its own every time that it is called."""
    with (Path(folder) / f"{weight_decay}-{seed}").open("a") as calls:
        calls.write("called\n")
    return Decayed(weight_decay, 0.0, seed)


def breaking(weight_decay=0.0, seed=0):
    if seed == 1:
        message = "no images"
        raise OSError(message)
    return Decayed(weight_decay, 0.0, seed)
