"""Counters that a model, a loss or a step holds, in objects of classes that no framework knows."""

import numpy as np


class Plain:
    """A counter in an attribute."""

    def __init__(self):
        self.calls = 0

    def count(self):
        self.calls += 1


class Slotted:
    """A counter in slots, one of them an array."""

    __slots__ = ("calls", "totals")

    def __init__(self):
        self.calls, self.totals = 0, np.zeros(2)

    def count(self):
        self.calls += 1
        self.totals += self.calls


class Drawing:
    """A counter that draws."""

    def __init__(self):
        self.generator = np.random.default_rng(3)
        self.calls = 0.0

    def count(self):
        self.calls = self.generator.random()
