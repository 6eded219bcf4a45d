"""The scores of probes: the mean losses of the window that decides their ranks in a search."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import Stop
from lrfinder.analysis.endings import search_score

if TYPE_CHECKING:
    from lrfinder._results.records import Probe
    from lrfinder._results.results import Suggestion


def score(probe: Probe) -> float:
    """Return the score of a probe in its search; infinite if the probe stopped early."""
    return search_score(np.array(probe.losses)) if probe.stop is Stop.MAX_ITERATIONS else math.inf


def lowest_probe(suggestion: Suggestion) -> Probe | None:
    """Return the probe with the lowest score of those of the greatest length, if any has one."""
    longest = max((len(probe.losses) for probe in suggestion.probes), default=0)
    whole = [probe for probe in suggestion.probes if len(probe.losses) == longest and math.isfinite(score(probe))]
    return min(whole, key=score, default=None)


def scores_by_length(suggestion: Suggestion) -> dict[int, list[tuple[float, float]]]:
    """Return ``(lr, score)`` of the probes by rising rate, for each length of a probe, the shortest first.

    At a constant rate, the beginning of a longer probe counts as a shorter one. Under a schedule it does not: a shorter
    training has other rates.
    """
    probes = sorted((probe for probe in suggestion.probes if probe.lr > 0), key=lambda probe: probe.lr)
    lengths = sorted({len(probe.losses) for probe in suggestion.probes if math.isfinite(score(probe))})
    return {
        length: [
            (probe.lr, loss)
            for probe in probes
            if len(probe.losses) == length or (len(probe.losses) > length and suggestion.is_constant)
            if math.isfinite(loss := search_score(np.array(probe.losses[:length])))
        ]
        for length in lengths
    }
