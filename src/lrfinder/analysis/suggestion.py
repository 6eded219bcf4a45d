"""A rate from one curve alone, with what its noise leaves open; or the reason why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lrfinder.analysis.curve import FinitePart, finite_part
from lrfinder.analysis.landmarks import FEWEST, Shape, shape
from lrfinder.analysis.rules import half_edge
from lrfinder.analysis.smoothing import spread
from lrfinder.records import Status, Suggestion

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FEWEST_DECADES = 0.5  # less is narrower than what the curve is smoothed over
MOST_POINTS = 2000  # more are averaged first: they cost time and say nothing new
CLOSE = 2.0  # standard errors of a difference, within which two smoothed losses may be one
SURE_OF_RISE = 3.0  # standard deviations of the number of rising pairs less that of falling ones
LEAST_FACTOR = 2**0.5  # half an octave to each side: no single curve is surer than that


def suggestion_from_curve(lrs: ArrayLike, losses: ArrayLike) -> Suggestion:
    """The rate of :func:`lrfinder.analysis.rules.half_edge`, where the curve can carry one; never raises.

    The interval reaches over all rates whose smoothed loss is within two standard errors of the lowest; it is never
    narrower than an octave, and stays within the rates tried. It tells what the noise of this one curve leaves open, and not
    how far the rule is from the best rate: confidence is always ``"low"``.

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
    lr = half_edge(*curve)
    low, high = _interval(seen, seen.lowest, lr)
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


def _interval(seen: Shape, lowest: int, lr: float) -> tuple[float, float]:
    """The rates whose loss noise alone could have kept above the lowest; half an octave below where it diverges at most."""
    difference = CLOSE * np.sqrt(2) * seen.noise * spread(seen.lrs)
    close = seen.lrs[: seen.diverges][(seen.smoothed - seen.smoothed[lowest] <= difference)[: seen.diverges]]
    edge = np.inf if seen.diverges is None else seen.lrs[seen.diverges]
    low, high = min(close[0], lr / LEAST_FACTOR), max(min(close[-1], edge / LEAST_FACTOR), lr * LEAST_FACTOR)
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
