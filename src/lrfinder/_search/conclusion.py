"""From a sweep and its probes to a suggestion."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import Status, Stop
from lrfinder._results.results import Suggestion
from lrfinder._search.interval import interval
from lrfinder.analysis.suggestion import suggestion_from_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lrfinder._results.records import Confidence, Probe
    from lrfinder._results.results import RangeTest
    from lrfinder._search.evidence import Evidence
    from lrfinder._search.interval import Interval

SAME = 1e-5  # relative difference, within which two first losses are one: devices that add in any order differ by less
CLIFF_WITHIN = 2.0  # octaves above the rate
NARROW, WIDE = 2.5, 5.0  # octaves, width of an interval up to which confidence is high, and from which it is low
EXTRAPOLATED, FAR = 2.0, 16.0  # horizons this many times as long as the probes compared: told, and trusted little
UNPAIRED = 2.0  # factor by which the interval is wider to either side where probes did not see the same batches


def repeats(curve: RangeTest, untrained: Sequence[float]) -> bool:
    """Whether the first loss after the restore was that of the sweep: the first duty of a learner."""
    both = bool(len(curve) and len(untrained))
    return not both or math.isclose(curve[0].loss, untrained[0], rel_tol=SAME) or curve[0].loss != curve[0].loss


def from_curve(curve: RangeTest, untrained: Sequence[float], horizon: int) -> Suggestion:
    """What the sweep alone tells, once what its losses owe to their batches is taken off.

    Args:
        curve: the sweep.
        untrained: the losses of the same batches at the rate 0; those of the sweep beyond their end are left out.
        horizon: length of the training that the rate is for, in iterations.
    """
    losses, batches = curve.losses, np.array(untrained)
    if repeats(curve, untrained) and len(batches) and np.isfinite(batches).all():
        losses = losses[: len(batches)] - batches[: len(losses)] + batches.mean()
    told = suggestion_from_curve(curve.lrs[: len(losses)], losses)
    notes = told.notes if repeats(curve, untrained) else (*told.notes, _not_repeatable(curve, untrained))
    iterations = len(curve) + len(untrained)
    return Suggestion(told.lr, told.low, told.high, "low", told.status, notes, iterations, horizon, curve)


def conclude(
    curve: RangeTest, evidence: Evidence, probes: Sequence[Probe], iterations: int, *, exhausted: bool
) -> Suggestion:
    """What the probes tell.

    Args:
        curve: the sweep that came first.
        evidence: the losses of the probes and of the untrained model.
        probes: the same probes, each at its greatest length, by rising rate.
        iterations: how many were made in all.
        exhausted: whether the search ended for want of iterations.
    """
    horizon = evidence.horizon
    told = evidence.untrained.tolist()
    not_repeatable = [] if repeats(curve, told) else [_not_repeatable(curve, told)]
    length = next((n for n in evidence.lengths if len(evidence.rates(n)) > 1 and evidence.regrets(n)), None)
    if length is None:
        status = _why_none(curve, evidence)
        return Suggestion(None, None, None, "low", status, tuple(not_repeatable), iterations, horizon, curve, tuple(probes))
    found = interval(evidence, length)
    notes = _notes(curve, evidence, found, length)
    if exhausted and length < min(evidence.lengths[0], 2 * len(evidence.untrained)):  # cut off within the first looks
        notes.append("budget exhausted")
    if not_repeatable:
        found = found._replace(low=found.low / UNPAIRED, high=found.high * UNPAIRED)
    confidence = "low" if not_repeatable else _confidence(found, horizon / length)
    notes += not_repeatable
    return Suggestion(*found, confidence, Status.OK, tuple(notes), iterations, horizon, curve, tuple(probes))


def _notes(curve: RangeTest, evidence: Evidence, found: Interval, length: int) -> list[str]:
    regrets = evidence.regrets(length) or {}
    best = min(regrets, key=lambda lr: (regrets[lr], lr))
    lower = [lr for lr in evidence.runs if lr < best]
    higher = [lr for lr in evidence.runs if lr > best]
    broken = [lr for lr in evidence.runs if _breaks(evidence, lr)]
    diverges = curve.stop in {Stop.DIVERGED, Stop.NOT_FINITE} or curve.landmarks.diverges is not None or bool(broken)
    holds = {
        "at the boundary": not (lower and higher),
        "never diverges": not diverges,
        "cliff nearby": any(found.lr < lr <= found.lr * 2**CLIFF_WITHIN for lr in broken),
        "extrapolated": evidence.horizon >= EXTRAPOLATED * length,
    }
    return [note for note, true in holds.items() if true]


def _breaks(evidence: Evidence, lr: float) -> bool:
    """Whether the longest probe at ``lr`` broke off, or ended as high as the untrained model."""
    length = max(evidence.runs[lr])
    return not np.isfinite(evidence.runs[lr][length]).all() or (evidence.regrets(length) or {}).get(lr, 0.0) >= 1


def _confidence(found: Interval, short_of: float) -> Confidence:
    octaves = math.log2(found.high / found.low)
    if octaves > WIDE or short_of > FAR:
        return "low"
    return "high" if octaves <= NARROW and short_of <= EXTRAPOLATED else "medium"


def _why_none(curve: RangeTest, evidence: Evidence) -> Status:
    """Why no probe trains."""
    if not np.isfinite(evidence.untrained).all():
        return Status.UNSTABLE
    longest = {lr: max(runs) for lr, runs in evidence.runs.items()}
    changes = [_changed(evidence, lr, length) for lr, length in longest.items()]
    if not any(changes) and np.array_equal(curve.losses, evidence.untrained[: len(curve)]):
        return Status.NO_EFFECT
    alone = curve.suggestion.status
    return alone if alone in {Status.NO_EFFECT, Status.UNSTABLE, Status.LOW_SIGNAL} else Status.NO_DESCENT


def _changed(evidence: Evidence, lr: float, length: int) -> bool:
    losses: NDArray[np.float64] = evidence.runs[lr][length]
    both = min(len(losses), len(evidence.untrained))
    return bool((losses[:both] != evidence.untrained[:both]).any())


def _not_repeatable(curve: RangeTest, untrained: Sequence[float]) -> str:
    return (
        f"not repeatable: the first loss after a restore was {untrained[0]:.6g}, before it {curve[0].loss:.6g}, so that "
        "the probes did not see the same batches and random numbers; lrfinder.check(learner) names what does not come back"
    )
