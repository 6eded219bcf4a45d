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
    from lrfinder.views.describe.description import Description

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
    drawn = describe(result)
    return _draw(drawn, _new_axes(_size(drawn)), OUTSIDE) if ax is None else _draw(drawn, ax, INSIDE)


def figure(result: Result) -> Figure:
    """Return the figure of a result, created without pyplot: no figure stays open and no display is needed."""
    drawn = describe(result)
    created, ax = _figure_and_axes(_size(drawn))
    _draw(drawn, ax, OUTSIDE)
    return created


def picture(result: Result, kind: Kind) -> bytes:
    """Return the figure of a result as a file; the same result gives the same bytes, without a date."""
    content = BytesIO()
    with rc_context({"svg.hashsalt": "lrfinder"}):
        figure(result).savefig(content, format=kind, dpi="figure", metadata=WITHOUT_DATE[kind])
    return content.getvalue()


def png(drawn: described.Figure) -> bytes:
    """Return one figure as a PNG."""
    created, ax = _figure_and_axes(SIZE_INCHES)
    _draw_alone(drawn, ax, INSIDE)
    content = BytesIO()
    created.savefig(content, format="png", dpi="figure")
    return content.getvalue()


def _figure_and_axes(size: tuple[float, float]) -> tuple[Figure, Axes]:
    created = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(created)
    return created, created.add_subplot()


def _new_axes(size: tuple[float, float]) -> Axes:
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def _size(drawn: Description) -> tuple[float, float]:
    panels = len(drawn.picture())
    if panels == 1:
        return SIZE_INCHES
    width, height = PANEL_INCHES
    rows = _rows(panels, drawn.columns)
    return max(SIZE_INCHES[0], drawn.columns * width + LEGEND_INCHES), max(SIZE_INCHES[1], rows * height + TITLE_INCHES)


def _rows(panels: int, columns: int) -> int:
    return max(1, -(-panels // columns))


def _draw(drawn: Description, ax: Axes, legend: Mapping[str, Any]) -> Axes:
    figures = drawn.picture()
    if len(figures) == 1:
        _draw_alone(figures[0], ax, legend if figures[0].by_group else INSIDE)
    else:
        _draw_panels(figures, drawn, ax, legend)
    return ax


def _draw_alone(drawn: described.Figure, ax: Axes, legend: Mapping[str, Any]) -> None:
    draw_figure(drawn, ax)
    ax.set_title(drawn.title, wrap=True)
    _legend(ax, [ax], {**legend, "title": drawn.legend_title or None}, has_bands="seeds" in drawn.layers)


def _draw_panels(figures: Sequence[described.Figure], drawn: Description, ax: Axes, legend: Mapping[str, Any]) -> None:
    """Draw figures in panels within ``ax``, which shows nothing else."""
    lines = max((_in_lines(panel.title).count("\n") + 1 for panel in figures), default=1)
    ax.set_axis_off()
    ax.set_title(drawn.title, pad=12 * (1 + lines), wrap=True)
    panels = _panels(ax, len(figures), drawn.columns, GAP_DOWN + TITLE_LINE * (lines - 1))
    for place, (panel, within) in enumerate(zip(figures, panels, strict=True)):
        draw_figure(panel, within)
        within.set_title(_in_lines(panel.title), fontsize="medium")
        left, bottom = place % drawn.columns == 0, place + drawn.columns >= len(panels)
        within.tick_params(labelleft=left, labelbottom=bottom, which="both")
        within.set(xlabel=panel.x.label if bottom else "", ylabel=panel.y.label if left else "")
    _legend(ax, panels, legend, has_bands=any("seeds" in panel.layers for panel in figures))


def _panels(ax: Axes, count: int, columns: int, gap_down: float) -> list[Axes]:
    rows = _rows(count, columns)
    width = 1 / (columns + GAP_ACROSS * (columns - 1))
    height = 1 / (rows + gap_down * (rows - 1))
    panels: list[Axes] = []
    for place in range(count):
        row, column = divmod(place, columns)
        bounds = (column * width * (1 + GAP_ACROSS), 1 - height - row * height * (1 + gap_down), width, height)
        shared: dict[str, Any] = {"sharex": panels[0], "sharey": panels[0]} if panels else {}
        panels.append(ax.inset_axes(bounds, **shared))
    return panels


def _in_lines(title: str) -> str:
    """Return a title with one setting per line: next to each other they are wider than a panel."""
    return title.replace(", ", "\n")


def _legend(ax: Axes, panels: Sequence[Axes], legend: Mapping[str, Any], *, has_bands: bool) -> None:
    """Draw one legend for all panels, in which each label occurs once."""
    handles: dict[str, Any] = {
        label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    if has_bands:
        handles["rate, mean over seeds"] = ax.plot([], [], "o", color="grey", markersize=5)[0]
        handles["lowest to highest seed"] = ax.fill_between([], [], color="grey", alpha=0.3)
    if handles:
        ax.legend(handles.values(), handles.keys(), **legend)
