"""From the best constant rate to the bounds of a cyclical schedule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lrfinder.analysis.endings import diverged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lrfinder._results.records import Probe

PEAK_FACTOR = 2.0  # a cycle is as long below its mean as above it, and its mean should be near the constant rate
CLIFF_DISTANCE_FACTOR = math.sqrt(2)


def max_lr(lr: float, probes: Sequence[Probe]) -> float:
    """Return twice ``lr``, at most half an octave below the lowest higher rate whose probe diverged, and at least ``lr``.

    The upper bound of Smith 2017 (section 3.3) is the rate at which training becomes ragged; the lower is a third or a
    fourth of it.
    """
    cliff = min((probe.lr for probe in probes if probe.lr > lr and diverged(np.array(probe.losses))), default=math.inf)
    return max(lr, min(PEAK_FACTOR * lr, cliff / CLIFF_DISTANCE_FACTOR))
