"""The parts of the page: one for each result, and one for all of them together."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from lrfinder._grid.result import Grid
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.views.describe.grid import value_told
from lrfinder.views.html import table, tables
from lrfinder.views.report.elements import details, facts, scrolled, text
from lrfinder.views.report.overlay import HEADER, differences, rate_of
from lrfinder.views.report.usage import usage
from lrfinder.views.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lrfinder._results.records import Settings


def part(run: Result, frames: Sequence[str]) -> str:
    """What there is to know of one result; ``frames`` are those of its figures."""
    rate = rate_of(run)
    parts = [
        "" if rate is None else _answer(rate),
        f"<p>{text(verdict(run))}</p>",
        f'<div class="frames">{"".join(frames)}</div>',
        f"<h3>In numbers</h3>{scrolled(tables(run), 'In numbers')}",
        "" if rate is None else _how_to_use(rate),
        details("Settings", facts(_settings(run))),
    ]
    return "\n".join(parts)


def together(runs: Mapping[str, Result], frames: Sequence[str]) -> str:
    """Several results over one another, and how they differ."""
    differ = scrolled(table(HEADER, differences(runs)), "How the runs differ")
    return "\n".join([*frames, f"<h3>How they differ</h3>{differ}"])


def _answer(rate: Suggestion) -> str:
    """The number that people come for, large."""
    if rate.lr is None:
        return f'<dl class="answer"><div><dt>no suggestion</dt><dd>{text(rate.status)}</dd></div></dl>'
    told = (
        ("suggested rate", f"{rate.lr:.3g}"),
        ("interval", f"{rate.low:.3g} to {rate.high:.3g}"),
        ("confidence", rate.confidence),
    )
    entries = (f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in told)
    return f'<dl class="answer">{"".join(entries)}</dl>'


def _how_to_use(rate: Suggestion) -> str:
    codes = usage(rate)
    heading = "<h3>How to use the rate</h3>"
    if rate.lr and not codes:
        return f"{heading}<p>Give {rate.lr:.3g} to the schedule {text(rate.schedule)} as its highest rate.</p>"
    shown = (
        details(name, f"<pre tabindex=0>{text(code)}</pre>", " open" if row == 0 else "")
        for row, (name, code) in enumerate(codes.items())
    )
    return heading + "".join(shown) if codes else ""


@singledispatch
def _settings(run: Result) -> Mapping[str, object]:
    """What was asked for."""
    raise NotImplementedError(type(run).__name__)


@_settings.register(RangeTest)
def _of_range_test(run: RangeTest) -> Mapping[str, object]:
    return _sweep_settings(run.settings)


@_settings.register(Suggestion)
def _of_suggestion(run: Suggestion) -> Mapping[str, object]:
    asked = {"horizon, iterations": run.horizon or "not told", "schedule": run.schedule, "iterations made": run.iterations}
    return asked if run.curve is None else {**asked, **_sweep_settings(run.curve.settings)}


@_settings.register(Comparison)
def _of_comparison(run: Comparison) -> Mapping[str, object]:
    return {"rates": ", ".join(f"{lr:.3g}" for lr in run.lrs), "iterations at each": run.iterations}


@_settings.register(Grid)
def _of_grid(run: Grid) -> Mapping[str, object]:
    axes = {f"axis {name}": ", ".join(map(value_told, values)) for name, values in run.axes.items()}
    return {**axes, "in each cell": run.each, "factory": run.factory, "cells made": f"{len(run)} of {run.size}"}


def _sweep_settings(settings: Settings) -> Mapping[str, object]:
    ladder = (settings.lr_start, settings.lr_multiplier, settings.lr_end)
    rates = (
        "given one by one"
        if None in ladder
        else f"from {ladder[0]:g}, each {ladder[1]:g} times the one before, up to {ladder[2]:g}"
    )
    return {
        "rates of the sweep": rates,
        "no more iterations than": settings.max_iterations,
        "smoothing of the stopping criterion": settings.smoothing,
        "stopping criterion": settings.stopping,
    }
