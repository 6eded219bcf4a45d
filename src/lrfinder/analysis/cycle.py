"""From the best constant rate to the bounds of a schedule that moves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lrfinder.analysis.endings import diverged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lrfinder._results.records import Probe

ABOVE = 2.0  # a cycle spends as much time below its mean as above, and its mean is to be near the constant rate
CLEAR_OF_CLIFF = math.sqrt(2)


def max_lr(lr: float, probes: Sequence[Probe]) -> float:
    """Twice ``lr``, but half an octave below the lowest higher rate whose probe diverged, and never below ``lr``.

    Smith 2017 (section 3.3) takes for the upper bound the rate from which on training becomes ragged, and a third or a
    fourth of it for the lower.
    """
    cliff = min((probe.lr for probe in probes if probe.lr > lr and diverged(np.array(probe.losses))), default=math.inf)
    return max(lr, min(ABOVE * lr, cliff / CLEAR_OF_CLIFF))
