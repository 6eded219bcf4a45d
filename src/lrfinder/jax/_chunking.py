"""The number of iterations in one call, and whether trainings are faster together, from the durations of past calls."""

from __future__ import annotations

import math

from lrfinder.jax._program import MAX_ITERATIONS

SHORT_SECONDS = 0.004
"""A shorter iteration shares a call with others; for a longer one the overhead of a call does not matter."""

CALL_SECONDS = 0.25
"""The aim for the longest call: it cannot be interrupted, and its iterations may run past the stop."""


class Chunking:
    """The durations of calls of a compiled program, and the sizes of calls that follow from them."""

    def __init__(self) -> None:
        self._iteration_seconds = math.inf  # the shortest so far
        self._call_seconds = 0.0  # the longest so far: a call that compiled
        self._compiled_for: set[int] = set()  # numbers of trainings in one program

    def record(self, seconds: float, iterations: int) -> None:
        """Record the duration of a call of several iterations."""
        self._iteration_seconds = min(self._iteration_seconds, seconds / iterations)
        self._call_seconds = max(self._call_seconds, seconds)

    def record_together(self, trainings: int) -> None:
        """Record that a program for so many trainings is compiled."""
        self._compiled_for.add(trainings)

    def size(self) -> int:
        """Return the number of iterations for the next call."""
        short = self._iteration_seconds < SHORT_SECONDS
        return min(MAX_ITERATIONS, int(CALL_SECONDS / self._iteration_seconds)) if short else 1

    def is_faster_together(self, trainings: int, iterations: int, platform: str) -> bool:
        """Return whether trainings are worth a program of their own, compiled for their number.

        On a CPU they are not: one training keeps its cores busy. An accelerator is idle between short iterations. Trainings
        together are assumed to save half of the time there, which must pay for the compilation.
        """
        if platform == "cpu" or trainings < 2 or self._iteration_seconds >= SHORT_SECONDS:  # noqa: PLR2004  (together)
            return False
        saved_seconds = trainings * iterations * self._iteration_seconds / 2
        return trainings in self._compiled_for or saved_seconds > self._call_seconds
