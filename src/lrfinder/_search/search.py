"""Bracket and lengthen: which probe to make next. Pure functions of the losses so far.

A first look at rates two octaves apart, from below the lowest point of the sweep, goes on until the best has a worse one on
either side; then the best and its neighbours an octave apart are lengthened, and so again, until the horizon is reached or
the iterations are spent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfinder._search.evidence import DRIFT
from lrfinder._search.interval import chosen

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lrfinder._results.results import RangeTest
    from lrfinder._search.evidence import Evidence

USUAL = 650  # iterations, for which the lengths below are meant; with fewer all become shorter
FIRST_LENGTH, SECOND_LENGTH = 40, 100  # iterations of the first and the second look; from there on lengths double
BELOW_LOWEST = 3.0  # octaves between the lowest point of the sweep and the first probe
MOST_WITHOUT_SIGNAL = 6  # probes of one length, none of which trains, before longer ones are tried


class Look(NamedTuple):
    """Probes of one length, so many octaves apart."""

    length: int
    octaves: float


class Ask(NamedTuple):
    """A probe to be made: its rate and its length."""

    lr: float
    length: int


def looks(horizon: int, max_iterations: int) -> list[Look]:
    """The looks of a search, shortest first; the last at the horizon itself, at every half octave."""
    shorter = min(1.0, math.sqrt(max_iterations / USUAL))
    lengths = [round(FIRST_LENGTH * shorter), round(SECOND_LENGTH * shorter)]
    while lengths[-1] < horizon:
        lengths.append(2 * lengths[-1])
    below = [length for length in lengths if length < horizon]
    return [Look(below[0] if below else horizon, 2.0), *(Look(n, 1.0) for n in [*below[1:], horizon]), Look(horizon, 0.5)]


def start_rate(curve: RangeTest, untrained: NDArray[np.float64]) -> float:
    """Where to begin: ``BELOW_LOWEST`` octaves below where the sweep lies lowest under the untrained losses.

    Args:
        curve: the sweep.
        untrained: the losses of the same batches at the rate 0, shape ``(n,)``.
    """
    both = min(len(curve), len(untrained))
    change = np.where(curve.lrs[:both] > 0, curve.losses[:both] - untrained[:both], np.inf)
    lowest = int(np.where(np.isfinite(change), change, np.inf).argmin())
    lr = float(curve.lrs[lowest])
    return on_ladder(lr, -BELOW_LOWEST) if lr > 0 else float(curve.lrs.max())


def on_ladder(lr: float, octaves: float = 0.0) -> float:
    """The rate of the ladder (powers of the root of two) that is nearest to ``lr``, so many octaves higher."""
    return 2.0 ** (round(2 * (math.log2(lr) + octaves)) / 2)


def next_probes(evidence: Evidence, plan: list[Look], start: float, within: Callable[[float], bool]) -> list[Ask]:
    """The next probe of the search, and those of its look that come after it if it changes nothing; none at the end.

    Args:
        evidence: the probes so far.
        plan: the looks of the search.
        start: the rate to begin at.
        within: whether a rate may be tried.
    """
    for look in plan:
        made = evidence.rates(look.length)
        wanted = dict.fromkeys(_wanted(evidence, look, start))  # each once
        if asks := [Ask(lr, look.length) for lr in wanted if within(lr) and lr not in made]:
            return asks
        start = _best(evidence, look.length, start)
    return []


def _best(evidence: Evidence, length: int, start: float) -> float:
    """The best rate of that length; where none trains, the highest that is too low to show."""
    regrets = evidence.regrets(length)
    if regrets is not None:
        return min(regrets, key=lambda lr: (regrets[lr], lr))
    return max((lr for lr in evidence.rates(length) if not evidence.harms(lr, length)), default=start)


def _wanted(evidence: Evidence, look: Look, start: float) -> list[float]:
    """The rates that a look needs: the best of its length, what all probes together say, and the neighbours of the best."""
    rates = evidence.rates(look.length)
    if not rates:
        return [start]
    regrets = evidence.regrets(look.length)
    if regrets is None:
        return _towards_signal(evidence, look, rates)
    best = _best(evidence, look.length, start)
    told = chosen(evidence, look.length) * 2 ** (DRIFT * evidence.doublings(look.length))
    steps = round((math.log2(told) - math.log2(start)) / look.octaves)
    return [start, on_ladder(start, steps * look.octaves), on_ladder(best, -look.octaves), on_ladder(best, look.octaves)]


def _towards_signal(evidence: Evidence, look: Look, rates: list[float]) -> list[float]:
    """Lower where a rate does harm, higher where all are too low to show; nowhere once one is the neighbour of the other."""
    if len(rates) >= MOST_WITHOUT_SIGNAL:
        return []
    harmful = [lr for lr in rates if evidence.harms(lr, look.length)]
    return [on_ladder(min(harmful), -look.octaves) if harmful else on_ladder(max(rates), look.octaves)]
