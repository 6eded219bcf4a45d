"""What to show of a grid, apart from drawing it: a panel for each setting but one, a line for each value of that one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.results import RangeTest
from lrfinder.views.describe.curve import axis_of, curve
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lrfinder._grid.recommendation import Combination, Recommendation
    from lrfinder._grid.result import Cell, Grid, SettingValue
    from lrfinder.views.describe.curve import Limits, LossAxis

WIDEST = 4  # panels side by side


@dataclass(frozen=True)
class Line:
    """A combination: the mean over its seeds of the smoothed curves, and the lowest and highest of them at each rate.

    The arrays have one length; they end where the first of the seeds ended. ``lr`` is the rate of the combination and
    ``loss`` the mean there, ``None`` where there is none.
    """

    label: str
    lrs: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    lr: float | None
    loss: float | None
    recommended: bool


@dataclass(frozen=True)
class Panel:
    """One of the small multiples. ``place`` of a line tells its value on the axis that the lines have in common."""

    title: str
    lines: tuple[tuple[int, Line], ...]


@dataclass(frozen=True)
class Multiples:
    """All that is drawn of a grid; the panels share their limits."""

    title: str
    panels: tuple[Panel, ...]
    columns: int
    x_limits: Limits
    loss_axis: LossAxis

    @property
    def rows(self) -> int:
        """How many panels stand one above the other."""
        return max(1, -(-len(self.panels) // self.columns))


def multiples(grid: Grid) -> Multiples:
    """What to draw of ``grid``, whatever of it is there."""
    varied = [name for name in grid.axes if name != "seed" and len(grid.axes[name]) > 1]
    family, apart = (varied[0], varied[1:]) if varied else ("", [])
    panels: dict[str, list[tuple[int, Line]]] = {}
    for combination in grid.combinations:
        title = settings_told({name: combination.settings[name] for name in apart})
        place = grid.axes[family].index(combination.settings[family]) if family else 0
        panels.setdefault(title, []).append((place, _line(grid, combination, family)))
    lines = [line for panel in panels.values() for _, line in panel]
    last = len(grid.axes[apart[-1]]) if apart else 1
    return Multiples(
        grid_title(grid),
        tuple(Panel(title, tuple(found)) for title, found in panels.items()),
        min(last, WIDEST),
        _limits([line.lrs for line in lines]),
        axis_of(np.concatenate([line.mean for line in lines] or [np.empty(0)])),
    )


def grid_title(grid: Grid) -> str:
    """What the grid is, and what it came to, in a line."""
    told = grid.recommended
    outcome = "no recommendation" if told is None else recommended_told(told, " at ")
    return f"{cells_told(grid)}: {outcome}"


def cells_told(grid: Grid) -> str:
    """How many cells there are, of how many, and how many of them failed."""
    failed = sum(cell.error is not None for cell in grid.cells)
    return f"{len(grid) - failed} of {grid.size} cells" + (f", {failed} failed" if failed else "")


def recommended_told(told: Recommendation, joint: str, over: str = "") -> str:
    """The settings of a recommendation, if any were varied, and its rate with what it was read ``over``."""
    return joint.join(filter(None, [settings_told(told.settings), f"a rate of {told.lr:.3g}{over}"]))


def settings_told(settings: Mapping[str, SettingValue]) -> str:
    """Settings in one line."""
    return printable(", ".join(f"{name} {value_told(value)}" for name, value in settings.items()))


def value_told(value: SettingValue) -> str:
    """A value as short as it can be told apart."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def failures(cells: Sequence[Cell]) -> list[str]:
    """What failed, in a sentence for each error: how many cells, the first of them, and what it said."""
    failed: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.error is not None:
            failed.setdefault(cell.error, []).append(cell)
    return [
        f"{len(same)} failed, the first at {settings_told(same[0].settings)}: {printable(error).removesuffix('.')}."
        for error, same in failed.items()
    ]


def _line(grid: Grid, combination: Combination, family: str) -> Line:
    curves = [drawn for cell in combination.cells if (drawn := _curve(cell)) is not None]
    lrs, mean, low, high = _together(curves)
    loss = float(np.interp(math.log(combination.lr), np.log(lrs), mean)) if combination.lr and len(lrs) else None
    told = grid.recommended
    label = settings_told({family: combination.settings[family]} if family else combination.settings)
    return Line(label, lrs, mean, low, high, combination.lr, loss, told is not None and told.combination == combination)


def _curve(cell: Cell) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The smoothed curve of a cell; of a suggestion, that of its sweep."""
    swept = cell.result if isinstance(cell.result, RangeTest) or cell.result is None else cell.result.curve
    if swept is None:
        return None
    drawn = curve(swept)
    return (drawn.lrs, drawn.smoothed) if len(drawn.lrs) else None


def _together(
    curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rates that all curves have, and there the mean, the lowest and the highest of them."""
    if not curves:
        nothing = np.empty(0)
        return nothing, nothing, nothing, nothing
    first, last = max(lrs[0] for lrs, _ in curves), min(lrs[-1] for lrs, _ in curves)
    lrs = max((lrs for lrs, _ in curves), key=len)
    lrs = lrs[(lrs >= first) & (lrs <= last)]
    heights = np.array([np.interp(np.log(lrs), np.log(own), losses) for own, losses in curves])
    return lrs, heights.mean(axis=0), heights.min(axis=0), heights.max(axis=0)


def _limits(rates: Sequence[NDArray[np.float64]]) -> Limits:
    ends = [float(end) for lrs in rates if len(lrs) for end in (lrs[0], lrs[-1])]
    low, high = min(ends, default=1e-6), max(ends, default=10.0)
    return (low, high) if low < high else (low / 2, high * 2)
