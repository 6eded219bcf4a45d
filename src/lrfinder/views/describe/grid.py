"""A grid as views show it: a panel for each combination of all axes but one, and in it a line for each value of that one."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.results import RangeTest
from lrfinder.views.describe.curves import loss_axis, rate_axis
from lrfinder.views.describe.description import (
    BESIDE_SUGGESTED,
    SUGGESTED,
    Description,
    Figure,
    Look,
    Mark,
    Series,
    Table,
)
from lrfinder.views.describe.range_test import describe_range_test, sweep_lines
from lrfinder.views.describe.rate import listed, paragraph
from lrfinder.views.text import number, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lrfinder._grid.recommendation import Combination, Recommendation
    from lrfinder._grid.result import Cell, Grid, SettingValue
    from lrfinder.views.describe.description import Row

SAME_LOSS = 1e-6  # relative: losses that no table shows apart
MOST_COLUMNS = 4  # panels side by side
LINE_COLORS = (*BESIDE_SUGGESTED, "ink")


def describe_grid(grid: Grid) -> Description:
    """Return the description of a grid."""
    best, varied = grid.recommended, _varied(grid)[1:]
    cells, drawn = f"{len(grid)} of {grid.size}", partial(_panels, grid)
    return Description(
        title=f"{cells_in_words(grid)}: {'no recommendation' if best is None else _best_in_words(best, ' at ')}",
        verdict=lambda: _verdict(grid),
        figures=drawn,
        picture=drawn,
        columns=min(len(grid.axes[varied[-1]]), MOST_COLUMNS) if varied else 1,
        printed=lambda: [_table(grid)],
        tables=lambda: [_table(grid)],
        settings={
            **{f"axis {name}": ", ".join(map(value_in_words, values)) for name, values in grid.axes.items()},
            "in each cell": grid.each,
            "factory": grid.factory,
            "cells": cells,
        },
        summary=lambda _: _summary(grid.recommended),
        curves=lambda: _curves(grid),
        outcome={**({} if best is None else {"recommended_lr": best.lr}), "cells": cells},
    )


def settings_in_words(settings: Mapping[str, SettingValue]) -> str:
    """Return settings in one line."""
    return printable(", ".join(f"{name} {value_in_words(value)}" for name, value in settings.items()))


def value_in_words(value: SettingValue) -> str:
    """Return a value with six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def cells_in_words(grid: Grid) -> str:
    """Return how many of the cells are complete, and how many failed."""
    failed = sum(cell.error is not None for cell in grid.cells)
    return f"{len(grid) - failed} of {grid.size} cells" + (f", {failed} failed" if failed else "")


def _verdict(grid: Grid) -> str:
    tried = f"{cells_in_words(grid)}, each with {grid.each} on a learner of {grid.factory}."
    count = sum(cell.attempts is not None and cell.attempts > 1 for cell in grid.cells)
    restarted = f"{count} of them {'were' if count > 1 else 'was'} restarted after a worker was lost." if count else ""
    return printable(paragraph(tried, restarted, _recommended(grid), *_failures(grid.cells)))


def _table(grid: Grid) -> Table:
    axes = [name for name in grid.axes if name != "seed"]
    header = (*map(printable, axes), "cells", "rate", "lowest\nto highest", "lowest\nloss", "std over\nseeds", "outcome")
    best = next((row for row, one in enumerate(grid.combinations) if _is_recommended(grid, one)), None)
    rows = [_row(one, axes, "recommended" if row == best else _refused(one)) for row, one in enumerate(grid.combinations)]
    return Table(header, rows, best)


def _summary(best: Recommendation | None) -> Row:
    if best is None:
        return ("no recommendation", *["-"] * 5)
    rate = f"{best.lr:.3g} with {settings_in_words(best.settings)}"
    return rate, f"{best.low:.3g} to {best.high:.3g} over seeds", "-", f"{best.combination.lowest:.4g}", "-", "-"


def _curves(grid: Grid) -> dict[str, Sequence[float]]:
    sweeps = [(row, sweep) for row, cell in enumerate(grid.cells) if (sweep := _sweep(cell)) is not None]
    curves = {row: describe_range_test(sweep).curves() for row, sweep in sweeps}
    return {f"{name}_of_cell_{row}": values for row in curves for name, values in curves[row].items()}


def _best_in_words(best: Recommendation, joint: str, over: str = "") -> str:
    """Return the settings of a recommendation, if any were varied, and its rate with its range ``over`` seeds."""
    return joint.join(filter(None, [settings_in_words(best.settings), f"a rate of {best.lr:.3g}{over}"]))


def _recommended(grid: Grid) -> str:
    best = grid.recommended
    if best is None:
        return "There is no recommendation, because no combination gave a rate with every seed."
    seeds = len(best.combination.measures)
    over = f" ({best.low:.3g} to {best.high:.3g} over {seeds} seeds)" if seeds > 1 else ""
    error = "" if math.isnan(best.standard_error) else f" ± {best.standard_error:.1g}"
    where = "above" if best.excess > 0 else "below"
    excess = f"Its loss is {abs(best.excess):.2g}{error} {where} that of the lowest other combination."
    notes = [f"{note[:1].upper()}{note[1:]}." for note in best.notes]
    recommended = f"Recommended: {_best_in_words(best, ', at ', over)}."
    return paragraph(recommended, best.reason, "" if math.isnan(best.excess) else excess, _trade(grid, best), *notes)


def _trade(grid: Grid, best: Recommendation) -> str:
    """Return the place of a recommendation by its loss, and the losses one step away from it, if it is not the lowest."""
    own, losses = best.combination.lowest, [one.lowest for one in grid.combinations if math.isfinite(one.lowest)]
    place = 1 + sum(own - loss > SAME_LOSS * abs(own) for loss in losses)
    steps = [
        (step, one.lowest) for one in grid.combinations if (step := _step(grid, best, one)) and math.isfinite(one.lowest)
    ]
    if place == 1 or not steps:
        return ""
    near = listed([f"{loss:.4g} with {step}" for step, loss in steps])
    return f"What that costs: by its loss, {own:.4g}, it has place {place} of {len(losses)}; one step away, it is {near}."


def _step(grid: Grid, best: Recommendation, other: Combination) -> str:
    """Return the setting of a combination that is one step away from the recommended one; of any other, nothing."""
    differing = [name for name, value in best.settings.items() if other.settings[name] != value]
    if len(differing) != 1:
        return ""
    values = list(grid.axes[differing[0]])
    there, here = (values.index(settings[differing[0]]) for settings in (other.settings, best.settings))
    return settings_in_words({differing[0]: other.settings[differing[0]]}) if abs(there - here) == 1 else ""


def _failures(cells: Sequence[Cell]) -> list[str]:
    """Return a sentence for each error: how many cells failed with it, the first of them, and its text."""
    failed = [(cell.error, settings_in_words(cell.settings)) for cell in cells if cell.error is not None]
    errors = [error for error, _ in failed]
    first = dict(reversed(failed))
    return [
        f"{errors.count(error)} failed, the first at {first[error]}: {printable(error).removesuffix('.')}."
        for error in dict.fromkeys(errors)
    ]


def _row(one: Combination, axes: Sequence[str], outcome: str) -> Row:
    values = [printable(value_in_words(one.settings[name])) for name in axes]
    rates = f"{min(one.lrs):.2g} to {max(one.lrs):.2g}" if len(one.lrs) > 1 else "-"
    losses = number(one.lowest, digits=4), number(one.spread, digits=2)
    return (*values, str(len(one.cells)), number(one.lr), rates, *losses, outcome)


def _refused(one: Combination) -> str:
    suggestions = [cell.suggestion for cell in one.cells]
    reasons = [str(rate.status) for rate in suggestions if rate is not None and rate.lr is None]
    failed = [f"{one.failed} failed"] if one.failed else []
    return ", ".join([*failed, *(f"{reasons.count(reason)} with {reason}" for reason in dict.fromkeys(reasons))])


def _varied(grid: Grid) -> list[str]:
    """Return the axes with several values; the lines of a panel differ along the first, the panels along the others."""
    return [name for name in grid.axes if name != "seed" and len(grid.axes[name]) > 1]


def _panels(grid: Grid) -> list[Figure]:
    """Return the panels, which share their axes (small multiples: Tufte, Envisioning Information, 1990, chapter 4)."""
    drawn = [(one, _lines(grid, one)) for one in grid.combinations]
    means = [series[-1] for _, series in drawn if series]
    x = rate_axis(np.concatenate([mean.x for mean in means] or [np.empty(0)]))
    y = loss_axis(np.concatenate([mean.y for mean in means] or [np.empty(0)]))
    words = "The smoothed loss while the rate rises" + (", its mean over the seeds." if _repeated(grid) else ".")
    panels: dict[str, tuple[list[Series], list[Mark]]] = {}
    for one, lines in drawn:
        title = settings_in_words({name: one.settings[name] for name in _varied(grid)[1:]})
        series, marks = panels.setdefault(title, ([], []))
        series += lines
        marks += _marks(grid, one, lines[-1]) if lines else []
    small = len(panels) > 1
    return [Figure(title or "The sweeps", words, x, y, *parts, small=small) for title, parts in panels.items()]


def _repeated(grid: Grid) -> bool:
    return len(grid.axes.get("seed", ())) > 1


def _is_recommended(grid: Grid, one: Combination) -> bool:
    return grid.recommended is not None and grid.recommended.combination == one


def _lines(grid: Grid, one: Combination) -> list[Series]:
    """Return the mean over the seeds of the smoothed curves, after the lowest and the highest; nothing without a curve.

    The lines end at the rate at which the first of the seeds ended.
    """
    sweeps = [sweep for cell in one.cells if (sweep := _sweep(cell)) is not None]
    curves = [curve for sweep in sweeps if len((curve := sweep_lines(sweep).series[-1]).x)]
    lrs, heights = _aligned(curves)
    if not len(lrs):
        return []
    family = next(iter(_varied(grid)), None)
    label = settings_in_words(one.settings if family is None else {family: one.settings[family]})
    look = Look.of(0 if family is None else grid.axes[family].index(one.settings[family]), LINE_COLORS, 1.6)
    strong = replace(look, width=3.0) if _is_recommended(grid, one) else look
    faint = replace(look, width=0.8, opacity=0.6)
    bounds = {"lowest seed": heights.min(axis=0), "highest seed": heights.max(axis=0)} if _repeated(grid) else {}
    mean = Series("mean" if bounds else "smoothed", label, "smoothed", "line", strong, lrs, heights.mean(axis=0))
    return [*(Series(name, label, "seeds", "line", faint, lrs, losses) for name, losses in bounds.items()), mean]


def _marks(grid: Grid, one: Combination, mean: Series) -> list[Mark]:
    """Return a ring at the rate of a combination, and a line if it is recommended."""
    if one.lr is None:
        return []
    loss = float(np.interp(math.log(one.lr), np.log(mean.x), mean.y))
    ring = Mark("place", number(one.lr), one.lr, loss, beside="above", look=mean.look, group=mean.group)
    line = Mark("rate", f"recommended {one.lr:.3g}", one.lr, look=SUGGESTED, group=mean.group)
    return [ring, line] if _is_recommended(grid, one) else [ring]


def _sweep(cell: Cell) -> RangeTest | None:
    """Return the range test of a cell, or the sweep of its search."""
    return cell.result if isinstance(cell.result, RangeTest) or cell.result is None else cell.result.curve


def _aligned(curves: Sequence[Series]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rates that all curves reach, and the height of each curve there, shape ``(curves, rates)``."""
    lrs = max((curve.x for curve in curves), key=len, default=np.empty(0))
    for curve in curves:
        lrs = lrs[(lrs >= curve.x[0]) & (lrs <= curve.x[-1])]
    return lrs, np.array([np.interp(np.log(lrs), np.log(curve.x), curve.y) for curve in curves])
