"""The figures of one result."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._grid.result import Grid
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.views.describe.comparison import comparison_axis, headline, running_mean, trainings
from lrfinder.views.describe.curve import Band, axis_of, curve
from lrfinder.views.describe.grid import grid_title
from lrfinder.views.describe.probes import ends_at, probe_ends, suggestion_axis, suggestion_title, under
from lrfinder.views.report.figures import (
    SUGGESTED,
    Figure,
    Look,
    Mark,
    Series,
    iteration_axis_of,
    loss_axis_of,
    rate_axis_of,
)
from lrfinder.views.report.grids import panels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lrfinder._results.records import Probe
    from lrfinder.views.describe.comparison import Training
    from lrfinder.views.describe.curve import Curve, Limits
    from lrfinder.views.report.figures import Side

MARGIN = 1.4  # factor of room beside the lowest and highest probe
PLACES: tuple[tuple[str, str, Side], ...] = (  # of the landmarks: name, label, and the side that the curve leaves free
    ("falls_from", "starts to fall", "above"),
    ("steepest", "falls fastest", "right"),
    ("lowest", "is lowest", "below"),
    ("diverges", "diverges", "left"),
)


@singledispatch
def figures_of(result: Result) -> Sequence[Figure]:
    """What there is to see of a result, the most important first."""
    raise NotImplementedError(type(result).__name__)


@figures_of.register(RangeTest)
def _of_range_test(result: RangeTest) -> Sequence[Figure]:
    return (_sweep(result, band_of(result.suggestion)),)


@figures_of.register(Suggestion)
def _of_suggestion(suggestion: Suggestion) -> Sequence[Figure]:
    band = band_of(suggestion)
    sweep = () if suggestion.curve is None else (_sweep(suggestion.curve, band),)
    return (*sweep, _probe_ends(suggestion, band), _probe_losses(suggestion)) if suggestion.probes else sweep


@figures_of.register(Comparison)
def _of_comparison(comparison: Comparison) -> Sequence[Figure]:
    axis, drawn = comparison_axis(comparison), trainings(comparison)
    crosses = [
        Mark("cross", f"{training.lr:.3g} {training.ended}", *end, look=_look(training, row), group=training.label)
        for row, training in enumerate(drawn)
        if training.diverged and len(training.losses)
        for end in [(len(training.losses) - 1.0, float(axis.shown(training.losses[-1:])[0]))]
    ]
    series = [part for row, training in enumerate(drawn) for part in _lines(training, _look(training, row))]
    words = "The loss of each training, iteration by iteration: every rate from the same start, on the same batches."
    return (Figure("The trainings", words, iteration_axis_of(comparison.iterations), loss_axis_of(axis), series, crosses),)


@singledispatch
def headline_of(result: Result) -> str:
    """What came of it, in one line."""
    raise NotImplementedError(type(result).__name__)


headline_of.register(RangeTest, lambda result: curve(result).title)
headline_of.register(Suggestion, suggestion_title)
headline_of.register(Comparison, headline)
headline_of.register(Grid, grid_title)
figures_of.register(Grid, panels)


def band_of(suggestion: Suggestion) -> Band | None:
    """The rate and its interval; ``None`` where there is no rate."""
    lr, low, high = suggestion.lr, suggestion.low, suggestion.high
    return None if lr is None or low is None or high is None else Band(lr, low, high)


def sweep_series(drawn: Curve, group: str, raw: Look, smoothed: Look) -> list[Series]:
    """The losses of a sweep and the line through them."""
    return [
        Series("loss of a batch", group, "raw", "points", raw, drawn.lrs, drawn.losses, drawn.iterations),
        Series("smoothed", group, "smoothed", "line", smoothed, drawn.lrs, drawn.smoothed, drawn.iterations),
    ]


def _sweep(result: RangeTest, band: Band | None) -> Figure:
    drawn = curve(result)
    marks = [*_band_marks(band), *_places(result, drawn)]
    if drawn.stopped is not None:
        marks.append(Mark("cross", f"stopped: {drawn.stopped.why}", drawn.stopped.lr, drawn.stopped.loss))
    words = "The loss of each batch while the learning rate rises, one iteration at each rate, and the smoothed loss."
    series = sweep_series(drawn, "sweep", Look(opacity=0.5), Look("0", (), 2.4))
    return Figure("The sweep", words, rate_axis_of(drawn.x_limits), loss_axis_of(drawn.loss_axis), series, marks)


def _band_marks(band: Band | None) -> list[Mark]:
    if band is None:
        return []
    interval = Mark("band", f"interval {band.low:.3g} to {band.high:.3g}", band.low, to=band.high, look=SUGGESTED)
    return [interval, Mark("rate", f"suggested {band.lr:.3g}", band.lr, look=SUGGESTED)]


def _places(result: RangeTest, drawn: Curve) -> list[Mark]:
    """The landmarks, on the smoothed curve."""
    log_lrs = np.log(drawn.lrs)
    marks: list[Mark] = []
    for name, label, beside in PLACES:
        lr: float | None = getattr(result.landmarks, name)
        if lr and len(drawn.lrs):
            marks.append(Mark("place", label, lr, float(np.interp(np.log(lr), log_lrs, drawn.smoothed)), beside=beside))
    return marks


def _probe_ends(suggestion: Suggestion, band: Band | None) -> Figure:
    axis = suggestion_axis(suggestion)
    joined = "both" if suggestion.schedule == "constant" else "points"  # those that went on are missing between the others
    series = [
        Series(f"after {length} iterations", f"after {length} iterations", "ends", joined, Look.of(row), *_points(ends))
        for row, (length, ends) in enumerate(ends_at(suggestion).items())
    ]
    lost = [end for end in probe_ends(suggestion) if not end.loss <= axis.limits[1] and end.lr > 0]
    crosses = [Mark("cross", f"{end.lr:.3g} diverged", end.lr, axis.limits[1]) for end in lost]
    words = (
        "What short trainings from one start on the same batches had come to, against their learning rate: "
        "the mean loss of the last third of their iterations."
    )
    title = f"The probes, for a training of {suggestion.horizon} iterations{under(suggestion)}"
    x = rate_axis_of(_rates_probed(suggestion))
    return Figure(title, words, x, loss_axis_of(axis), series, [*_band_marks(band), *crosses])


def _points(ends: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    rising = sorted(end for end in ends if end[0] > 0)
    return np.array([lr for lr, _ in rising], dtype=np.float64), np.array([loss for _, loss in rising], dtype=np.float64)


def _rates_probed(suggestion: Suggestion) -> Limits:
    band = [rate for rate in (suggestion.low, suggestion.high) if rate is not None]
    lrs = np.clip([lr for lr in (*(probe.lr for probe in suggestion.probes), *band) if lr > 0] or [1e-6, 10.0], 1e-99, 1e99)
    return float(min(lrs) / MARGIN), float(max(lrs) * MARGIN)


def _probe_losses(suggestion: Suggestion) -> Figure:
    longest = max(len(probe.losses) for probe in suggestion.probes)
    by_iteration = [probe.losses[k] for k in range(longest) for probe in suggestion.probes if k < len(probe.losses)]
    series = [part for row, probe in enumerate(suggestion.probes) for part in _probe_series(probe, row)]
    words = "The loss of each probe, iteration by iteration; the better ones were trained longer."
    axis = loss_axis_of(axis_of(np.array(by_iteration, dtype=np.float64)))
    return Figure("The probes, iteration by iteration", words, iteration_axis_of(longest), axis, series)


def _probe_series(probe: Probe, row: int) -> list[Series]:
    losses = np.array(probe.losses, dtype=np.float64)
    whole = losses[: int(np.argmin(np.isfinite(losses))) if not np.isfinite(losses).all() else len(losses)]
    return _raw_and_smoothed(f"{probe.lr:.3g}", whole, running_mean(whole, max(1, len(losses) // 20)), Look.of(row))


def _lines(training: Training, look: Look) -> list[Series]:
    return _raw_and_smoothed(training.label, training.losses, training.smoothed, look)


def _raw_and_smoothed(group: str, losses: np.ndarray, smoothed: np.ndarray, look: Look) -> list[Series]:
    iterations = np.arange(len(losses), dtype=np.float64)
    return [
        Series("loss of a batch", group, "raw", "line", Look(look.colour, (), 0.7, 0.4), iterations, losses),
        Series("smoothed", group, "smoothed", "line", look, iterations, smoothed),
    ]


def _look(training: Training, row: int) -> Look:
    look = Look.of(row)
    return Look(look.colour, (), 3.2) if training.best else look
