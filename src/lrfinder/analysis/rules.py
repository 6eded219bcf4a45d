"""Rules of other finders: interchangeable functions ``(lrs, losses) -> lr`` that read one rate off a curve.

They read the raw losses through the same smoothing (:func:`lrfinder.analysis.smoothing.smooth`, without lag), so that only
the rules differ. A sweep whose rates are too far apart to smooth is read as it is. The answer of another finder also depends
on its own sweep and smoothing.

Every rule raises :class:`lrfinder.errors.CurveError` for a curve that it cannot read.
"""

from __future__ import annotations

from bisect import bisect_left
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from lrfinder.analysis.curve import finite_part
from lrfinder.analysis.landmarks import MIN_RATES, landmarks
from lrfinder.analysis.smoothing import is_coarse, smooth
from lrfinder.errors import CurveError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    Rule = Callable[[ArrayLike, ArrayLike], float]


def half_edge(lrs: ArrayLike, losses: ArrayLike) -> float:
    """Return the highest rate at which the loss still falls, at most half the edge: the rate at which it diverges.

    The edge of a loss that does not diverge is the last rate.

    Source: the Learning Rate Finder tutorial of MXNet Gluon, which chooses 0.05 by eye for an edge near 0.1. Here the loss
    falls up to its lowest smoothed value, and :class:`lrfinder.analysis.landmarks.Landmarks` defines where it diverges.
    """
    seen = landmarks(lrs, losses)
    if seen.lowest is None:
        message = "The loss falls nowhere by more than its noise, so that no rate stands out; compare a few rates directly."
        raise CurveError(message)
    edge = float(finite_part(lrs, losses).lrs[-1]) if seen.diverges is None else seen.diverges
    return min(seen.lowest, edge / 2)


def steepest(lrs: ArrayLike, losses: ArrayLike) -> float:
    """Return the rate at which the loss falls fastest per decade of rate.

    Source: fastai, ``steep`` in ``fastai/callback/schedule.py``, whose slope is the difference of neighbors.
    """
    rates, smoothed = _smoothed(lrs, losses)
    return float(rates[np.gradient(smoothed, np.log10(rates)).argmin()])


def minimum(lrs: ArrayLike, losses: ArrayLike) -> float:
    """Return a tenth of the rate at which the loss is lowest.

    Source: fastai, ``minimum`` in ``fastai/callback/schedule.py``.
    """
    rates, smoothed = _smoothed(lrs, losses)
    return float(rates[smoothed.argmin()]) / 10


def valley(lrs: ArrayLike, losses: ArrayLike) -> float:
    """Return the rate near the middle of the longest valley: the longest falling subsequence of the losses.

    A valley of L losses that ends at index e begins at e - L; the rate is the one at a third plus a sixth of its length.

    Source: fastai, ``valley`` in ``fastai/callback/schedule.py`` (by ESRI), its default. For n losses, that one takes time
    of order n squared, this one n log n.
    """
    rates, smoothed = _smoothed(lrs, losses)
    lengths = _longest_falls(smoothed)
    end = int(lengths.argmax())
    start = end - int(lengths[end])
    section = (end - start) / 3
    return float(rates[max(0, start + int(section) + int(section / 2))])


def slide(lrs: ArrayLike, losses: ArrayLike, *, window: int = 15, threshold: float = 0.005) -> float:
    """Slide a window down from the highest rate while the slopes at its ends differ, and return the rate at its lower end.

    Slopes are per iteration and ``threshold`` is in units of loss, so that this rule alone depends on the scale of the loss.

    Source: fastai, ``slide`` in ``fastai/callback/schedule.py`` (by A. Chang).
    """
    rates, smoothed = _smoothed(lrs, losses)
    if len(rates) <= window:
        message = f"The curve has {len(rates)} different rates with a finite loss; slide needs more than {window}."
        raise CurveError(message)
    slope = np.gradient(smoothed)
    settled = np.abs(slope[window:] - slope[:-window]) <= threshold
    below = np.flatnonzero(settled)
    if not len(below):
        return float(rates[0])
    return float(rates[min(below[-1] + 1, len(settled) - 1)])


RULES: Mapping[str, Rule] = {
    "half the edge": half_edge,
    "steepest": steepest,
    "minimum / 10": minimum,
    "valley": valley,
    "slide": slide,
}


def answers(lrs: ArrayLike, losses: ArrayLike) -> dict[str, float | None]:
    """Return the rate of each rule by its name, ``None`` where it cannot read the curve; never raise."""
    found: dict[str, float | None] = dict.fromkeys(RULES)
    for name, rule in RULES.items():
        with suppress(CurveError):
            found[name] = rule(lrs, losses)
    return found


def _smoothed(lrs: ArrayLike, losses: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    curve = finite_part(lrs, losses)
    if len(curve.lrs) < MIN_RATES:
        message = f"The curve has {len(curve.lrs)} different rates with a finite loss; a rule needs at least {MIN_RATES}."
        raise CurveError(message)
    return curve.lrs, curve.losses if is_coarse(curve.lrs) else smooth(curve.lrs, curve.losses)


def _longest_falls(losses: NDArray[np.float64]) -> NDArray[np.int_]:
    """Return the length of the longest falling subsequence that ends at each loss (Fredman 1975, patience sorting)."""
    tops: list[float] = []  # for each length, the highest last loss of such a subsequence, negated: a rising list
    lengths = np.empty(len(losses), dtype=np.int_)
    for index, loss in enumerate((-losses).tolist()):
        pile = bisect_left(tops, loss)
        tops[pile : pile + 1] = [loss]
        lengths[index] = pile + 1
    return lengths
