"""How many iterations to make in one call, and whether trainings are faster together: decided by what calls took."""

from __future__ import annotations

import math

from lrfinder.jax._program import MOST

SHORT_SECONDS = 0.004
"""An iteration shorter than this is made with others in one call; in a longer one the cost of a call does not show."""

CALL_SECONDS = 0.25
"""No more iterations in one call than take about this long: it cannot be interrupted, and may run past the stop."""


class Pace:
    """What calls of a compiled program took."""

    def __init__(self) -> None:
        self.shortest = math.inf  # seconds of an iteration
        self.longest = 0.0  # seconds of a call: the one that compiled
        self.compiled_for: set[int] = set()  # numbers of trainings that were made together

    def saw(self, seconds: float, iterations: int) -> None:
        """Remember a call that made so many iterations."""
        self.shortest = min(self.shortest, seconds / iterations)
        self.longest = max(self.longest, seconds)

    def at_once(self) -> int:
        """How many iterations the next call should make."""
        return min(MOST, int(CALL_SECONDS / self.shortest)) if self.shortest < SHORT_SECONDS else 1

    def faster_together(self, trainings: int, iterations: int, platform: str) -> bool:
        """Whether trainings are worth a program of their own, which has to be compiled for each number of them.

        On a processor they are not: its cores are busy with one. An accelerator waits for its next orders between short
        iterations; it is counted on to save half of the time, and that must pay for the compilation.
        """
        if platform == "cpu" or trainings < 2 or self.shortest >= SHORT_SECONDS:  # noqa: PLR2004  (together)
            return False
        return trainings in self.compiled_for or trainings * iterations * self.shortest / 2 > self.longest
