"""Bracket and lengthen: which trial comes next. Pure functions of the losses so far.

The first round tries rates two octaves apart, from below the lowest point of the sweep, until the best of them has a worse
one on either side. Then the best and its neighbors an octave apart are lengthened, and so on, until the horizon is reached
or the iterations are used up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfinder._search.evidence import DRIFT_OCTAVES
from lrfinder._search.interval import chosen
from lrfinder._search.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lrfinder._results.results import RangeTest
    from lrfinder._search.evidence import Evidence

USUAL_ITERATIONS = 650  # for which the lengths below are meant; with fewer all become shorter
FIRST_LENGTH, SECOND_LENGTH = 40, 100  # iterations of the first and the second round; from there on lengths double
BELOW_LOWEST_OCTAVES = 3.0  # between the lowest point of the sweep and the first trial
MOST_TRIALS_WITHOUT_SIGNAL = 6  # of one length, none of which trains, before longer ones are tried


class Round(NamedTuple):
    """Trials of one length, so many octaves apart."""

    length: int
    octaves: float


def rounds_of(horizon: int, max_iterations: int) -> list[Round]:
    """Return the rounds of a search, shortest first; the last is at the horizon itself, at every half octave."""
    shorter = min(1.0, math.sqrt(max_iterations / USUAL_ITERATIONS))
    lengths = [round(FIRST_LENGTH * shorter), round(SECOND_LENGTH * shorter)]
    while lengths[-1] < horizon:
        lengths.append(2 * lengths[-1])
    below = [length for length in lengths if length < horizon]
    first = Round(below[0] if below else horizon, 2.0)
    return [first, *(Round(length, 1.0) for length in [*below[1:], horizon]), Round(horizon, 0.5)]


def start_rate(curve: RangeTest, untrained: NDArray[np.float64]) -> float:
    """Return the first rate: ``BELOW_LOWEST_OCTAVES`` below the lowest point of the sweep relative to the untrained losses.

    Args:
        curve: the sweep.
        untrained: the losses of the same batches at the rate 0, shape ``(n,)``.
    """
    both = min(len(curve), len(untrained))
    change = np.where(curve.lrs[:both] > 0, curve.losses[:both] - untrained[:both], np.inf)
    lowest = int(np.where(np.isfinite(change), change, np.inf).argmin())
    lr = float(curve.lrs[lowest])
    return on_ladder(lr, -BELOW_LOWEST_OCTAVES) if lr > 0 else float(curve.lrs.max())


def on_ladder(lr: float, octaves: float = 0.0) -> float:
    """Return the rate of the ladder (powers of the square root of 2) nearest to ``lr`` shifted by so many octaves."""
    return 2.0 ** (round(2 * (math.log2(lr) + octaves)) / 2)


def next_trials(evidence: Evidence, rounds: list[Round], start: float, within: Callable[[float], bool]) -> list[Trial]:
    """Return the next trial, and those of its round that follow if it changes nothing; none at the end.

    Args:
        evidence: the probes so far.
        rounds: the rounds of the search.
        start: the first rate.
        within: returns whether a rate may be tried.
    """
    for this in rounds:
        tried = evidence.rates(this.length)
        wanted = dict.fromkeys(_wanted(evidence, this, start))  # each once
        if trials := [Trial(lr, this.length) for lr in wanted if within(lr) and lr not in tried]:
            return trials
        start = _best(evidence, this.length, start)
    return []


def _best(evidence: Evidence, length: int, start: float) -> float:
    """Return the best rate of that length; where none trains, the highest that is too low to have an effect."""
    regrets = evidence.regrets(length)
    if regrets is not None:
        return min(regrets, key=lambda lr: (regrets[lr], lr))
    return max((lr for lr in evidence.rates(length) if not evidence.harms(lr, length)), default=start)


def _wanted(evidence: Evidence, this: Round, start: float) -> list[float]:
    """Return the rates of a round: the start, the rate that all probes point to, and the neighbors of the best."""
    rates = evidence.rates(this.length)
    if not rates:
        return [start]
    if evidence.regrets(this.length) is None:
        return _towards_signal(evidence, this, rates)
    best = _best(evidence, this.length, start)
    target = chosen(evidence, this.length) * 2 ** (DRIFT_OCTAVES * evidence.doublings(this.length))
    steps = round((math.log2(target) - math.log2(start)) / this.octaves)
    nearest = on_ladder(start, steps * this.octaves)
    return [start, nearest, on_ladder(best, -this.octaves), on_ladder(best, this.octaves)]


def _towards_signal(evidence: Evidence, this: Round, rates: list[float]) -> list[float]:
    """Return the next lower rate if one does harm, or the next higher if none has an effect; none after too many."""
    if len(rates) >= MOST_TRIALS_WITHOUT_SIGNAL:
        return []
    harmful = [lr for lr in rates if evidence.harms(lr, this.length)]
    return [on_ladder(min(harmful), -this.octaves) if harmful else on_ladder(max(rates), this.octaves)]
