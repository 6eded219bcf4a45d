"""The edges of a search: which rates it may try, and what becomes of an answer that lies at an edge, or of none.

A suggestion is qualified here after the probes have been weighed. A batch that is not finite before any update is named. A
loss that falls ever faster up to the highest rate has no best rate, nor has one that is the same at all rates.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import DIVERGENCE, Status, Stop
from lrfinder.analysis.endings import batch_not_finite, search_score, search_window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lrfinder._results.records import Probe
    from lrfinder._results.results import RangeTest, Suggestion

    Range = tuple[float, float]

BEYOND_SWEEP_OCTAVES = 4.0  # that a search may leave the rates of its sweep by, to either side
EDGE_OCTAVES = 2.0  # from the edge, within which no higher probe can follow
NAN_OCTAVES = 1.0  # between rates that become NaN at one batch, from which the batch is the reason
LOWER_FACTOR = 1000.0  # of the lowest rate, if the loss rises there already
ENDLESS_FALL_TIMES = 10.0  # the size of the untrained loss, beyond which a fall may have no end
FAR_FALL_TIMES = 100.0  # of the untrained loss: beyond it, time alone shows whether a fall has an end
ANY_FALL_TIMES = 1e12  # beyond which no fall has an end
LATE_OCTAVES = 3.0  # of a sweep, at its end
ENDLESS_FALL_PER_OCTAVE = math.sqrt(2)  # factor of the fall from rate to rate, from which no end of it is in sight
ENDLESS_POWER = 0.3  # of time, with which the fall of the lowest probe still grows at its end
ENDLESS_POWER_OF_FAR_FALL = 0.5  # the same, where the fall is far


def limits(curve: RangeTest, lrs: Sequence[float], within: Range) -> Range:
    """Return the lowest and the highest rate of a trial: ``within`` if it is finite, else some octaves beyond the sweep.

    Args:
        curve: the sweep.
        lrs: its planned rates, which it may not have reached: where the data ended, higher ones may still be good.
        within: the lowest and the highest rate that the user allowed; infinite where none was given.
    """
    rates = [lr for lr in (curve.lrs.tolist() if curve.stop in DIVERGENCE else lrs) if lr > 0]
    if math.isfinite(within[1]) or not rates:
        return within
    return min(rates) * 2**-BEYOND_SWEEP_OCTAVES, max(rates) * 2**BEYOND_SWEEP_OCTAVES


def qualified(suggestion: Suggestion, untrained: Sequence[float], at_zero: Sequence[float], limit: float) -> Suggestion:
    """Return the suggestion with what the edges and the untrained losses say.

    Args:
        suggestion: the conclusion of a search.
        untrained: the losses of the first batches before anything is learned.
        at_zero: those at the rate 0, which are the same unless the optimizer divides by the rate.
        limit: the highest rate of a trial, where it follows from the sweep; infinite where the user gave it.
    """
    if len(untrained) == len(at_zero) and (note := batch_not_finite(untrained)):
        status = suggestion.status if suggestion.lr is not None else Status.NOT_FINITE_UNTRAINED
        return replace(suggestion, status=status, notes=(*suggestion.notes, note))
    if note := _batch_of_all_probes(suggestion.probes, len(untrained)):
        return _refused(replace(suggestion, notes=(*suggestion.notes, note)), Status.NOT_FINITE_UNTRAINED)
    if reason := _reason(suggestion, untrained, limit):
        return _refused(suggestion, reason)
    if suggestion.lr is None or not suggestion.probes:
        return suggestion
    if suggestion.probes[-1].lr * 2**EDGE_OCTAVES > limit and _is_best_at_edge(suggestion.probes):
        reach = f"give rates= that reach {limit * 2**BEYOND_SWEEP_OCTAVES:.2g}"
        return replace(suggestion, notes=(*suggestion.notes, f"at the edge of the search: to try higher rates, {reach}"))
    return suggestion


def with_range_to_give(suggestion: Suggestion, untrained: Sequence[float], within: Range) -> Suggestion:
    """Return the suggestion; where the loss fell at none of the rates that the user gave, with a note of others to give."""
    if suggestion.status is not Status.NO_DESCENT or not suggestion.probes:
        return suggestion
    lowest = suggestion.probes[0]
    rises = not search_score(np.array(lowest.losses)) <= float(np.mean(untrained))
    where = f"begin at {lowest.lr / LOWER_FACTOR:.2g}" if rises else f"reach {within[1] * 2**BEYOND_SWEEP_OCTAVES:.2g}"
    return replace(suggestion, notes=(*suggestion.notes, f"outside the rates given: give rates= that {where}"))


def with_raised(suggestion: Suggestion, raised: Mapping[float, str]) -> Suggestion:
    """Return the suggestion with the notes of trainings that raised: of its sweep, and of its probes by their rates."""
    probes = tuple(replace(one, stop=Stop.RAISED) if one.lr in raised else one for one in suggestion.probes)
    notes = [*(() if suggestion.curve is None else suggestion.curve.notes), *(raised[lr] for lr in sorted(raised))]
    return replace(suggestion, probes=probes).with_notes(*notes, raised=bool(notes))


def _reason(suggestion: Suggestion, untrained: Sequence[float], limit: float) -> Status | None:
    """Return why probes or sweep have no best rate, if they have none."""
    if any(probe.losses[-1:] == (-math.inf,) for probe in suggestion.probes):
        return Status.FALLS_WITHOUT_END
    if suggestion.lr is None or suggestion.curve is None:
        return None
    if not suggestion.probes:
        endless = math.isfinite(limit) and _sweep_falls_without_end(suggestion.curve, untrained)
        return Status.FALLS_WITHOUT_END if endless else None
    if _has_no_effect(suggestion.curve, suggestion.probes):
        return Status.NO_EFFECT
    return Status.FALLS_WITHOUT_END if _falls_without_end(suggestion.probes, untrained) else None


def _batch_of_all_probes(probes: Sequence[Probe], untrained: int) -> str | None:
    """Return a note that names the batch at which probes became NaN, if all that reached it did, at rates far apart.

    Of the first batches, whose untrained losses are known to be finite, none is the reason.
    """
    ends = {len(probe.losses) for probe in probes if probe.losses and math.isnan(probe.losses[-1])}
    end = ends.pop() if len(ends) == 1 else 0
    if end <= untrained:
        return None
    reached = [probe for probe in probes if len(probe.losses) >= end]
    far_apart = len(reached) > 1 and reached[-1].lr >= reached[0].lr * 2**NAN_OCTAVES
    if not far_apart or any(len(probe.losses) > end for probe in reached):
        return None
    return f"batch {end - 1} is NaN at all rates tried (the first batch is 0)"


def _refused(suggestion: Suggestion, status: Status) -> Suggestion:
    return replace(suggestion, lr=None, low=None, high=None, confidence="low", status=status)


def _has_no_effect(curve: RangeTest, probes: Sequence[Probe]) -> bool:
    """Return whether sweep and probes have the same losses bit for bit, over the longest training that two probes share.

    A training that begins slowly is the same at all rates at first, but not to the end of the probes that decide.
    """
    first, *others = sorted(probes, key=lambda probe: -len(probe.losses))
    trainings = [curve.losses.tolist(), *(probe.losses for probe in others)]
    decided = bool(others) and len(others[0].losses) == len(first.losses) > len(curve)
    return decided and not any(_begins_otherwise(losses, first.losses) for losses in trainings)


def _begins_otherwise(losses: Sequence[float], others: Sequence[float]) -> bool:
    """Return whether two trainings differ within the iterations that both have."""
    return any(one != other for one, other in zip(losses, others, strict=False))


def _is_best_at_edge(probes: Sequence[Probe]) -> bool:
    """Return whether the highest probe is lower than the one below it, over the same iterations."""
    if len(probes) < 2:  # noqa: PLR2004  (a pair)
        return True
    below, highest = _scores(probes)
    return highest < below


def _falls_without_end(probes: Sequence[Probe], untrained: Sequence[float]) -> bool:
    """Return whether the loss falls far beyond the size of the untrained loss, and shows no end of it.

    It shows none where the lowest probe still falls at its end, and the fall grows with the rate up to the highest. Where
    the fall is far beyond that size, the highest rates may be too high to train: there the lowest probe alone decides.
    """
    finite = [np.array(probe.losses) for probe in probes if len(probe.losses) > 1 and np.isfinite(probe.losses).all()]
    if len(finite) < 2:  # noqa: PLR2004  (a pair)
        return False
    level = float(np.mean(untrained))
    size = abs(level) + float(np.std(untrained))
    lowest = min(finite, key=search_score)
    fall = level - search_score(lowest)
    if fall <= ENDLESS_FALL_TIMES * size:
        return False
    power = _power(level - lowest)
    far, beyond_any = (fall > times * size > 0 for times in (FAR_FALL_TIMES, ANY_FALL_TIMES))
    if beyond_any or (far and power > ENDLESS_POWER_OF_FAR_FALL):
        return True
    return power > ENDLESS_POWER and _falls_more_at_the_highest(probes, level)


def _sweep_falls_without_end(curve: RangeTest, untrained: Sequence[float]) -> bool:
    """Return whether a sweep to its last rate falls far beyond the size of the untrained loss, and most of it at the end."""
    if curve.stop is not Stop.LAST_RATE or len(curve) != len(untrained):
        return False
    before = np.array(untrained)
    size = abs(float(before.mean())) + float(before.std())
    fall = before - curve.losses
    late = curve.lrs > curve.lrs[-1] * 2**-LATE_OCTAVES
    earlier = max(FAR_FALL_TIMES * size, ENDLESS_FALL_PER_OCTAVE**LATE_OCTAVES * float(fall[~late].max(initial=0.0)))
    return float(fall[late].max()) > earlier


def _power(fall: NDArray[np.float64]) -> float:
    """Return the power of time with which a fall grows, from the middle fifth of a probe to its last fifth."""
    window = search_window(len(fall))
    middle = (len(fall) - window) // 2
    before, after = fall[middle : middle + window].mean(), fall[-window:].mean()
    times = (len(fall) - window / 2) / (middle + window / 2)
    return math.log(after / before) / math.log(times) if before > 0 else math.inf


def _falls_more_at_the_highest(probes: Sequence[Probe], level: float) -> bool:
    """Return whether the fall grows with the rate up to the highest."""
    below, highest = _scores(probes)
    factor = ENDLESS_FALL_PER_OCTAVE ** math.log2(probes[-1].lr / probes[-2].lr)
    return level - highest > factor * (level - below)


def _scores(probes: Sequence[Probe]) -> Range:
    """Return the scores of the two highest probes after the iterations that both have."""
    length = min(len(probe.losses) for probe in probes[-2:])
    below, highest = (search_score(np.array(probe.losses[:length])) for probe in probes[-2:])
    return below, highest
