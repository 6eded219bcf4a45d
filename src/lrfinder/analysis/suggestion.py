"""A rate from one curve alone, or the reason why there is none; and the bounds of a cycle from a rate and its probes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import Probe, Status
from lrfinder._results.results import Suggestion
from lrfinder.analysis.curve import FinitePart, finite_part
from lrfinder.analysis.endings import diverged
from lrfinder.analysis.landmarks import MIN_RATES, Shape, shape
from lrfinder.analysis.reading import Reading, read
from lrfinder.analysis.smoothing import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from lrfinder._results.facts import TrainingFacts

NO_FALL = "no fall"  # a note
OF_PART = {"at the boundary": "at the end of this part", "never diverges": "no divergence in this part"}  # notes of a part
MIN_DECADES = 0.5  # the smoothing is as wide
MAX_POINTS = 2000  # more are averaged first: they cost time without effect
CLOSE_STANDARD_ERRORS = 2.0  # of a difference: smoothed losses within it may be equal
RISE_DEVIATIONS = 3.0  # of the number of rising pairs less that of falling ones
PEAK_FACTOR = 2.0  # a cycle is as long below its mean as above it, and its mean should be near the constant rate
BELOW_END_FACTOR = 4.0  # of the rate at which a curve that diverges ends
CLIFF_DISTANCE_FACTOR = math.sqrt(2)


def suggestion_from_curve(
    lrs: ArrayLike, losses: ArrayLike, facts: TrainingFacts | None = None, *, paired: bool = False
) -> Suggestion:
    """Suggest the rate for a training of some hundred iterations, if the curve falls or rises by more than its noise.

    :mod:`lrfinder.analysis.reading` reads the curve. Its interval held the best rate in four of five recorded trainings. It
    is wider where the noise of the curve leaves more open, and stays within the rates tried. The confidence is always
    ``"low"``. It never raises.

    Args:
        lrs: the rates, shape ``(n,)``.
        losses: the losses, shape ``(n,)``; they may be NaN or infinite.
        facts: what the learner knows about the training, if anything.
        paired: whether the difficulty of the batches is subtracted from the losses.
    """
    iterations = np.size(losses)
    curve = _thinned(finite_part(lrs, losses))
    if len(curve.lrs) < MIN_RATES or curve.decades < MIN_DECADES:
        broke = len(curve.lrs) < MIN_RATES and not np.isfinite(losses).all()
        return no_suggestion(Status.UNSTABLE if broke else Status.TOO_FEW_POINTS, iterations)
    seen = shape(curve)
    if seen.lowest is None and _rises(curve.losses[: max(MIN_RATES, len(curve.losses) // 10)]):
        return no_suggestion(Status.UNSTABLE, iterations)
    found = read(seen, facts, paired=paired)
    if found is None:
        return no_suggestion(_why_nothing(curve), iterations)
    lowest, highest = float(curve.lrs[0]), float(curve.lrs[-1])
    if seen.lowest is None and found.lr < lowest:
        return no_suggestion(Status.UNSTABLE, iterations)
    found = _below_divergence(curve, _widened(seen, found), paired=paired)
    if found.low > highest:  # the data ended long before the curve shows anything
        return no_suggestion(Status.TOO_FEW_POINTS, iterations)
    lr, low, high = (min(max(rate, lowest), highest) for rate in found)
    at_boundary = seen.lowest == len(seen.lrs) - 1 or lr in {lowest, highest}
    notes = {
        NO_FALL: seen.lowest is None,
        "at the boundary": at_boundary,
        "never diverges": seen.lowest is not None and seen.diverges is None,
    }
    return Suggestion(lr, low, high, "low", Status.OK, tuple(note for note in notes if notes[note]), iterations)


def with_notes_of_part(suggestion: Suggestion) -> Suggestion:
    """Return the suggestion of a part of a sweep, which shows neither the rates beyond it nor whether they diverge."""
    return replace(suggestion, notes=tuple(OF_PART.get(note, note) for note in suggestion.notes))


def max_lr(lr: float, probes: Sequence[Probe]) -> float:
    """Return twice ``lr``, at most half an octave below the lowest higher rate whose probe diverged, and at least ``lr``.

    The upper bound of Smith 2017 (section 3.3) is the rate at which training becomes ragged; the lower is a third or a
    fourth of it.
    """
    cliff = min((probe.lr for probe in probes if probe.lr > lr and diverged(np.array(probe.losses))), default=math.inf)
    return max(lr, min(PEAK_FACTOR * lr, cliff / CLIFF_DISTANCE_FACTOR))


def _why_nothing(curve: FinitePart) -> Status:
    """Return why a curve neither falls nor rises."""
    repeats = len(np.unique(curve.losses)) <= len(curve.losses) / 3  # the same few batches give the same few losses
    return Status.NO_EFFECT if repeats else Status.LOW_SIGNAL


def _rises(losses: NDArray[np.float64]) -> bool:
    """Return whether later losses are higher than earlier ones more often than by chance (Mann 1945, Kendall's S).

    Only the order counts, so that a divergence weighs no more than a gentle rise.
    """
    n = len(losses)
    score = np.sign(losses[None, :] - losses[:, None])[np.triu_indices(n, 1)].sum()
    return bool(score > RISE_DEVIATIONS * np.sqrt(n * (n - 1) * (2 * n + 5) / 18))


def no_suggestion(status: Status, iterations: int) -> Suggestion:
    """Return a suggestion without a rate, for the reason ``status``."""
    return Suggestion(None, None, None, "low", status, (), iterations)


def _widened(seen: Shape, found: Reading) -> Reading:
    """Widen the interval by as far as noise alone can have moved the lowest point."""
    if seen.lowest is None:
        return found
    difference = CLOSE_STANDARD_ERRORS * np.sqrt(2) * seen.noise * spread(seen.lrs)
    close = seen.lrs[: seen.diverges][(seen.smoothed - seen.smoothed[seen.lowest] <= difference)[: seen.diverges]]
    below, above = close[0] / seen.lrs[seen.lowest], close[-1] / seen.lrs[seen.lowest]
    return Reading(found.lr, min(found.low, found.lr * float(below)), max(found.high, found.lr * float(above)))


def _below_divergence(curve: FinitePart, found: Reading, *, paired: bool) -> Reading:
    """Keep the rate below the end of a curve that has risen there by more than it ever fell.

    A paired curve, whose lowest loss is no accident of a batch, keeps it below that as well.
    """
    level, lowest = float(np.median(curve.losses[: max(3, len(curve.losses) // 10)])), int(curve.losses.argmin())
    if curve.losses[-1] - level <= level - curve.losses[lowest]:
        return found
    most = curve.lrs[-1] / BELOW_END_FACTOR
    lr = min(found.lr, float(min(most, curve.lrs[lowest]) if paired else most))
    return Reading(lr, min(found.low, lr), max(found.high, lr))


def _thinned(curve: FinitePart) -> FinitePart:
    """Average groups of neighbors so that at most ``MAX_POINTS`` remain; a rate is their geometric mean."""
    group = -(-len(curve.lrs) // MAX_POINTS)
    if group <= 1:
        return curve
    ends = np.arange(0, len(curve.lrs), group)
    counts = np.diff(np.append(ends, len(curve.lrs)))
    rates = np.exp(np.add.reduceat(np.log(curve.lrs), ends) / counts)
    return FinitePart(rates, np.add.reduceat(curve.losses, ends) / counts)
