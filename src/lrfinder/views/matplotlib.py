"""Results as matplotlib figures. Nothing is shown; pyplot is asked only for new axes, so that a notebook displays them.

Colours are four of Okabe and Ito's (Color Universal Design, 2008) that stand out from white and from black alike, and never
tell anything alone: each goes with a marker, a dash or a label. What is neutral has the colour of the style's text.
"""

from __future__ import annotations

import math
from functools import singledispatch
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, NullFormatter

from lrfinder._grid.result import Grid
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.analysis.endings import comparison_window
from lrfinder.views.describe.comparison import comparison_axis, headline, trainings
from lrfinder.views.describe.curve import Band, curve
from lrfinder.views.describe.probes import ends_at, probe_ends, rates_shown, suggestion_axis, suggestion_title
from lrfinder.views.small_multiples import draw_grid, size_inches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from lrfinder.views.describe.comparison import Training
    from lrfinder.views.describe.curve import Curve, LossAxis, Stopped

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE)
DASHES = ("--", "-.", ":", (0, (8, 2)), (0, (8, 2, 1, 2, 1, 2)))  # 5 and 4 share no factor: 20 lines all look different
MARKERS = ("o", "D", "s", "^", "v", "P")
Kind = Literal["png", "pdf", "svg"]
DATELESS: Mapping[Kind, Mapping[str, None]] = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
SIZE_INCHES = (7.6, 4.6)
INSIDE: Mapping[str, Any] = {"loc": "best"}  # the limits leave room above and below the curve
BESIDE: Mapping[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "frameon": False}  # many lines fill the axes


def plot(result: Result, ax: Axes | None = None) -> Axes:
    """Draw a result of any kind on ``ax``, or on axes of a new figure; returns them, shows nothing.

    The legend of many lines stands beside new axes, and inside axes that were given, whose surroundings are not ours.
    """
    return _draw(result, _new_axes(_size(result)), BESIDE) if ax is None else _draw(result, ax, INSIDE)


@singledispatch
def _draw(result: Result, ax: Axes, beside: Mapping[str, Any]) -> Axes:
    """Draw a result on axes; ``beside`` is where the legend of many lines goes."""
    raise NotImplementedError(type(result).__name__)


@_draw.register(RangeTest)
def _draw_range_test(result: RangeTest, ax: Axes, _: Mapping[str, Any]) -> Axes:
    """The curve of a range test.

    The axes are limited to the rates tried and, where all losses are positive, to 0.8 times the lowest and 4 times the first
    loss, both logarithmic. Losses that are 0 or negative get a linear axis, or one that is linear around 0.
    """
    _draw_curve(curve(result), ax)
    return ax


def _draw_curve(drawn: Curve, ax: Axes) -> None:
    _scale(ax, drawn.loss_axis)
    ax.set(xscale="log", xlim=drawn.x_limits, xlabel="learning rate", ylabel="loss", title=drawn.title)
    ax.plot(drawn.lrs, drawn.losses, ".", color=_neutral(), alpha=0.55, markersize=5, mew=0, label="loss of a batch")
    ax.plot(drawn.lrs, drawn.smoothed, color=BLUE, linewidth=2.2, label="smoothed")
    if drawn.band is not None:
        _mark_suggestion(ax, drawn.band)
    if drawn.stopped is not None:
        _mark_stop(ax, drawn.stopped)
    if not len(drawn.lrs):
        ax.text(0.5, 0.5, "no loss to draw", transform=ax.transAxes, ha="center", va="center", color=_neutral())
    _finish(ax, INSIDE)


def figure(result: Result) -> Figure:
    """The figure of a result, made without pyplot: no figure stays open and no display is needed."""
    made, ax = _alone(_size(result))
    _draw(result, ax, BESIDE)
    return made


def _alone(size: tuple[float, float] = SIZE_INCHES) -> tuple[Figure, Axes]:
    made = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(made)
    return made, made.add_subplot()


def picture(result: Result, kind: Kind) -> bytes:
    """The figure of a result as a file; the same result gives the same bytes, for no date is in them."""
    content = BytesIO()
    with rc_context({"svg.hashsalt": "lrfinder"}):
        figure(result).savefig(content, format=kind, dpi="figure", metadata=DATELESS[kind])
    return content.getvalue()


def figure_png(result: Result) -> bytes:
    """The figure of a result as a PNG."""
    return picture(result, "png")


def curve_png(drawn: Curve) -> bytes:
    """A curve as a PNG."""
    made, ax = _alone()
    _draw_curve(drawn, ax)
    content = BytesIO()
    made.savefig(content, format="png", dpi="figure")
    return content.getvalue()


class _PlainNumbers(LogFormatter):
    """Labels the ticks that matplotlib would label on a logarithmic axis, but as ``0.5`` and ``20``, not ``5e-01``."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def _new_axes(size: tuple[float, float]) -> Axes:
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def _size(result: Result) -> tuple[float, float]:
    return size_inches(result) if isinstance(result, Grid) else SIZE_INCHES


@_draw.register(Grid)
def _draw_grid(grid: Grid, ax: Axes, legend: Mapping[str, Any]) -> Axes:
    """The curves of a grid: small multiples within the axes, a band over the seeds around each line."""

    def style(number: int) -> dict[str, Any]:
        colours = (BLUE, GREEN, PURPLE, _neutral())  # what is recommended has the fifth
        return {"color": colours[number % len(colours)], "linestyle": ("-", *DASHES)[number % (len(DASHES) + 1)]}

    return draw_grid(grid, ax, legend=legend, style=style, scale=_scale, accent=VERMILLION)


def _scale(ax: Axes, loss_axis: LossAxis) -> None:
    if loss_axis.scale == "symlog":
        ax.set_yscale("symlog", linthresh=loss_axis.linear_below)
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_yscale(loss_axis.scale)
    if loss_axis.scale == "log":
        ax.yaxis.set_major_formatter(_PlainNumbers())
        ax.yaxis.set_minor_formatter(_PlainNumbers(minor_thresholds=(1.5, 0.6)))
    ax.set_ylim(loss_axis.limits)


def _mark_suggestion(ax: Axes, band: Band) -> None:
    ax.axvline(band.lr, color=VERMILLION, linestyle="--", linewidth=1.8, label=f"suggested {band.lr:.3g}")
    interval = f"interval {band.low:.3g} to {band.high:.3g}"
    ax.axvspan(band.low, band.high, color=VERMILLION, alpha=0.18, linewidth=0, zorder=0, label=interval)


def _mark_stop(ax: Axes, stopped: Stopped) -> None:
    # a line at the last rate would lie on the frame; a cross may stick out of it
    cross: dict[str, Any] = {"marker": "X", "markersize": 9, "clip_on": False, "zorder": 5}
    ax.plot([stopped.lr], [stopped.loss], linestyle="none", color=_neutral(), label=f"stopped: {stopped.why}", **cross)


@_draw.register(Comparison)
def _draw_comparison(comparison: Comparison, ax: Axes, legend: Mapping[str, Any]) -> Axes:
    """The trainings of a comparison: loss against iteration, a line a rate.

    Raw faint, smoothed above it, the one that ended lowest thick and solid. The loss axis is chosen as for a range test.
    """
    loss_axis = comparison_axis(comparison)
    _scale(ax, loss_axis)
    ax.set(xlim=(0, max(1, comparison.iterations - 1)), xlabel="iteration", ylabel="loss", title=headline(comparison))
    drawn = trainings(comparison)
    for number, training in enumerate(drawn):
        _draw_training(ax, training, number, loss_axis)
    _draw_ends(ax, drawn, loss_axis, comparison)
    _finish(ax, {**legend, "title": "learning rate"})
    return ax


@_draw.register(Suggestion)
def _draw_suggestion(suggestion: Suggestion, ax: Axes, legend: Mapping[str, Any]) -> Axes:
    """Sweep, probes and interval over one axis of rates.

    The sweep is faint. A line joins what the probes had come to after so many iterations, the longer the larger its
    marks; a rate at which no probe came to an end, or to one that the axis holds, is a cross at the upper edge.
    """
    loss_axis = suggestion_axis(suggestion)
    _scale(ax, loss_axis)
    title = suggestion_title(suggestion)
    ax.set(xscale="log", xlim=rates_shown(suggestion), xlabel="learning rate", ylabel="loss", title=title)
    if suggestion.curve is not None:
        swept = curve(suggestion.curve)
        ax.plot(
            swept.lrs, swept.losses, ".", color=_neutral(), alpha=0.35, markersize=4, mew=0, label="sweep, loss of a batch"
        )
        ax.plot(swept.lrs, swept.smoothed, color=_neutral(), alpha=0.6, linewidth=1.4, label="sweep, smoothed")
    _draw_probes(ax, suggestion, loss_axis)
    if suggestion.lr is not None and suggestion.low is not None and suggestion.high is not None:
        _mark_suggestion(ax, Band(suggestion.lr, suggestion.low, suggestion.high))
    _finish(ax, legend)
    return ax


def _draw_probes(ax: Axes, suggestion: Suggestion, loss_axis: LossAxis) -> None:
    for number, (length, ends) in enumerate(ends_at(suggestion).items()):
        marker, colour = MARKERS[number % len(MARKERS)], COLOURS[(0, 2, 3)[number % 3]]
        style: dict[str, Any] = {"marker": marker, "color": colour, "markersize": 5 + 1.5 * min(number, 3), "linewidth": 1.6}
        joined = "-" if suggestion.schedule == "constant" else "none"  # those that went on are missing between the others
        ax.plot(*zip(*ends, strict=True), **style, linestyle=joined, zorder=4, label=f"after {length} iterations")
    top = loss_axis.limits[1]
    lost = [end.lr for end in probe_ends(suggestion) if not end.loss <= top and end.lr > 0]
    if lost:
        cross: dict[str, Any] = {"marker": "X", "markersize": 8, "clip_on": False, "zorder": 5, "linestyle": "none"}
        ax.plot(lost, [top] * len(lost), color=_neutral(), label="diverged", **cross)


def _draw_training(ax: Axes, training: Training, number: int, loss_axis: LossAxis) -> None:
    colour = COLOURS[number % len(COLOURS)]
    dash, width, order = ("-", 3.2, 4) if training.best else (DASHES[number % len(DASHES)], 1.7, 3)
    iterations = np.arange(len(training.losses))
    ax.plot(iterations, training.losses, color=colour, linewidth=0.7, alpha=0.25)
    label = training.label.replace(": ", "\n")  # a narrow legend leaves the lines their room
    ax.plot(iterations, training.smoothed, color=colour, linestyle=dash, linewidth=width, zorder=order, label=label)
    if training.diverged and len(iterations):
        cross: dict[str, Any] = {"marker": "X", "markersize": 8, "clip_on": False, "zorder": 5}
        ax.plot(iterations[-1:], loss_axis.shown(training.losses[-1:]), color=colour, **cross)


def _draw_ends(ax: Axes, all_trainings: tuple[Training, ...], loss_axis: LossAxis, comparison: Comparison) -> None:
    """The mean of each last tenth, with the standard error of its difference to the lowest, side by side in that tenth."""
    low, high = loss_axis.limits
    places = (
        comparison.iterations
        - 1
        - np.linspace(1, 0, len(all_trainings) + 2)[1:-1] * comparison_window(comparison.iterations)
    )
    for number, (training, final) in enumerate(zip(all_trainings, comparison.final(), strict=True)):
        if training.above is None or math.isnan(training.above.standard_error) or not low < final < high:
            continue
        bar: dict[str, Any] = {"fmt": "o", "capsize": 4, "markersize": 5, "elinewidth": 1.8, "zorder": 6}
        colour, error = COLOURS[number % len(COLOURS)], training.above.standard_error
        ax.errorbar([places[number]], [final], yerr=[error], color=colour, **bar)


def _finish(ax: Axes, legend: Mapping[str, Any]) -> None:
    ax.grid(visible=True, color=_neutral(), alpha=0.12, linewidth=0.8)
    ax.legend(**legend)


def _neutral() -> str:
    return rcParams["text.color"]
