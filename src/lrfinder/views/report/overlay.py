"""Several runs over one another, and how they differ."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np

from lrfinder._grid.result import Grid
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.views.describe.comparison import comparison_axis
from lrfinder.views.describe.curve import LossAxis, curve
from lrfinder.views.describe.grid import settings_told
from lrfinder.views.report.drawing import MARGIN, band_of, sweep_series
from lrfinder.views.report.figures import Figure, Look, Mark, Series, loss_axis_of, rate_axis_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lrfinder.views.describe.curve import Curve

Row = tuple[str, ...]
HEADER: Row = ("run", "rate", "interval", "against the first", "lowest loss", "at rate", "diverges at")


def overlay(runs: Mapping[str, Result]) -> Sequence[Figure]:
    """The sweeps of all runs in one figure, and the ends of all comparisons in another; those of which there are several."""
    sweeps = {name: curve(sweep) for name, run in runs.items() if (sweep := sweep_of(run)) is not None}
    comparisons = {name: run for name, run in runs.items() if isinstance(run, Comparison)}
    figures = [_sweeps(sweeps, runs)] if len(sweeps) > 1 else []
    return [*figures, _ends(comparisons)] if len(comparisons) > 1 else figures


def differences(runs: Mapping[str, Result]) -> list[Row]:
    """A row for each run, under :data:`HEADER`: its rate beside the first that was suggested, and its lowest loss."""
    rates = (rate for run in runs.values() if (rate := rate_of(run)) is not None)
    first = next((rate for rate in rates if rate.lr is not None), None)
    return [(name, *_row(run, first)) for name, run in runs.items()]


def sweep_of(result: Result) -> RangeTest | None:
    """The sweep in a result."""
    if isinstance(result, Suggestion):
        return result.curve
    return result if isinstance(result, RangeTest) else None


def rate_of(result: Result) -> Suggestion | None:
    """What a result suggests; a comparison suggests nothing."""
    if isinstance(result, RangeTest):
        return result.suggestion
    return result if isinstance(result, Suggestion) else None


def _sweeps(sweeps: Mapping[str, Curve], runs: Mapping[str, Result]) -> Figure:
    lows, highs = zip(*(drawn.x_limits for drawn in sweeps.values()), strict=True)
    series: list[Series] = []
    marks: list[Mark] = []
    for row, (name, drawn) in enumerate(sweeps.items()):
        look = Look.of(row)
        series += sweep_series(drawn, name, Look(look.colour, opacity=0.5), Look(look.colour, look.dash, 2.2))
        rate = cast("Suggestion", rate_of(runs[name]))
        if (band := band_of(rate)) is not None:
            marks.append(Mark("rate", f"{name}: {band.lr:.3g} suggested", band.lr, look=look, group=name))
    words = f"The sweeps of {len(sweeps)} runs over one another: {', '.join(sweeps)}."
    x = rate_axis_of((min(lows), max(highs)))
    y = loss_axis_of(_one_for_all([drawn.loss_axis for drawn in sweeps.values()]))
    return Figure("The sweeps over one another", words, x, y, series, marks)


def _ends(comparisons: Mapping[str, Comparison]) -> Figure:
    series: list[Series] = []
    for row, (name, comparison) in enumerate(comparisons.items()):
        final = comparison.final()
        shown = np.flatnonzero(np.isfinite(final) & (comparison.lrs > 0))
        rising = shown[np.argsort(comparison.lrs[shown], kind="stable")]
        series.append(Series(name, name, "ends", "both", Look.of(row), comparison.lrs[rising], final[rising]))
    lrs = np.concatenate([one.x for one in series])
    limits = (float(lrs.min() / MARGIN), float(lrs.max() * MARGIN)) if len(lrs) else (1e-6, 10.0)
    top = _one_for_all([comparison_axis(comparison) for comparison in comparisons.values()]).limits[1]
    axis = _around(np.concatenate([one.y[one.y <= top] for one in series]))
    words = "The mean loss of the last tenth of each training, against its learning rate."
    return Figure("Where the trainings ended", words, rate_axis_of(limits), loss_axis_of(axis), series)


def _around(losses: NDArray[np.float64]) -> LossAxis:
    """An axis that holds these losses, with room around them."""
    if not len(losses):
        return LossAxis((0.1, 10.0), "log")
    low, high = float(losses.min()), float(losses.max())
    if low > 0:
        return LossAxis((low / MARGIN, high * MARGIN), "log")
    room = (high - low or abs(high) or 1.0) / 10
    return LossAxis((low - room, high + room), "linear")


def _one_for_all(axes: Sequence[LossAxis]) -> LossAxis:
    limits = (min(axis.limits[0] for axis in axes), max(axis.limits[1] for axis in axes))
    return LossAxis(limits, "log" if all(axis.scale == "log" for axis in axes) else "linear")


def _row(run: Result, first: Suggestion | None) -> Row:
    if isinstance(run, Comparison):
        return _of_comparison(run)
    return _of_grid(run) if isinstance(run, Grid) else _of_search(run, first)


def _of_grid(run: Grid) -> Row:
    told = run.recommended
    if told is None:
        return ("no recommendation", *["-"] * 5)
    over_seeds = f"{told.low:.3g} to {told.high:.3g} over seeds"
    return f"{told.lr:.3g} with {settings_told(told.settings)}", over_seeds, "-", f"{told.combination.lowest:.4g}", "-", "-"


def _of_comparison(run: Comparison) -> Row:
    if run.best is None:
        return ("none reached its end", *["-"] * 5)
    ties = ", ".join(f"{lr:.3g}" for lr in run.tied)
    return (
        f"{run.best:.3g} ended lowest",
        f"ties with {ties}" if ties else "-",
        "-",
        f"{run.final().min():.4g}",
        f"{run.best:.3g}",
        "-",
    )


def _of_search(run: Result, first: Suggestion | None) -> Row:
    return (*_rate_columns(cast("Suggestion", rate_of(run)), first), *_curve_columns(sweep_of(run)))


def _rate_columns(rate: Suggestion, first: Suggestion | None) -> Row:
    if rate.lr is None or rate.low is None or rate.high is None:
        return "none", str(rate.status), "-"
    return f"{rate.lr:.3g}", f"{rate.low:.3g} to {rate.high:.3g}", _against(rate, first)


def _against(rate: Suggestion, first: Suggestion | None) -> str:
    """How many times as high, and whether the two can be told apart."""
    bands = [band for one in (rate, first) if one is not None and (band := band_of(one)) is not None]
    if first is None or rate is first or len(bands) < len((rate, first)):
        return "-"
    lower, higher = next(pairwise(sorted(bands, key=lambda band: band.low)))
    told = "apart" if lower.high < higher.low else "intervals overlap"
    return f"{bands[0].lr / bands[1].lr:.3g} times, {told}" if bands[1].lr else told


def _curve_columns(sweep: RangeTest | None) -> Row:
    drawn = None if sweep is None else curve(sweep)
    if sweep is None or drawn is None or not len(drawn.lrs):
        return "-", "-", "-"
    lowest, diverges = int(drawn.smoothed.argmin()), sweep.landmarks.diverges
    return f"{drawn.smoothed[lowest]:.4g}", f"{drawn.lrs[lowest]:.3g}", "not seen" if diverges is None else f"{diverges:.3g}"
