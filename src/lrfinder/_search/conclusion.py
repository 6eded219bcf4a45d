"""The conclusion of a search: from a sweep and its probes to a suggestion."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import DIVERGENCE, Status
from lrfinder._results.results import Suggestion
from lrfinder._search.interval import interval
from lrfinder._search.trial import is_same_loss
from lrfinder.analysis.suggestion import suggestion_from_curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lrfinder._results.records import Probe
    from lrfinder._results.results import Confidence, RangeTest
    from lrfinder._search.evidence import Evidence
    from lrfinder._search.interval import Interval

CLIFF_WITHIN_OCTAVES = 2.0  # above the rate
NARROW_OCTAVES, WIDE_OCTAVES = 2.5, 5.0  # widths of an interval: up to the first confidence is high, above the second low
EXTRAPOLATED_TIMES, FAR_TIMES = 2.0, 16.0  # horizon over probe length: from the first noted, above the second low
UNPAIRED_FACTOR = 2.0  # widens the interval to either side where probes did not see the same batches


def not_repeated(curve: RangeTest, starts: Mapping[float, Sequence[float]]) -> str | None:
    """Return a note if trainings from one state have different first losses: the first duty of a learner.

    Args:
        curve: the sweep, which has lower rates than any trial that trains.
        starts: the first losses of all trials at each rate, each list in the order in which they ran.
    """
    pairs = [("before it", curve[0].loss, starts.get(0.0, ()))] if len(curve) else []
    pairs += [("of another probe at the same rate", first[0], first[1:]) for first in starts.values() if first]
    for which, loss, others in pairs:
        for other in others:
            if not math.isnan(loss) and not is_same_loss(loss, other):
                return (
                    f"not repeatable: the first loss after a restore was {other:.6g}, {which} {loss:.6g}, so that "
                    "the probes did not see the same batches and random numbers; lrfinder.check(learner) names what does "
                    "not come back"
                )
    return None


def read_curve(curve: RangeTest, untrained: Sequence[float], horizon: int) -> Suggestion:
    """Read the sweep alone, after its losses are corrected for the difficulty of their batches.

    Args:
        curve: the sweep.
        untrained: the losses of the same batches at the rate 0; the sweep is not read beyond their end.
        horizon: length of the training that the rate is for, in iterations.
    """
    not_repeatable = not_repeated(curve, {0.0: untrained[:1]})
    paired = None if not_repeatable else _paired(curve, np.array(untrained))
    losses = curve.losses if paired is None else paired
    facts = curve.settings.facts
    alone = suggestion_from_curve(curve.lrs[: len(losses)], losses, facts, paired=paired is not None)
    notes = alone.notes if not_repeatable is None else (*alone.notes, not_repeatable)
    iterations = len(curve) + len(untrained)
    return replace(alone, notes=notes, iterations=iterations, horizon=horizon, curve=curve)


def _paired(curve: RangeTest, untrained: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the losses of the curve as far as untrained ones are there, corrected for the difficulty of their batches."""
    if not len(untrained) or not np.isfinite(untrained).all():
        return None
    both = min(len(curve), len(untrained))
    return curve.losses[:both] - untrained[:both] + untrained.mean()


def conclude(  # noqa: PLR0913  (what a search knows at its end)
    curve: RangeTest,
    evidence: Evidence,
    probes: Sequence[Probe],
    iterations: int,
    not_repeatable: str | None = None,
    *,
    exhausted: bool,
) -> Suggestion:
    """Return the suggestion that the probes support.

    Args:
        curve: the sweep that came first.
        evidence: the losses of the probes and of the untrained model.
        probes: the same probes, each at its greatest length, by rising rate.
        iterations: how many the search used in all.
        not_repeatable: the note of :func:`not_repeated`, if there is one.
        exhausted: whether the search ended because its iterations were used up.
    """
    horizon, repeat_notes = evidence.horizon, [] if not_repeatable is None else [not_repeatable]
    length = next((n for n in evidence.lengths if len(evidence.rates(n)) > 1 and evidence.regrets(n)), None)
    if length is None:
        status = _why_none(curve, evidence)
        return Suggestion(None, None, None, "low", status, tuple(repeat_notes), iterations, horizon, curve, tuple(probes))
    found = interval(evidence, length)
    notes = _notes(curve, evidence, found, length)
    if exhausted and length < min(evidence.lengths[0], 2 * len(evidence.untrained)):  # cut off within the first rounds
        notes.append("budget exhausted")
    if not_repeatable:
        found = found._replace(low=found.low / UNPAIRED_FACTOR, high=found.high * UNPAIRED_FACTOR)
    confidence = "low" if not_repeatable else _confidence(found, horizon / length)
    notes += repeat_notes
    return Suggestion(*found, confidence, Status.OK, tuple(notes), iterations, horizon, curve, tuple(probes))


def _notes(curve: RangeTest, evidence: Evidence, found: Interval, length: int) -> list[str]:
    regrets = evidence.regrets(length) or {}
    best = min(regrets, key=lambda lr: (regrets[lr], lr))
    lower = [lr for lr in evidence.runs if lr < best]
    higher = [lr for lr in evidence.runs if lr > best]
    failed = [lr for lr in evidence.runs if _fails(evidence, lr)]
    diverges = curve.stop in DIVERGENCE or curve.landmarks.diverges is not None or bool(failed)
    holds = {
        "at the boundary": not (lower and higher),
        "never diverges": not diverges,
        "cliff nearby": any(found.lr < lr <= found.lr * 2**CLIFF_WITHIN_OCTAVES for lr in failed),
        "extrapolated": evidence.horizon >= EXTRAPOLATED_TIMES * length,
    }
    return [note for note, true in holds.items() if true]


def _fails(evidence: Evidence, lr: float) -> bool:
    """Return whether the longest probe at ``lr`` is not finite to its end, or ends as high as the untrained model."""
    length = max(evidence.runs[lr])
    return not np.isfinite(evidence.runs[lr][length]).all() or (evidence.regrets(length) or {}).get(lr, 0.0) >= 1


def _confidence(found: Interval, times: float) -> Confidence:
    octaves = math.log2(found.high / found.low)
    if octaves > WIDE_OCTAVES or times > FAR_TIMES:
        return "low"
    return "high" if octaves <= NARROW_OCTAVES and times <= EXTRAPOLATED_TIMES else "medium"


def _why_none(curve: RangeTest, evidence: Evidence) -> Status:
    """Return why no probe trains."""
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
