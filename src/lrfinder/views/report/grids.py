"""The figures of a grid: small multiples that share their axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder.views.describe.grid import multiples
from lrfinder.views.report.figures import SUGGESTED, Figure, Look, Mark, Series, loss_axis_of, rate_axis_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lrfinder._grid.result import Grid
    from lrfinder.views.describe.grid import Line, Multiples, Panel


def panels(grid: Grid) -> Sequence[Figure]:
    """A figure for each setting but one, and in it a line for each value of that one; all have the same limits."""
    drawn = multiples(grid)
    return [_figure(panel, drawn, several=len(grid.axes.get("seed", ())) > 1) for panel in drawn.panels]


def _figure(panel: Panel, drawn: Multiples, *, several: bool) -> Figure:
    series = [part for number, line in panel.lines for part in _series(line, Look.of(number), several=several)]
    marks = [mark for number, line in panel.lines for mark in _marks(line, Look.of(number))]
    words = "The smoothed loss while the rate rises" + (", its mean over the seeds." if several else ".")
    x, y = rate_axis_of(drawn.x_limits), loss_axis_of(drawn.loss_axis)
    return Figure(panel.title or "The sweeps", words, x, y, series, marks, small=len(drawn.panels) > 1)


def _series(line: Line, look: Look, *, several: bool) -> list[Series]:
    strong = Look(look.colour, look.dash, 3.0 if line.recommended else look.width)
    mean = Series("mean" if several else "smoothed", line.label, "smoothed", "line", strong, line.lrs, line.mean)
    faint = Look(look.colour, look.dash, 0.8, 0.6)
    ends = (("lowest seed", line.low), ("highest seed", line.high)) if several else ()
    return [*(Series(name, line.label, "seeds", "line", faint, line.lrs, losses) for name, losses in ends), mean]


def _marks(line: Line, look: Look) -> list[Mark]:
    """A ring at the rate of each combination, and a line at the one that is recommended."""
    if line.lr is None or line.loss is None:
        return []
    ring = Mark("place", f"{line.lr:.3g}", line.lr, line.loss, beside="above", look=look, group=line.label)
    told = Mark("rate", f"recommended {line.lr:.3g}", line.lr, look=SUGGESTED, group=line.label)
    return [ring, told] if line.recommended else [ring]
