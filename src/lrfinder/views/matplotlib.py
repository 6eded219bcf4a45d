"""Results as matplotlib figures. Nothing is shown; pyplot only creates new axes, so that a notebook displays them."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lrfinder.views.describe import describe
from lrfinder.views.matplotlib_figure import draw_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from lrfinder._results.results import Result
    from lrfinder.views.describe import figure as described

Kind = Literal["png", "pdf", "svg"]
WITHOUT_DATE: Mapping[Kind, Mapping[str, None]] = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
SIZE_INCHES = (7.6, 4.6)
PANEL_INCHES = (2.9, 2.5)
LEGEND_INCHES, TITLE_INCHES = 2.4, 0.9  # next to and above panels
GAP_ACROSS, GAP_DOWN = 0.09, 0.12  # between two panels, in widths and heights of one
TITLE_LINE = 0.08  # height of a further line of a panel's title, in heights of a panel
INSIDE: Mapping[str, Any] = {"loc": "best"}
OUTSIDE: Mapping[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "frameon": False}


def plot(result: Result, ax: Axes | None = None) -> Axes:
    """Draw a result of any kind on ``ax``, or on axes of a new figure; return the axes, show nothing.

    The legend of many lines stands outside new axes, but inside ``ax``, whose surroundings belong to the caller.
    """
    drawn = _Picture(result)
    if ax is not None:
        return drawn.draw(ax, INSIDE)
    from matplotlib import pyplot as plt

    return drawn.draw(plt.subplots(figsize=drawn.size, layout="constrained")[1], OUTSIDE)


def figure(result: Result) -> Figure:
    """Return the figure of a result, created without pyplot: no figure stays open and no display is needed."""
    drawn = _Picture(result)
    created = _empty(drawn.size)
    drawn.draw(created.add_subplot(), OUTSIDE)
    return created


def picture(result: Result, kind: Kind) -> bytes:
    """Return the figure of a result as a file; the same result gives the same bytes, without a date."""
    with rc_context({"svg.hashsalt": "lrfinder"}):
        return _file(figure(result), kind)


def png(drawn: described.Figure) -> bytes:
    """Return one figure as a PNG."""
    created = _empty(SIZE_INCHES)
    _draw_alone(drawn, drawn.title, created.add_subplot(), INSIDE)
    return _file(created, "png")


class _Picture:
    """The picture of a result: one figure, or several in panels."""

    def __init__(self, result: Result) -> None:
        shown = describe(result)
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
        title_lines = max((_in_lines(one.title).count("\n") + 1 for one in self.figures), default=1)
        ax.set_axis_off()
        ax.set_title(self.title, pad=12 * (1 + title_lines), wrap=True)
        panels = self._panels(ax, GAP_DOWN + TITLE_LINE * (title_lines - 1))
        for place, (one, panel) in enumerate(zip(self.figures, panels, strict=True)):
            draw_figure(one, panel)
            panel.set_title(_in_lines(one.title), fontsize="medium")
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
    draw_figure(drawn, ax)
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


def _in_lines(title: str) -> str:
    """Return a title with one setting per line: next to each other they are wider than a panel."""
    return title.replace(", ", "\n")


def _empty(size: tuple[float, float]) -> Figure:
    created = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(created)
    return created


def _file(created: Figure, kind: Kind) -> bytes:
    content = BytesIO()
    created.savefig(content, format=kind, dpi="figure", metadata=WITHOUT_DATE[kind])
    return content.getvalue()
