"""The conclusion of a search: from a sweep and its probes to a suggestion."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import DIVERGENCE, Status
from lrfinder._results.results import Suggestion
from lrfinder._search.trial import is_same_loss
from lrfinder.analysis.curve import finite_part
from lrfinder.analysis.landmarks import MIN_RATES, shape
from lrfinder.analysis.reading import read
from lrfinder.analysis.suggestion import no_suggestion, suggestion_from_curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lrfinder._results.records import Probe
    from lrfinder._results.results import Confidence, RangeTest
    from lrfinder._search.evidence import Evidence
    from lrfinder._search.posterior import Posterior
    from lrfinder.analysis.reading import Reading

OPEN_SIDE = 0.2  # probability that the best rate lies beyond the outermost probe, from which that is noted
CLIFF_WITHIN_OCTAVES = 2.0  # above the rate
SURE_REGRET, UNSURE_REGRET = 0.08, 0.12  # to be expected: up to the first confidence is high, above the second low
SURE_SIGNAL, UNSURE_SIGNAL = 400.0, 5.0  # from the first confidence is high, below the second low
INTERVAL_SHARE, LEAST_OCTAVES = 0.75, 1.5  # of the interval: its probability, and its reach to either side at least
LEAST_OCTAVES_PER_DOUBLING = 0.3  # ... and more for each doubling of the longest probes beyond the first, to the horizon
LEAST_OCTAVES_SURE = 2.0  # ... where confidence is high: there the valley is flat, and many rates are as good
EXTRAPOLATED_TIMES, SURE_TIMES, FAR_TIMES = 2.0, 3.0, 16.0  # horizon over probe length: noted, high up to, low above
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
    alone = alone if curve.has_effect else no_suggestion(Status.NO_EFFECT, len(curve))
    notes = alone.notes if not_repeatable is None else (*alone.notes, not_repeatable)
    iterations = len(curve) + len(untrained)
    return replace(alone, notes=notes, iterations=iterations, horizon=horizon, curve=curve)


def read_paired(curve: RangeTest, untrained: Sequence[float]) -> Reading | None:
    """Return what the sweep says before any probe; ``None`` where it shows nothing."""
    losses = _paired(curve, np.array(untrained))
    part = finite_part(curve.lrs[: len(losses)], losses) if losses is not None else finite_part([], [])
    return read(shape(part), curve.settings.facts, paired=True) if len(part.lrs) >= MIN_RATES else None


def _paired(curve: RangeTest, untrained: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the losses of the curve as far as untrained ones are there, corrected for the difficulty of their batches."""
    if not len(untrained) or not np.isfinite(untrained).all():
        return None
    both = min(len(curve), len(untrained))
    return curve.losses[:both] - untrained[:both] + untrained.mean()


def conclude(  # noqa: PLR0913, PLR0917  (what a search knows at its end)
    curve: RangeTest,
    evidence: Evidence,
    posterior: Posterior | None,
    probes: Sequence[Probe],
    iterations: int,
    not_repeatable: str | None = None,
) -> Suggestion:
    """Return the suggestion that the probes support.

    Args:
        curve: the sweep that came first.
        evidence: the losses of the probes and of the untrained model.
        posterior: where the best rate lies; ``None`` where there was nothing to search for.
        probes: the same probes, each at its greatest length, by rising rate.
        iterations: how many the search used in all.
        not_repeatable: the note of :func:`not_repeated`, if there is one.
    """
    horizon, repeat_notes = evidence.horizon, [] if not_repeatable is None else [not_repeatable]
    no_effect = not curve.has_effect or _has_no_effect(curve, evidence)
    if posterior is None or no_effect or not evidence.any_trains:
        status = Status.NO_EFFECT if no_effect else _why_none(curve, evidence)
        curve = replace(curve, has_effect=curve.has_effect and not no_effect)
        return Suggestion(None, None, None, "low", status, tuple(repeat_notes), iterations, horizon, curve, tuple(probes))
    length = next((n for n in evidence.lengths if len(evidence.rates(n)) > 1), evidence.lengths[-1])
    choice = posterior.best()
    lr, (low, high) = 2.0**choice.octave, posterior.interval(INTERVAL_SHARE)
    confidence = "low" if not_repeatable else _confidence(choice.regret, evidence.signal(length), horizon / length)
    least = LEAST_OCTAVES_SURE if confidence == "high" else LEAST_OCTAVES
    least += LEAST_OCTAVES_PER_DOUBLING * max(0.0, math.log2(horizon / length) - 1)
    low, high = 2.0 ** min(low, choice.octave - least), 2.0 ** max(high, choice.octave + least)
    if not_repeatable:
        low, high = low / UNPAIRED_FACTOR, high * UNPAIRED_FACTOR
    notes = [*_notes(curve, evidence, posterior, lr, length), *repeat_notes]
    if confidence == "high" and "at the boundary" in notes:
        confidence = "medium"
    return Suggestion(lr, low, high, confidence, Status.OK, tuple(notes), iterations, horizon, curve, tuple(probes))


def _notes(curve: RangeTest, evidence: Evidence, posterior: Posterior, lr: float, length: int) -> list[str]:
    best = evidence.best(length)
    above = posterior.above(math.log2(best), length)
    failed = [rate for rate in evidence.runs if _fails(evidence, rate)]
    diverges = curve.stop in DIVERGENCE or _rises_again(curve) or bool(failed)
    holds = {
        "at the boundary": (best == min(evidence.runs) and 1 - above > OPEN_SIDE)
        or (best == max(evidence.runs) and above > OPEN_SIDE),
        "never diverges": not diverges,
        "cliff nearby": any(lr < rate <= lr * 2**CLIFF_WITHIN_OCTAVES for rate in failed),
        "extrapolated": evidence.horizon >= EXTRAPOLATED_TIMES * length,
    }
    return [note for note, true in holds.items() if true]


def _rises_again(curve: RangeTest) -> bool:
    """Return whether the smoothed sweep rises, from which the note was calibrated; the landmarks of a sweep ask for more."""
    part = finite_part(curve.lrs, curve.losses)
    return len(part.lrs) >= MIN_RATES and shape(part).diverges is not None


def _fails(evidence: Evidence, lr: float) -> bool:
    """Return whether the longest probe at ``lr`` is not finite to its end, or ends as high as the untrained model."""
    length = max(evidence.runs[lr])
    scores = evidence.scores(length)
    return float(scores.losses[scores.lrs == lr][0]) > scores.level + float(evidence.untrained.std())


def _confidence(regret: float, signal: float, times: float) -> Confidence:
    """Return how far to trust a rate.

    Args:
        regret: to be expected of it.
        signal: of the longest probes, see :meth:`Evidence.signal`.
        times: length of the whole training over that of these probes.
    """
    if regret > UNSURE_REGRET or signal < UNSURE_SIGNAL or times > FAR_TIMES:
        return "low"
    return "high" if regret <= SURE_REGRET and signal >= SURE_SIGNAL and times <= SURE_TIMES else "medium"


def _why_none(curve: RangeTest, evidence: Evidence) -> Status:
    """Return why no probe trains."""
    if not np.isfinite(evidence.untrained).all():
        return Status.UNSTABLE
    alone = curve.suggestion.status
    return alone if alone in {Status.NO_EFFECT, Status.UNSTABLE, Status.LOW_SIGNAL} else Status.NO_DESCENT


def _has_no_effect(curve: RangeTest, evidence: Evidence) -> bool:
    """Return whether the sweep and all probes have the losses of the rate 0, bit for bit."""
    if not np.isfinite(evidence.untrained).all() or not np.array_equal(curve.losses, evidence.untrained[: len(curve)]):
        return False
    return not any(_changed(evidence, lr, max(runs)) for lr, runs in evidence.runs.items())


def _changed(evidence: Evidence, lr: float, length: int) -> bool:
    losses: NDArray[np.float64] = evidence.runs[lr][length]
    both = min(len(losses), len(evidence.untrained))
    return bool((losses[:both] != evidence.untrained[:both]).any())
