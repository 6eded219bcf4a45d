"""Results as matplotlib figures. Nothing is shown; pyplot only creates new axes, so that a notebook displays them.

Colors and markers are those of the page, on white or on black as the style's text says; a marker, a dash or a label always
says the same as a color. The color "ink" is that of the style's text.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatter, LogLocator, NullFormatter

from lrfinder._arguments import given
from lrfinder.views.describe import describe
from lrfinder.views.describe.description import ON_BLACK, ON_WHITE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lrfinder._results.results import Result
    from lrfinder.views.describe import description as described
    from lrfinder.views.describe.description import Axis, Color, Description, Look, Mark, Marker, Series

Kind = Literal["png", "pdf", "svg"]
WITHOUT_DATE: Mapping[Kind, Mapping[str, None]] = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
SIZE_INCHES = (7.6, 4.6)
PANEL_INCHES = (2.9, 2.5)
LEGEND_INCHES, TITLE_INCHES = 2.4, 0.9  # next to and above panels
GAP_ACROSS, GAP_DOWN = 0.09, 0.12  # between two panels, in widths and heights of one
TITLE_LINE = 0.08  # height of a further line of a panel's title, in heights of a panel
INSIDE: Mapping[str, Any] = {"loc": "best"}
OUTSIDE: Mapping[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "frameon": False}
TITLE: Mapping[str, Any] = {"fontsize": 16, "fontweight": "bold", "wrap": True, "x": 0.0, "ha": "left"}  # in points
FEW_DECADES = 1e3  # between the ends of an axis, up to which 1, 2 and 5 of each are labeled
HEIGHTS = (1.9, 1)  # of the main figure, and of the one below it
WITH_SECOND_INCHES = (7.6, 6.6)
MARKERS: Mapping[Marker, str] = {"circle": "o", "diamond": "D", "square": "s", "triangle": "v"}
LINES, ENDS, MARKS = 3.0, 4.0, 5.0  # z-order
ERROR_BAR: Mapping[str, Any] = {"fmt": "o", "capsize": 4, "markersize": 5, "elinewidth": 1.8, "zorder": MARKS + 1}


def plot(result: Result, ax: Axes | None = None) -> Axes:
    """Draw a result of any kind on ``ax``, or on axes of a new figure; return the axes, show nothing.

    The surroundings of ``ax`` belong to the caller: its legend lies inside, and the sweep that a search began with, which a
    new figure shows below the probes, is left out.
    """
    return plot_description(describe(result), ax)


def plot_description(shown: Description, ax: Axes | None = None) -> Axes:
    """Draw a described result; see :func:`plot`.

    Raises:
        TypeError: ``ax`` is something else than axes of matplotlib, such as the path of a picture.
    """
    drawn = _Picture(shown)
    if ax is not None:
        return drawn.draw(_checked(ax))
    from matplotlib import pyplot as plt

    return drawn.draw_new(plt.figure(figsize=drawn.size, layout="constrained"))


def _checked(ax: object) -> Axes:
    if isinstance(ax, Axes):
        return ax
    message = f"ax is {given(ax)}; give axes of matplotlib. To write a picture: result.plot().figure.savefig('curve.png')."
    raise TypeError(message)


def figure(result: Result) -> Figure:
    """Return the figure of a result, created without pyplot: no figure stays open and no display is needed."""
    drawn = _Picture(describe(result))
    created = Figure(figsize=drawn.size, layout="constrained")
    drawn.draw_new(created)
    return created


def picture(result: Result, kind: Kind) -> bytes:
    """Return the figure of a result as a file; the same result gives the same bytes, without a date."""
    with rc_context({"svg.hashsalt": "lrfinder"}):
        return _file(figure(result), kind)


def png(drawn: described.Figure) -> bytes:
    """Return one figure as a PNG."""
    created = Figure(figsize=SIZE_INCHES, layout="constrained")
    ax = created.add_subplot()
    _draw_figure(drawn, ax)
    ax.set_title(drawn.title, **TITLE)
    _draw_legend(ax, [ax], INSIDE)
    return _file(created, "png")


class _Picture:
    """The picture of a result: one figure, one with a second one below it, or several panels with the same axes."""

    def __init__(self, shown: Description) -> None:
        self.title, self.figures, self.columns = shown.title, shown.picture(), shown.columns
        self.rows = max(1, -(-len(self.figures) // self.columns))
        self.in_panels = len(self.figures) != 1 and all(one.x == self.figures[0].x for one in self.figures)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        if not self.in_panels:
            return SIZE_INCHES if len(self.figures) == 1 else WITH_SECOND_INCHES
        width, height = self.columns * PANEL_INCHES[0] + LEGEND_INCHES, self.rows * PANEL_INCHES[1] + TITLE_INCHES
        return max(SIZE_INCHES[0], width), max(SIZE_INCHES[1], height)

    def draw_new(self, created: Figure) -> Axes:
        """Draw on a new figure, and return the axes of the main figure."""
        if self.in_panels:
            return self._draw_panels(created.add_subplot(), OUTSIDE)
        ax, *below = created.subplots(len(self.figures), height_ratios=HEIGHTS[: len(self.figures)], squeeze=False)[:, 0]
        self._draw_main(ax, INSIDE if below else OUTSIDE)
        for one, panel in zip(self.figures[1:], below, strict=True):
            _draw_figure(one, panel)
            panel.set_title(one.title, fontsize="medium")
            _draw_legend(panel, [panel], {**INSIDE, "fontsize": "small"}, known=ax.get_legend_handles_labels()[1])
        return ax

    def draw(self, ax: Axes) -> Axes:
        """Draw on ``ax``, which shows nothing else; panels lie within it."""
        return self._draw_panels(ax, INSIDE) if self.in_panels else self._draw_main(ax, INSIDE)

    def _draw_main(self, ax: Axes, legend: Mapping[str, Any]) -> Axes:
        main = self.figures[0]
        _draw_figure(main, ax)
        ax.set_title(self.title, **TITLE)
        place = {**(legend if main.by_group else INSIDE), "title": main.legend_title or None}
        _draw_legend(ax, [ax], place, figures=[main])
        return ax

    def _draw_panels(self, ax: Axes, legend: Mapping[str, Any]) -> Axes:
        titles = [one.title.replace(", ", "\n") for one in self.figures]  # settings side by side are wider than a panel
        title_lines = 1 + max((title.count("\n") for title in titles), default=0)
        ax.set_axis_off()
        ax.set_title(self.title, pad=12 * (1 + title_lines), **TITLE)
        panels = self._panels(ax, GAP_DOWN + TITLE_LINE * (title_lines - 1))
        for place, (one, panel) in enumerate(zip(self.figures, panels, strict=True)):
            _draw_figure(one, panel)
            panel.set_title(titles[place], fontsize="medium")
            left, bottom = place % self.columns == 0, place + self.columns >= len(panels)
            panel.tick_params(labelleft=left, labelbottom=bottom, which="both")
            panel.set(xlabel=one.x.label if bottom else "", ylabel=one.y.label if left else "")
        _draw_legend(ax, panels, legend, figures=self.figures)
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


def _draw_legend(
    ax: Axes,
    panels: Sequence[Axes],
    legend: Mapping[str, Any],
    *,
    figures: Sequence[described.Figure] = (),
    known: Sequence[str] = (),
) -> None:
    """Draw one legend for all panels, in which each label occurs once, without those that are ``known`` from elsewhere."""
    handles: dict[str, Any] = {
        label: handle
        for panel in panels
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
        if label not in known
    }
    if any("seeds" in one.layers for one in figures):
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
    ax.set(xscale=figure.x.scale, xlabel=figure.x.label, ylabel=figure.y.label)
    ax.set_xlim(figure.x.limits)
    if figure.x.scale == "log" and figure.x.limits[1] < FEW_DECADES * figure.x.limits[0]:
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    labels = {id(series): label.replace(": ", "\n") for label, series in figure.legend.items()}  # for a narrow legend
    for series in figure.series:
        _draw_series(ax, series, labels.get(id(series), ""))
    seeds = [series for series in figure.series if series.layer == "seeds"]
    for low, high in zip(seeds[::2], seeds[1::2], strict=True):
        ax.fill_between(low.x, low.y, high.y, color=_color(low.look.color), alpha=0.2, linewidth=0)
    for mark in figure.marks:
        _draw_mark(ax, mark)
    if bars := next((mark.label for mark in figure.marks if mark.kind == "error"), ""):
        ax.errorbar([], [], yerr=[], color=_color("ink"), label=bars, **ERROR_BAR)
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


def _draw_series(ax: Axes, series: Series, label: str) -> None:
    """Draw a line, points, or both; the wider a line, the higher it lies. Points with different markers need no dashes."""
    if series.layer == "seeds":
        return
    look = series.look
    line: dict[str, Any] = {"linestyle": _dash(look), "zorder": LINES + (-1 if series.layer == "raw" else look.width / 100)}
    if series.drawn != "line":
        marker = "." if series.layer == "raw" else MARKERS[look.marker]
        line |= {"marker": marker, "markersize": look.size, "linestyle": "-" if series.drawn == "both" else "none"}
        line |= {"mew": 0} if series.layer == "raw" else {"zorder": ENDS}
    ax.plot(
        series.drawn_x, series.y, color=_color(look.color), alpha=look.opacity, linewidth=look.width, label=label, **line
    )


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
            ax.errorbar([mark.x], [mark.y], yerr=[mark.error], color=style["color"], **ERROR_BAR)


def _dash(look: Look) -> Any:
    return (0, look.dash) if look.dash else "-"


def _color(color: Color) -> str:
    ink = rcParams["text.color"]
    palette = ON_BLACK if sum(to_rgb(ink)) > 1.5 else ON_WHITE  # noqa: PLR2004  (light text is on a dark background)
    return palette.get(color) or ink
