"""One figure on matplotlib's axes.

Colors are four of Okabe and Ito's (Color Universal Design, 2008) that stand out from white and from black; a marker, a dash
or a label always says the same. The color "ink" is that of the style's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib import rcParams
from matplotlib.ticker import LogFormatter, NullFormatter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from lrfinder.views.describe.figure import Axis, Color, Figure, Look, Mark, Series

PALETTE: Mapping[Color, str] = {"0": "#0072B2", "1": "#D55E00", "2": "#009E73", "3": "#CC79A7"}
MARKERS = ("o", "D", "s", "^", "v", "P")
LINES, ENDS, MARKS = 3.0, 4.0, 5.0  # z-order


def draw_figure(figure: Figure, ax: Axes) -> None:
    """Draw a figure without its legend; ``ax`` should show nothing else."""
    _scale(ax, figure.y)
    ax.set(xlim=figure.x.limits, xscale=figure.x.scale, xlabel=figure.x.label, ylabel=figure.y.label)
    labels = {id(series): label.replace(": ", "\n") for label, series in figure.legend.items()}  # for a narrow legend
    markers = iter(MARKERS * len(figure.series))
    for series in figure.series:
        marker = next(markers) if series.layer == "ends" else "."
        _draw_series(ax, series, marker, labels.get(id(series), ""))
    for group in figure.groups:
        _fill_between_seeds(ax, [one for one in figure.series if one.group == group and one.layer == "seeds"])
    for mark in figure.marks:
        _draw_mark(ax, mark)
    if not any(len(series.x) for series in figure.series):
        ax.text(0.5, 0.5, "no loss to draw", transform=ax.transAxes, ha="center", va="center", color=_color("ink"))
    ax.grid(visible=True, color=_color("ink"), alpha=0.12, linewidth=0.8)


class _PlainNumbers(LogFormatter):
    """The labels of a logarithmic axis as ``0.5`` and ``20``, not ``5e-01``; matplotlib chooses which ticks have one."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def _scale(ax: Axes, axis: Axis) -> None:
    if axis.scale == "symlog":
        ax.set_yscale("symlog", linthresh=axis.linear_below)
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_yscale(axis.scale)
    if axis.scale == "log":
        ax.yaxis.set_major_formatter(_PlainNumbers())
        ax.yaxis.set_minor_formatter(_PlainNumbers(minor_thresholds=(1.5, 0.6)))
    ax.set_ylim(axis.limits)


def _draw_series(ax: Axes, series: Series, marker: str, label: str) -> None:
    """Draw a line, points, or both; the wider a line, the higher it lies. Points with different markers need no dashes."""
    if series.layer == "seeds":
        return
    look = series.look
    line: dict[str, Any] = {"linestyle": _dash(look), "zorder": LINES + look.width / 100}
    if series.layer == "raw":
        line["zorder"] = LINES - 1
    if series.drawn != "line":
        line |= {"marker": marker, "markersize": look.size, "linestyle": "-" if series.drawn == "both" else "none"}
        line |= {"mew": 0} if series.layer == "raw" else {"zorder": ENDS}
    ax.plot(series.x, series.y, color=_color(look.color), alpha=look.opacity, linewidth=look.width, label=label, **line)


def _fill_between_seeds(ax: Axes, bounds: list[Series]) -> None:
    if bounds:
        low, high = bounds
        ax.fill_between(low.x, low.y, high.y, color=_color(low.look.color), alpha=0.2, linewidth=0)


def _draw_mark(ax: Axes, mark: Mark) -> None:
    look = mark.look
    style: dict[str, Any] = {"color": _color(look.color), "label": mark.label}
    match mark.kind:
        case "rate":
            ax.axvline(mark.x, linestyle=_dash(look), linewidth=look.width, zorder=LINES + 0.5, **style)
        case "band":
            ax.axvspan(mark.x, mark.to, alpha=0.18, linewidth=0, zorder=0, **style)
        case "cross":  # it may stick out of the frame
            ax.plot([mark.x], [mark.y], "X", markersize=look.size, clip_on=False, zorder=MARKS, **style)
        case "place":
            ax.plot([mark.x], [mark.y], "o", markersize=look.size, zorder=ENDS, color=style["color"])
        case "error":
            bar: dict[str, Any] = {"fmt": "o", "capsize": 4, "markersize": 5, "elinewidth": 1.8, "zorder": MARKS + 1}
            ax.errorbar([mark.x], [mark.y], yerr=[mark.error], **bar, **style)


def _dash(look: Look) -> Any:
    return (0, look.dash) if look.dash else "-"


def _color(color: Color) -> str:
    return PALETTE.get(color) or rcParams["text.color"]
