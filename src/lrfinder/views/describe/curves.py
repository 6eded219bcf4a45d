"""Axes for losses, rates and iterations: every back end shows the same part of a result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lrfinder.analysis.smoothing import training_line
from lrfinder.views.describe.description import SMALLEST, Axis, Limits, Look, Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from lrfinder.views.describe.description import Scale

LARGEST = 1e300  # matplotlib adds margins to limits, and fails if these overflow
RATES = 1e-100, 1e100  # matplotlib cannot label a logarithmic axis that ends much beyond these
USUAL_RATES = 1e-6, 10.0
USUAL_LOSSES = 0.1, 10.0
DECADES_FOR_SYMLOG = 2  # a loss that falls through fewer before it turns negative is clearer on a linear axis
EVEN = 1e-3  # part of a step by which even ones may differ
MARGIN = 1.4  # factor between the outermost points and the ends of a logarithmic axis


def iteration_axis(iterations: int) -> Axis:
    """Return an axis of iterations, counted from 0."""
    return Axis("iteration", (0.0, max(1.0, iterations - 1.0)), ("linear",))


def rate_axis(rates: Sequence[float] | NDArray[np.float64], margin: float = 1.0) -> Axis:
    """Return an axis from the lowest to the highest positive rate, each moved outward by the factor ``margin``."""
    given = np.asarray(rates, dtype=np.float64)
    positive = np.clip(given[given > 0], *RATES)
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else USUAL_RATES
    low, high = low / margin, high * margin
    return Axis("learning rate", (low, high) if low < high else (low / 2, low * 2), ("log", "linear"))


def swept_axis(rates: NDArray[np.float64]) -> Axis:
    """Return the axis of a sweep in the order of its rates: linear if they rise in even steps, as they then lie even."""
    axis = rate_axis(rates)
    steps = np.diff(rates)
    even = len(steps) > 1 and float(steps.min()) > 0 and np.allclose(steps, steps[0], rtol=EVEN)
    return replace(axis, scales=axis.scales[::-1]) if even else axis


def loss_axis(losses: NDArray[np.float64]) -> Axis:
    """Return an axis for losses in the order in which they were measured; losses that are not finite are ignored.

    Positive losses get a logarithmic axis from 0.8 times the lowest to 4 times the first, as in the Learning Rate Finder
    tutorial of MXNet Gluon. Otherwise factors mean nothing, and the unit is the drop below the first loss: the axis reaches
    one and a half drops above it. If a loss falls by orders of magnitude before it turns negative, the axis is linear around
    0 and logarithmic beyond.
    """
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return loss_axis_of(USUAL_LOSSES, "log")
    first, lowest, highest = float(finite[0]), float(finite.min()), float(finite.max())
    if lowest > 0:
        low, high = _within(0.8 * lowest), _within(4 * first)
        return loss_axis_of((low, high) if low < high else (low / 4, high * 4), "log")
    linear_below = max(-lowest, first / 1000)
    if first > linear_below * 10**DECADES_FOR_SYMLOG:
        return loss_axis_of((_within(lowest - linear_below / 2), _within(4 * first)), "symlog", linear_below)
    first, lowest, highest = _within(first), _within(lowest), _within(highest)
    drop, rise = first - lowest, (highest - lowest) or max(abs(first) / 2, 1.0)
    limits = (lowest - drop / 5, first + 1.5 * drop) if drop > 0 else (lowest - rise / 5, lowest + rise * 1.2)
    return loss_axis_of((_within(limits[0]), _within(limits[1])), "linear")


def loss_axis_around(losses: NDArray[np.float64]) -> Axis:
    """Return an axis that ends a little beyond the lowest and the highest of finite losses."""
    if not len(losses):
        return loss_axis_of(USUAL_LOSSES, "log")
    low, high = float(losses.min()), float(losses.max())
    if low > 0:
        low, high = _within(low / MARGIN), _within(high * MARGIN)
        return loss_axis_of((low, high) if low < high else (low / 4, high * 4), "log")
    margin = (high - low or abs(high) or 1.0) / 10
    return loss_axis_of((low - margin, high + margin), "linear")


def common_loss_axis(axes: Sequence[Axis]) -> Axis:
    """Return one axis that holds all that these do."""
    limits = (min(axis.limits[0] for axis in axes), max(axis.limits[1] for axis in axes))
    return loss_axis_of(limits, "log" if all(axis.scale == "log" for axis in axes) else "linear")


def loss_axis_of(limits: Limits, scale: Scale, linear_below: float = 0.0) -> Axis:
    """Return a loss axis: readers can switch a logarithmic one to linear, and a linear one to symlog."""
    scales: tuple[Scale, ...] = ("linear", "symlog") if scale == "linear" else (scale, "linear")
    return Axis("loss", limits, scales, linear_below or max(map(abs, limits)) / 1000 or 1.0)


def _within(value: float) -> float:
    """Return the nearest number at which an axis can end."""
    if 0 < value < SMALLEST:
        return SMALLEST
    return min(max(value, -LARGEST), LARGEST)


CLOSE, ASIDE = 0.02, 0.015  # parts of an axis: points that are closer cover one another; by how much one is moved


def beside_each_other(series: Sequence[Series], x: Axis, y: Axis) -> list[Series]:
    """Return the series with places to the right of their points where those of an earlier series would be covered."""
    occupied: list[tuple[float, float]] = []
    placed: list[Series] = []
    for one in series:
        across, up = x.position(one.x), y.position(one.y)
        for at, height in enumerate(up.tolist()):
            while any(abs(height - h) < CLOSE and abs(across[at] - a) < ASIDE for a, h in occupied):
                across[at] += ASIDE
        occupied += zip(across.tolist(), up.tolist(), strict=True)
        moved = across != x.position(one.x)
        placed.append(replace(one, places=np.where(moved, x.value(across), one.x)) if moved.any() else one)
    return placed


SMOOTHED_FRACTION = 20  # a training is smoothed over a twentieth of it


def training_series(group: str, losses: NDArray[np.float64], look: Look) -> tuple[Series, Series]:
    """Return the losses before the first that is not finite, and a smoothed line through them."""
    finite = finite_beginning(losses)
    iterations = np.arange(len(finite), dtype=np.float64)
    smoothed = training_line(finite, len(losses) // SMOOTHED_FRACTION)
    return (
        Series("loss of a batch", group, "raw", "line", Look(look.color, width=0.7, opacity=0.25), iterations, finite),
        Series("smoothed", group, "smoothed", "line", look, iterations, smoothed),
    )


def trainings_axis(by_iteration: NDArray[np.float64], lines: Iterable[Series]) -> Axis:
    """Return an axis for trainings, given all losses in order, that ends little above their highest line."""
    axis = loss_axis(by_iteration)
    low, top = axis.limits
    highest = max((float(line.y.max()) for line in lines if len(line.y)), default=top)
    above = highest * MARGIN if axis.scale == "log" else highest + (highest - low) / 10
    return replace(axis, limits=(low, above)) if low < above < top else axis


def finite_beginning(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the losses before the first that is not finite."""
    broken = np.flatnonzero(~np.isfinite(losses))
    return losses[: int(broken[0])] if len(broken) else losses


def curves_by_rate(name: str, trainings: Iterable[tuple[float, Sequence[float]]]) -> dict[str, Sequence[float]]:
    """Return the losses of trainings by the names that boards log them under; a repeated rate gets a number."""
    curves: dict[str, Sequence[float]] = {}
    for lr, losses in trainings:
        rate = f"{name}_at_{lr:.6g}".replace("+", "")
        again = sum(known.partition("_again_")[0] == rate for known in curves)
        curves[f"{rate}_again_{again}" if again else rate] = losses
    return curves
