"""A grid as one figure: small multiples that share their axes (Tufte, Envisioning Information, 1990, chapter 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrfinder.views.describe.grid import multiples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.axes import Axes

    from lrfinder._grid.result import Grid
    from lrfinder.views.describe.curve import LossAxis
    from lrfinder.views.describe.grid import Line, Multiples

ACROSS, DOWN = 0.09, 0.12  # of a panel's width and height, between two panels
A_LINE = 0.08  # of its height, for each further line of its title
PANEL_INCHES = (2.9, 2.5)
BESIDE_INCHES, ABOVE_INCHES = 2.4, 0.9


def size_inches(grid: Grid) -> tuple[float, float]:
    """How large the figure of a grid is to be."""
    drawn = multiples(grid)
    width, height = PANEL_INCHES
    return max(7.6, drawn.columns * width + BESIDE_INCHES), max(4.6, drawn.rows * height + ABOVE_INCHES)


def draw_grid(  # noqa: PLR0913  (what figures of all results have in common comes from their room)
    grid: Grid,
    ax: Axes,
    *,
    legend: Mapping[str, Any],
    style: Callable[[int], Mapping[str, Any]],
    scale: Callable[[Axes, LossAxis], None],
    accent: str,
) -> Axes:
    """The curves of a grid in panels within ``ax``, which shows nothing else.

    Args:
        grid: what is drawn.
        ax: where.
        legend: where the legend goes.
        style: colour and dash of the line with that number.
        scale: gives axes the scale and the limits of losses.
        accent: the colour of what is recommended.
    """
    drawn = multiples(grid)
    ax.set_axis_off()
    ax.set_title(drawn.title, pad=12 * (1 + _title_lines(drawn)), wrap=True)
    panels = _panels(ax, drawn)
    for place, (panel, within) in enumerate(zip(drawn.panels, panels, strict=True)):
        scale(within, drawn.loss_axis)
        within.set(xscale="log", xlim=drawn.x_limits)
        within.set_title(_in_lines(panel.title), fontsize="medium")
        below = place + drawn.columns >= len(panels)
        within.tick_params(labelleft=place % drawn.columns == 0, labelbottom=below, which="both")
        within.set(xlabel="learning rate" if below else "", ylabel="" if place % drawn.columns else "loss")
        within.grid(visible=True, alpha=0.2, linewidth=0.8)
        for number, line in panel.lines:
            _draw_line(within, line, style(number), accent)
    _legend(ax, panels, legend)
    return ax


def _panels(ax: Axes, drawn: Multiples) -> list[Axes]:
    width = 1 / (drawn.columns + ACROSS * (drawn.columns - 1))
    down = DOWN + A_LINE * (_title_lines(drawn) - 1)
    height = 1 / (drawn.rows + down * (drawn.rows - 1))
    panels: list[Axes] = []
    for place in range(len(drawn.panels)):
        row, column = divmod(place, drawn.columns)
        bounds = (column * width * (1 + ACROSS), 1 - height - row * height * (1 + down), width, height)
        shared: dict[str, Any] = {"sharex": panels[0], "sharey": panels[0]} if panels else {}
        panels.append(ax.inset_axes(bounds, **shared))
    return panels


def _in_lines(title: str) -> str:
    """A setting a line: side by side they are wider than a panel."""
    return title.replace(", ", "\n")


def _title_lines(drawn: Multiples) -> int:
    return max((_in_lines(panel.title).count("\n") + 1 for panel in drawn.panels), default=1)


def _draw_line(ax: Axes, line: Line, style: Mapping[str, Any], accent: str) -> None:
    if not len(line.lrs):  # nothing of it was made
        return
    width = 3.0 if line.recommended else 1.6
    ax.fill_between(line.lrs, line.low, line.high, color=style["color"], alpha=0.2, linewidth=0)
    ax.plot(line.lrs, line.mean, **style, linewidth=width, label=line.label)
    if line.lr is not None and line.loss is not None:
        ax.plot([line.lr], [line.loss], "o", color=style["color"], markersize=5)
    if line.recommended and line.lr is not None:
        ax.axvline(line.lr, color=accent, linestyle="--", linewidth=1.8, label=f"recommended {line.lr:.3g}")


def _legend(ax: Axes, panels: list[Axes], legend: Mapping[str, Any]) -> None:
    """One for all panels: a line that is in several of them stands once."""
    found = {label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    if found:
        found["rate, mean over seeds"] = ax.plot([], [], "o", color="grey", markersize=5)[0]
        found["lowest to highest seed"] = ax.fill_between([], [], color="grey", alpha=0.3)
        ax.legend(found.values(), found.keys(), **legend)
