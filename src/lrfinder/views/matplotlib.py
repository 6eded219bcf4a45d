"""Results as matplotlib figures. Nothing is shown; pyplot only creates new axes, so that a notebook displays them.

Colors are four of Okabe and Ito's (Color Universal Design, 2008) that stand out from white and from black; a marker, a dash
or a label always says the same. The color "ink" is that of the style's text.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from matplotlib import rc_context, rcParams
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, NullFormatter

from lrfinder.views.describe import describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from lrfinder._results.results import Result
    from lrfinder.views.describe import description as described
    from lrfinder.views.describe.description import Axis, Color, Description, Look, Mark, Series

Kind = Literal["png", "pdf", "svg"]
WITHOUT_DATE: Mapping[Kind, Mapping[str, None]] = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
SIZE_INCHES = (7.6, 4.6)
PANEL_INCHES = (2.9, 2.5)
LEGEND_INCHES, TITLE_INCHES = 2.4, 0.9  # next to and above panels
GAP_ACROSS, GAP_DOWN = 0.09, 0.12  # between two panels, in widths and heights of one
TITLE_LINE = 0.08  # height of a further line of a panel's title, in heights of a panel
INSIDE: Mapping[str, Any] = {"loc": "best"}
OUTSIDE: Mapping[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "frameon": False}
PALETTE: Mapping[Color, str] = {"0": "#0072B2", "1": "#D55E00", "2": "#009E73", "3": "#CC79A7"}
MARKERS = ("o", "D", "s", "^", "v", "P")
LINES, ENDS, MARKS = 3.0, 4.0, 5.0  # z-order


def plot(result: Result, ax: Axes | None = None) -> Axes:
    """Draw a result of any kind on ``ax``, or on axes of a new figure; return the axes, show nothing.

    The legend of many lines stands outside new axes, but inside ``ax``, whose surroundings belong to the caller.
    """
    return plot_description(describe(result), ax)


def plot_description(shown: Description, ax: Axes | None = None) -> Axes:
    """Draw a described result; see :func:`plot`."""
    drawn = _Picture(shown)
    if ax is not None:
        return drawn.draw(ax, INSIDE)
    from matplotlib import pyplot as plt

    return drawn.draw(plt.subplots(figsize=drawn.size, layout="constrained")[1], OUTSIDE)


def figure(result: Result) -> Figure:
    """Return the figure of a result, created without pyplot: no figure stays open and no display is needed."""
    drawn = _Picture(describe(result))
    created = Figure(figsize=drawn.size, layout="constrained")
    drawn.draw(created.add_subplot(), OUTSIDE)
    return created


def picture(result: Result, kind: Kind) -> bytes:
    """Return the figure of a result as a file; the same result gives the same bytes, without a date."""
    with rc_context({"svg.hashsalt": "lrfinder"}):
        return _file(figure(result), kind)


def png(drawn: described.Figure) -> bytes:
    """Return one figure as a PNG."""
    created = Figure(figsize=SIZE_INCHES, layout="constrained")
    _draw_alone(drawn, drawn.title, created.add_subplot(), INSIDE)
    return _file(created, "png")


class _Picture:
    """The picture of a result: one figure, or several in panels."""

    def __init__(self, shown: Description) -> None:
        self.title, self.figures, self.columns = shown.title, shown.picture(), shown.columns
        self.rows = max(1, -(-len(self.figures) // self.columns))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        if len(self.figures) == 1:
            return SIZE_INCHES
        width, height = self.columns * PANEL_INCHES[0] + LEGEND_INCHES, self.rows * PANEL_INCHES[1] + TITLE_INCHES
        return max(SIZE_INCHES[0], width), max(SIZE_INCHES[1], height)

    def draw(self, ax: Axes, legend: Mapping[str, Any]) -> Axes:
        """Draw on ``ax``; panels lie within it, and it shows nothing else."""
        if len(self.figures) == 1:
            _draw_alone(self.figures[0], self.title, ax, legend if self.figures[0].by_group else INSIDE)
            return ax
        titles = [one.title.replace(", ", "\n") for one in self.figures]  # settings side by side are wider than a panel
        title_lines = 1 + max((title.count("\n") for title in titles), default=0)
        ax.set_axis_off()
        ax.set_title(self.title, pad=12 * (1 + title_lines), wrap=True)
        panels = self._panels(ax, GAP_DOWN + TITLE_LINE * (title_lines - 1))
        for place, (one, panel) in enumerate(zip(self.figures, panels, strict=True)):
            _draw_figure(one, panel)
            panel.set_title(titles[place], fontsize="medium")
            left, bottom = place % self.columns == 0, place + self.columns >= len(panels)
            panel.tick_params(labelleft=left, labelbottom=bottom, which="both")
            panel.set(xlabel=one.x.label if bottom else "", ylabel=one.y.label if left else "")
        _draw_legend(ax, panels, legend, bands=any("seeds" in one.layers for one in self.figures))
        return ax

    def _panels(self, ax: Axes, gap_down: float) -> list[Axes]:
        width = 1 / (self.columns + GAP_ACROSS * (self.columns - 1))
        height = 1 / (self.rows + gap_down * (self.rows - 1))
        panels: list[Axes] = []
        for place in range(len(self.figures)):
            row, column = divmod(place, self.columns)
            bounds = (column * width * (1 + GAP_ACROSS), 1 - height - row * height * (1 + gap_down), width, height)
            shared: dict[str, Any] = {"sharex": panels[0], "sharey": panels[0]} if panels else {}
            panels.append(ax.inset_axes(bounds, **shared))
        return panels


def _draw_alone(drawn: described.Figure, title: str, ax: Axes, legend: Mapping[str, Any]) -> None:
    _draw_figure(drawn, ax)
    ax.set_title(title, wrap=True)
    _draw_legend(ax, [ax], {**legend, "title": drawn.legend_title or None}, bands="seeds" in drawn.layers)


def _draw_legend(ax: Axes, panels: Sequence[Axes], legend: Mapping[str, Any], *, bands: bool) -> None:
    """Draw one legend for all panels, in which each label occurs once."""
    handles: dict[str, Any] = {
        label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    if bands:
        handles["rate, mean over seeds"] = ax.plot([], [], "o", color="grey", markersize=5)[0]
        handles["lowest to highest seed"] = ax.fill_between([], [], color="grey", alpha=0.3)
    if handles:
        ax.legend(handles.values(), handles.keys(), **legend)


def _file(created: Figure, kind: Kind) -> bytes:
    content = BytesIO()
    created.savefig(content, format=kind, dpi="figure", metadata=WITHOUT_DATE[kind])
    return content.getvalue()


def _draw_figure(figure: described.Figure, ax: Axes) -> None:
    """Draw a figure without its legend; ``ax`` should show nothing else."""
    _scale(ax, figure.y)
    ax.set(xlim=figure.x.limits, xscale=figure.x.scale, xlabel=figure.x.label, ylabel=figure.y.label)
    labels = {id(series): label.replace(": ", "\n") for label, series in figure.legend.items()}  # for a narrow legend
    markers = iter(MARKERS * len(figure.series))
    for series in figure.series:
        marker = next(markers) if series.layer == "ends" else "."
        _draw_series(ax, series, marker, labels.get(id(series), ""))
    seeds = [series for series in figure.series if series.layer == "seeds"]
    for low, high in zip(seeds[::2], seeds[1::2], strict=True):
        ax.fill_between(low.x, low.y, high.y, color=_color(low.look.color), alpha=0.2, linewidth=0)
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
    ax.set_yscale(axis.scale, **({"linthresh": axis.linear_below} if axis.scale == "symlog" else {}))
    if axis.scale == "symlog":
        ax.yaxis.set_minor_formatter(NullFormatter())
    if axis.scale == "log":
        ax.yaxis.set_major_formatter(_PlainNumbers())
        ax.yaxis.set_minor_formatter(_PlainNumbers(minor_thresholds=(1.5, 0.6)))
    ax.set_ylim(axis.limits)


def _draw_series(ax: Axes, series: Series, marker: str, label: str) -> None:
    """Draw a line, points, or both; the wider a line, the higher it lies. Points with different markers need no dashes."""
    if series.layer == "seeds":
        return
    look = series.look
    line: dict[str, Any] = {"linestyle": _dash(look), "zorder": LINES + (-1 if series.layer == "raw" else look.width / 100)}
    if series.drawn != "line":
        line |= {"marker": marker, "markersize": look.size, "linestyle": "-" if series.drawn == "both" else "none"}
        line |= {"mew": 0} if series.layer == "raw" else {"zorder": ENDS}
    ax.plot(series.x, series.y, color=_color(look.color), alpha=look.opacity, linewidth=look.width, label=label, **line)


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
