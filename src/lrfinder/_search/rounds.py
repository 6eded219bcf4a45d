"""The choice of the next trial. Pure functions of the losses so far.

Trials run in rounds of growing length. The first of a round is at the rate with the lowest expected regret. Then come the
neighbors of the round's best, the likelier side first, until each side has a worse one or is unlikely to hold the best rate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from lrfinder._search.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from lrfinder._search.evidence import Evidence
    from lrfinder._search.posterior import Posterior

    Limits = tuple[float, float]
    Pays = Callable[[list[Trial]], bool]

USUAL_ITERATIONS = 650  # for which the lengths below are meant
LENGTHS = (50, 150, 300)  # of the first rounds; from there on lengths double
LENGTH_POWER = 0.8  # of the iterations, with which the lengths grow
FIRST_SPACING, SPACING, LAST_SPACING = 2.0, 1.0, 0.5  # octaves between trials of the first round, of others, of the last
FIRST_TRIALS, LATER_TRIALS = 3, 4  # at most, in a round
NEAR = 0.75  # of the spacing: a trial this close to the wanted rate will do
CLOSE = 0.5  # octaves: a rate that was tried before is taken for one this close
UNLIKELY = 0.1  # probability that the best rate lies on a side, up to which that side is not tried


class Round(NamedTuple):
    """Trials of one length.

    Attributes:
        length: of each, in iterations.
        octaves: between neighbors.
        most: how many there are at most.
    """

    length: int
    octaves: float
    most: int


def rounds_of(horizon: int, max_iterations: int) -> list[Round]:
    """Return the rounds of a search, shortest first; the last is at the horizon itself, at every half octave."""
    factor = (max_iterations / USUAL_ITERATIONS) ** LENGTH_POWER
    lengths = [round(factor * length) for length in LENGTHS]
    while lengths[-1] < horizon:
        lengths.append(2 * lengths[-1])
    below = [length for length in lengths if length < horizon]
    first = Round(below[0] if below else horizon, FIRST_SPACING, FIRST_TRIALS)
    later = [Round(length, SPACING, LATER_TRIALS) for length in [*below[1:], horizon]]
    return [first, *later, Round(horizon, LAST_SPACING, 2 * LATER_TRIALS)]


def on_ladder(octave: float) -> float:
    """Return the rate of the ladder (powers of the square root of 2) nearest to a logarithm to base 2."""
    return 2.0 ** (round(2 * octave) / 2)


def next_trials(
    evidence: Evidence, posterior: Posterior, rounds: list[Round], limits: Limits, pays: Pays = lambda _: True
) -> list[Trial]:
    """Return the next trial, and those of its round that follow if it changes nothing; none at the end.

    A round of longer trials begins only where two of them can be paid for, since one alone says nothing. Otherwise the
    iterations that are left go to rates between those of the last round.

    Args:
        evidence: the trials so far.
        posterior: what they say.
        rounds: the rounds of the search.
        limits: the lowest and the highest rate that may be tried.
        pays: returns whether there are iterations left for all of some trials.
    """
    for this in rounds:
        trials = _trials(evidence, posterior, this, limits)
        if trials and evidence.runs and not evidence.rates(this.length) and not pays(trials[:2]):
            shorter = [one for one in rounds if evidence.rates(one.length)][-1]
            return _trials(evidence, posterior, Round(shorter.length, shorter.octaves / 2, 2 * shorter.most), limits)
        if trials:
            return trials
    return []


def _trials(evidence: Evidence, posterior: Posterior, this: Round, limits: Limits) -> list[Trial]:
    tried = evidence.rates(this.length)
    if len(tried) >= this.most:
        return []
    wanted = _wanted(evidence, posterior, this)
    allowed = [lr for lr in wanted if limits[0] <= lr <= limits[1] and lr not in tried]
    if not evidence.runs and not allowed:  # no rate of the ladder may be tried
        allowed = [min(max(wanted[0], limits[0]), limits[1])]
    return [Trial(lr, this.length) for lr in allowed[: this.most - len(tried)]]


def _wanted(evidence: Evidence, posterior: Posterior, this: Round) -> list[float]:
    """Return the rates that a round still wants, the most wanted first."""
    tried = [math.log2(lr) for lr in evidence.rates(this.length)]
    expected = math.log2(on_ladder(posterior.best(this.length).octave))
    if not tried:
        known = [math.log2(lr) for lr in evidence.runs]  # these are cheaper: they may be lengthened
        close = min(
            (octave for octave in known if abs(octave - expected) <= CLOSE),
            key=lambda o: abs(o - expected),
            default=expected,
        )
        return [on_ladder(close + shift) for shift in (0.0, this.octaves, -this.octaves)]
    if _distance(expected, tried) > NEAR * this.octaves:
        return [on_ladder(expected)]
    best = math.log2(evidence.best(this.length))
    above = posterior.above(best, this.length)
    sides = sorted([(above, best + this.octaves), (1 - above, best - this.octaves)], reverse=True)
    near = NEAR * this.octaves
    return [on_ladder(octave) for chance, octave in sides if chance >= UNLIKELY and _distance(octave, tried) >= near]


def _distance(octave: float, others: list[float]) -> float:
    return min(abs(octave - other) for other in others)
