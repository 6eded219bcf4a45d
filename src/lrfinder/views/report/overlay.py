"""Several runs in one figure, and the table of their differences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.results import Comparison
from lrfinder.views.describe.comparison import comparison_axis
from lrfinder.views.describe.curves import MARGIN, common_loss_axis, loss_axis_around, rate_axis
from lrfinder.views.describe.description import Figure, Look, Mark, Series, Table
from lrfinder.views.describe.range_test import sweep_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lrfinder._results.results import Result
    from lrfinder.views.describe.description import Description

HEADER = ("run", "rate", "interval", "ratio to the first", "lowest loss", "at rate", "diverges at")


def overlay(runs: Mapping[str, Result], described: Mapping[str, Description]) -> list[Figure]:
    """Return one figure of all sweeps and one of the ends of all comparisons, where there are at least two."""
    sweeps = {name: run for name, run in described.items() if run.sweep is not None}
    comparisons = {name: run for name, run in runs.items() if isinstance(run, Comparison)}
    figures = [_sweeps(sweeps)] if len(sweeps) > 1 else []
    return [*figures, _ends(comparisons)] if len(comparisons) > 1 else figures


def differences(runs: Mapping[str, Description]) -> Table:
    """Return a table with a row for each run, which compares its rate with the first that was suggested."""
    rates = (run.rate for run in runs.values())
    first = next((rate for rate in rates if rate is not None and rate.lr is not None), None)
    return Table(HEADER, [(name, *run.summary(first)) for name, run in runs.items()])


def _sweeps(runs: Mapping[str, Description]) -> Figure:
    figures = {name: sweep_lines(run.sweep) for name, run in runs.items() if run.sweep is not None}
    series: list[Series] = []
    marks: list[Mark] = []
    for row, (name, figure) in enumerate(figures.items()):
        look, rate = Look.of(row, width=2.2), runs[name].rate
        raw, smoothed = figure.series
        series += [replace(raw, group=name, look=Look(look.color, opacity=0.5)), replace(smoothed, group=name, look=look)]
        if rate is not None and rate.lr is not None:
            marks.append(Mark("rate", f"{name}: {rate.lr:.3g} suggested", rate.lr, look=look, group=name))
    words = f"The sweeps of {len(runs)} runs, overlaid: {', '.join(runs)}."
    x = rate_axis([limit for figure in figures.values() for limit in figure.x.limits])
    y = common_loss_axis([figure.y for figure in figures.values()])
    return Figure("The sweeps, overlaid", words, x, y, series, marks)


def _ends(comparisons: Mapping[str, Comparison]) -> Figure:
    series: list[Series] = []
    for row, (name, comparison) in enumerate(comparisons.items()):
        final = comparison.final()
        shown = np.flatnonzero(np.isfinite(final) & (comparison.lrs > 0))
        rising, look = shown[np.argsort(comparison.lrs[shown], kind="stable")], replace(Look.of(row), size=6)
        series.append(Series(name, name, "ends", "both", look, comparison.lrs[rising], final[rising]))
    top = common_loss_axis([comparison_axis(comparison) for comparison in comparisons.values()]).limits[1]
    x = rate_axis(np.concatenate([one.x for one in series]), MARGIN)
    y = loss_axis_around(np.concatenate([one.y[one.y <= top] for one in series]))
    words = "The mean loss of the last tenth of each training, against its learning rate."
    return Figure("Where the trainings ended", words, x, y, series)
