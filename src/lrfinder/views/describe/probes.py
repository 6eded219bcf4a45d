"""The ends of probes, in the window that decides their ranks in a search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import Stop
from lrfinder.analysis.endings import search_score

if TYPE_CHECKING:
    from lrfinder._results.records import Probe
    from lrfinder._results.results import Suggestion


@dataclass(frozen=True)
class ProbeEnd:
    """The end of one probe of ``length`` iterations.

    ``loss`` is its score in the search, infinite if it stopped early, and ``ended`` says why it did. ``lowest`` tells the
    best of the longest probes, and ``within`` those in the suggested interval.
    """

    lr: float
    length: int
    loss: float
    ended: str
    lowest: bool
    within: bool


def probe_ends(suggestion: Suggestion) -> tuple[ProbeEnd, ...]:
    """Return the end of each probe, in their order."""
    probes, losses = suggestion.probes, [_score(probe) for probe in suggestion.probes]
    longest = max((len(probe.losses) for probe in probes), default=0)
    whole = [loss if len(probe.losses) == longest else math.inf for probe, loss in zip(probes, losses, strict=True)]
    lowest = int(np.argmin(whole)) if np.isfinite(whole).any() else -1
    return tuple(
        ProbeEnd(probe.lr, len(probe.losses), loss, _ended(probe), row == lowest, _within(suggestion, probe.lr))
        for row, (probe, loss) in enumerate(zip(probes, losses, strict=True))
    )


def scores_by_length(suggestion: Suggestion) -> dict[int, list[tuple[float, float]]]:
    """Return ``(lr, score)`` of the probes by rising rate, for each length of a probe, the shortest first.

    At a constant rate, the beginning of a longer probe counts as a shorter one. Under a schedule it does not: a shorter
    training has other rates.
    """
    probes = sorted((probe for probe in suggestion.probes if probe.lr > 0), key=lambda probe: probe.lr)
    lengths = sorted({len(probe.losses) for probe in suggestion.probes if math.isfinite(_score(probe))})
    return {
        length: [
            (probe.lr, score)
            for probe in probes
            if len(probe.losses) == length or (len(probe.losses) > length and suggestion.is_constant)
            if math.isfinite(score := search_score(np.array(probe.losses[:length])))
        ]
        for length in lengths
    }


def _score(probe: Probe) -> float:
    return search_score(np.array(probe.losses)) if probe.stop is Stop.MAX_ITERATIONS else math.inf


def _ended(probe: Probe) -> str:
    if probe.stop is Stop.NOT_FINITE:
        return f"diverged at iteration {len(probe.losses) - 1}"
    return "" if probe.stop is Stop.MAX_ITERATIONS else probe.stop.value


def _within(suggestion: Suggestion, lr: float) -> bool:
    return suggestion.low is not None and suggestion.high is not None and bool(suggestion.low <= lr <= suggestion.high)
