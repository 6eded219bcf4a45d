"""A rate from one curve alone, with what its noise leaves open; or the reason why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import Status
from lrfinder._results.results import Suggestion
from lrfinder.analysis.curve import FinitePart, finite_part
from lrfinder.analysis.landmarks import FEWEST, Shape, shape
from lrfinder.analysis.smoothing import spread

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FEWEST_DECADES = 0.5  # less is narrower than what the curve is smoothed over
MOST_POINTS = 2000  # more are averaged first: they cost time and say nothing new
CLOSE = 2.0  # standard errors of a difference, within which two smoothed losses may be one
SURE_OF_RISE = 3.0  # standard deviations of the number of rising pairs less that of falling ones
BELOW_LOWEST = 8.0  # the sweep is lowest at a rate this many times too high for a training of some hundred iterations
FARTHEST = 20.0  # and as many times at most in nine of ten development runs; hardly ever too low


def suggestion_from_curve(lrs: ArrayLike, losses: ArrayLike) -> Suggestion:
    """An eighth of the rate at which the smoothed loss is lowest, where the curve can carry one; never raises.

    The interval reaches from a twentieth of that rate to that rate itself, which held the best rate in four of five of the
    trainings that it was measured on, and over what the noise of this curve leaves open; it stays within the rates tried.
    Confidence is always ``"low"``.

    Args:
        lrs: the rates, shape ``(n,)``.
        losses: the raw losses, shape ``(n,)``; may be NaN or infinite.
    """
    iterations = np.size(losses)
    curve = _thinned(finite_part(lrs, losses))
    refusal = _too_little(curve, broke=not np.isfinite(losses).all())
    if refusal is not None:
        return _none(refusal, iterations)
    seen = shape(curve)
    if seen.lowest is None:
        return _none(_why_no_fall(curve, seen), iterations)
    lr = max(float(curve.lrs[seen.lowest]) / BELOW_LOWEST, float(curve.lrs[0]))
    low, high = _interval(seen, seen.lowest)
    return Suggestion(lr, low, high, "low", Status.OK, _notes(seen), iterations)


def _too_little(curve: FinitePart, *, broke: bool) -> Status | None:
    if len(curve.lrs) < FEWEST:
        return Status.UNSTABLE if broke else Status.TOO_FEW_POINTS
    return Status.TOO_FEW_POINTS if curve.decades < FEWEST_DECADES else None


def _why_no_fall(curve: FinitePart, seen: Shape) -> Status:
    if _rises(curve.losses[: max(FEWEST, len(curve.losses) // 10)]):
        return Status.UNSTABLE
    if seen.diverges is not None:
        return Status.NO_DESCENT
    repeats = len(np.unique(curve.losses)) <= len(curve.losses) / 3  # the same few batches, the same few losses
    return Status.NO_EFFECT if repeats else Status.LOW_SIGNAL


def _rises(losses: NDArray[np.float64]) -> bool:
    """Whether later losses are higher than earlier ones more often than chance would have it (Mann 1945, Kendall's S).

    It asks for the order alone, so that an explosion says no more than a gentle rise.
    """
    n = len(losses)
    score = np.sign(losses[None, :] - losses[:, None])[np.triu_indices(n, 1)].sum()
    return bool(score > SURE_OF_RISE * np.sqrt(n * (n - 1) * (2 * n + 5) / 18))


def _none(status: Status, iterations: int) -> Suggestion:
    return Suggestion(None, None, None, "low", status, (), iterations)


def _notes(seen: Shape) -> tuple[str, ...]:
    at_boundary = seen.lowest == len(seen.lrs) - 1
    notes = {"at the boundary": at_boundary, "never diverges": seen.diverges is None}
    return tuple(note for note, holds in notes.items() if holds)


def _interval(seen: Shape, lowest: int) -> tuple[float, float]:
    """Around the lowest as far as the rule was off, and as far as noise alone could have moved the lowest."""
    difference = CLOSE * np.sqrt(2) * seen.noise * spread(seen.lrs)
    close = seen.lrs[: seen.diverges][(seen.smoothed - seen.smoothed[lowest] <= difference)[: seen.diverges]]
    low, high = min(close[0] / BELOW_LOWEST, seen.lrs[lowest] / FARTHEST), max(close[-1], seen.lrs[lowest])
    return max(float(low), float(seen.lrs[0])), min(float(high), float(seen.lrs[-1]))


def _thinned(curve: FinitePart) -> FinitePart:
    """Means of as many neighbours each as leave ``MOST_POINTS`` or fewer; a rate is their geometric mean."""
    group = -(-len(curve.lrs) // MOST_POINTS)
    if group <= 1:
        return curve
    ends = np.arange(0, len(curve.lrs), group)
    counts = np.diff(np.append(ends, len(curve.lrs)))
    rates = np.exp(np.add.reduceat(np.log(curve.lrs), ends) / counts)
    return FinitePart(rates, np.add.reduceat(curve.losses, ends) / counts)
