"""What to draw of a range test, computed apart from drawing it: every view shows the same curve within the same limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from lrfinder._results.records import Settings, Stop
from lrfinder._results.results import RangeTest
from lrfinder.analysis.smoothing import smooth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lrfinder._results.records import Record

Limits = tuple[float, float]

LARGEST = 1e300  # matplotlib adds margins to limits and loses its way where that overflows
SMALLEST = 1e-300  # and where a logarithmic axis reaches numbers that are no longer normal
RATES = 1e-100, 1e100  # matplotlib labels no logarithmic axis that ends much beyond these; nor is there such a rate
DECADES_FOR_SYMLOG = 2  # a loss that falls through fewer than these before it is negative is plainer on a linear axis


@dataclass(frozen=True)
class LossAxis:
    """The part of the losses that is shown, and how they are spaced.

    ``linear_below`` is the magnitude below which a ``"symlog"`` axis is linear.
    """

    limits: Limits
    scale: Literal["log", "symlog", "linear"]
    linear_below: float = 1.0

    def height(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where losses lie on the axis: 0 at its bottom, 1 at its top; below 0 or above 1 outside of it."""
        bottom, top = self.limits
        span = top - bottom
        near = np.clip(losses, bottom - span, top + span)  # one span outside is as good as 1e308, and does not overflow
        low, high = self._spaced(np.array(self.limits))
        return (self._spaced(near) - low) / (high - low)

    def shown(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        """The losses moved to the nearest limit where they lie outside; NaN and infinities at the top."""
        low, high = self.limits
        return np.clip(np.where(np.isfinite(losses), losses, high), low, high)

    def _spaced(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.scale == "linear":
            return losses
        if self.scale == "log":
            return np.log10(np.maximum(losses, SMALLEST))
        return np.sign(losses) * np.log10(1 + np.abs(losses) / self.linear_below)


@dataclass(frozen=True)
class Band:
    """The suggested rate and its interval."""

    lr: float
    low: float
    high: float


@dataclass(frozen=True)
class Stopped:
    """Where and why the sweep ended; ``loss`` is moved into the limits."""

    lr: float
    loss: float
    why: str


@dataclass(frozen=True)
class Curve:
    """All that is drawn of a range test.

    ``iterations`` (counted from 0), ``lrs``, ``losses`` and ``smoothed`` have one length and rising rates; records that no
    logarithmic axis can show (a loss that is not finite, a rate of 0) are not among them. ``x_limits`` are the rates tried.
    """

    title: str
    iterations: NDArray[np.int_]
    lrs: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    x_limits: Limits
    loss_axis: LossAxis
    band: Band | None
    stopped: Stopped | None

    def across(self, lrs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where rates lie on the logarithmic rate axis: 0 at its left end, 1 at its right end."""
        low, high = np.log10(self.x_limits)
        return (np.log10(lrs) - low) / (high - low)


def curve(result: RangeTest) -> Curve:
    """What to draw of ``result``, whatever its losses are: none, one, equal, negative, huge, NaN."""
    drawable = np.flatnonzero(np.isfinite(result.losses) & (result.lrs > 0))
    iterations = drawable[np.argsort(result.lrs[drawable], kind="stable")]  # rates= may come in any order
    lrs, losses = result.lrs[iterations], result.losses[iterations]
    loss_axis = axis_of(result.losses)
    return Curve(
        title=_title(result),
        iterations=iterations,
        lrs=lrs,
        losses=losses,
        smoothed=_smoothed(lrs, loss_axis.shown(losses)),  # an explosion, averaged in, would lift the losses before it
        x_limits=_rates_tried(result),
        loss_axis=loss_axis,
        band=_band(result),
        stopped=_stopped(result, loss_axis),
    )


def curve_so_far(records: Sequence[Record]) -> Curve:
    """What to draw of a sweep that is not at its end; of a search, the sweep that it began with.

    The title tells the last record.
    """
    rising = 1 + next((k for k, (one, next_one) in enumerate(pairwise(records)) if next_one.lr <= one.lr), len(records))
    swept = RangeTest(tuple(records[:rising]), Stop.LAST_RATE, Settings(None, None, None, len(records), 0.0, ""))
    lr, loss = records[-1] if records else (math.nan, math.nan)
    where = "" if rising > len(records) else f"after the sweep, {len(records) - len(swept)} iterations: "
    return replace(curve(swept), title=f"{where}rate {lr:.3g}, loss {loss:.4g}", band=None, stopped=None)


def _title(result: RangeTest) -> str:
    suggestion = result.suggestion
    outcome = f"no suggestion ({suggestion.status})" if suggestion.lr is None else f"{suggestion.lr:.3g} suggested"
    return f"Learning-rate range test: {outcome}"


def axis_of(losses: NDArray[np.float64]) -> LossAxis:
    """The axis for losses in the order in which they came, those that are not finite left out.

    Positive losses: logarithmic, from 0.8 times the lowest to 4 times the first, as in the Learning Rate Finder tutorial of
    MXNet Gluon. Otherwise factors mean nothing, and the drop below the first loss is the unit: there is room for one and
    a half above it. Where a loss falls by orders of magnitude before it turns negative, the axis is logarithmic but around
    0.
    """
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return LossAxis((0.1, 10.0), "log")
    first, lowest, highest = float(finite[0]), float(finite.min()), float(finite.max())
    if lowest > 0:
        low, high = _within(0.8 * lowest), _within(4 * first)
        return LossAxis((low, high) if low < high else (low / 4, high * 4), "log")
    linear_below = max(-lowest, first / 1000)
    if first > linear_below * 10**DECADES_FOR_SYMLOG:
        return LossAxis((_within(lowest - linear_below / 2), _within(4 * first)), "symlog", linear_below)
    return LossAxis(_linear_limits(first, lowest, highest), "linear")


def _linear_limits(first: float, lowest: float, highest: float) -> Limits:
    first, lowest, highest = _within(first), _within(lowest), _within(highest)
    drop = first - lowest
    if drop > 0:
        return _within(lowest - drop / 5), _within(first + 1.5 * drop)
    rise = (highest - lowest) or max(abs(first) / 2, 1.0)
    return _within(lowest - rise / 5), _within(lowest + rise * 1.2)


def _within(value: float) -> float:
    """The nearest number that an axis can end at."""
    if 0 < value < SMALLEST:
        return SMALLEST
    return min(max(value, -LARGEST), LARGEST)


def _rates_tried(result: RangeTest) -> Limits:
    lrs = result.lrs[result.lrs > 0]
    ends = (lrs.min(), lrs.max()) if len(lrs) else (result.settings.lr_start or 1e-6, result.settings.lr_end or 10.0)
    low, high = (float(np.clip(end, *RATES)) for end in ends)
    return (low, high) if low < high else (low / 2, low * 2)


def _smoothed(lrs: NDArray[np.float64], losses: NDArray[np.float64]) -> NDArray[np.float64]:
    return smooth(lrs, losses) if len(lrs) else losses


def _band(result: RangeTest) -> Band | None:
    lr, low, high = result.suggestion.lr, result.suggestion.low, result.suggestion.high
    return None if lr is None or low is None or high is None else Band(lr, low, high)


def _stopped(result: RangeTest, loss_axis: LossAxis) -> Stopped | None:
    if not len(result) or not result.lrs[-1] > 0:
        return None
    return Stopped(float(result.lrs[-1]), float(loss_axis.shown(result.losses[-1:])[0]), result.stop.value)
