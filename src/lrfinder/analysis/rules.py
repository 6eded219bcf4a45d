"""Rules that read one rate off a curve, each a function ``(lrs, losses) -> lr``, interchangeable.

They take the raw losses and read the same smoothed curve (:func:`lrfinder.analysis.smoothing.smooth`, without lag), so that
what differs is the rule alone. What a peer would have answered depends on its own sweep and smoothing besides.

Every rule raises :class:`lrfinder.errors.CurveError` for a curve that it cannot read.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

from lrfinder.analysis.curve import finite_part
from lrfinder.analysis.landmarks import FEWEST, landmarks
from lrfinder.analysis.smoothing import smooth
from lrfinder.errors import CurveError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    Rule = Callable[[ArrayLike, ArrayLike], float]


def half_edge(lrs: ArrayLike, losses: ArrayLike) -> float:
    """The highest rate at which the loss still falls, and at most half of the one at which it diverges.

    Where the loss does not diverge, the last rate stands for the edge.

    Source: the Learning Rate Finder tutorial of MXNet Gluon, which takes 0.05 for an edge near 0.1 by eye; here "still
    falls" ends at the lowest smoothed loss and "diverges" is that of :class:`lrfinder.analysis.landmarks.Landmarks`.
    """
    seen = landmarks(lrs, losses)
    if seen.lowest is None:
        message = "The loss falls nowhere by more than its noise, so that no rate stands out; compare a few rates directly."
        raise CurveError(message)
    edge = float(finite_part(lrs, losses).lrs[-1]) if seen.diverges is None else seen.diverges
    return min(seen.lowest, edge / 2)


def steepest(lrs: ArrayLike, losses: ArrayLike) -> float:
    """Where the loss falls fastest per decade of rate.

    Source: fastai, ``steep`` in ``fastai/callback/schedule.py``, which takes the difference of neighbours for the slope.
    """
    rates, smoothed = _smoothed(lrs, losses)
    return float(rates[np.gradient(smoothed, np.log10(rates)).argmin()])


def minimum(lrs: ArrayLike, losses: ArrayLike) -> float:
    """A tenth of the rate at which the loss is lowest.

    Source: fastai, ``minimum`` in ``fastai/callback/schedule.py``.
    """
    rates, smoothed = _smoothed(lrs, losses)
    return float(rates[smoothed.argmin()]) / 10


def valley(lrs: ArrayLike, losses: ArrayLike) -> float:
    """About the middle of the longest valley: the longest run of ever lower losses, other losses between them allowed.

    With its end at place e and L losses in it, it is taken to begin at e - L, and the rate is that at a third and a sixth of
    the way.

    Source: fastai, ``valley`` in ``fastai/callback/schedule.py`` (by ESRI), its default. There it takes time that grows with
    the square of the number of losses; here n log n.
    """
    rates, smoothed = _smoothed(lrs, losses)
    lengths = _longest_falls(smoothed)
    end = int(lengths.argmax())
    start = end - int(lengths[end])
    section = (end - start) / 3
    return float(rates[max(0, start + int(section) + int(section / 2))])


def slide(lrs: ArrayLike, losses: ArrayLike, *, window: int = 15, threshold: float = 0.005) -> float:
    """Slide a window down from the highest rate while the slopes at its two ends differ; the rate at its lower end.

    Slopes are per iteration, ``threshold`` is in units of loss: unlike the other rules, this one is not indifferent to the
    scale of the loss.

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
    """What each rule says, by its name; ``None`` where it cannot read the curve. Never raises."""
    return {name: _answer(rule, lrs, losses) for name, rule in RULES.items()}


def _answer(rule: Rule, lrs: ArrayLike, losses: ArrayLike) -> float | None:
    try:
        return rule(lrs, losses)
    except CurveError:
        return None


def _smoothed(lrs: ArrayLike, losses: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    curve = finite_part(lrs, losses)
    if len(curve.lrs) < FEWEST:
        message = f"The curve has {len(curve.lrs)} different rates with a finite loss; a rule needs at least {FEWEST}."
        raise CurveError(message)
    return curve.lrs, smooth(curve.lrs, curve.losses)


def _longest_falls(losses: NDArray[np.float64]) -> NDArray[np.int_]:
    """Of each loss, the length of the longest falling subsequence that ends with it (Fredman 1975, patience sorting)."""
    tops: list[float] = []  # of the falls of each length, the highest last loss, negated: rising
    lengths = np.empty(len(losses), dtype=np.int_)
    for place, loss in enumerate((-losses).tolist()):
        pile = bisect_left(tops, loss)
        tops[pile : pile + 1] = [loss]
        lengths[place] = pile + 1
    return lengths
