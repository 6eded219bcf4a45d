"""A range test as views show it; also the sweep that a search began with."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import Settings, Stop
from lrfinder._results.results import RangeTest
from lrfinder.analysis.rules import RULES, answers, half_edge
from lrfinder.analysis.smoothing import drawn_line, is_coarse
from lrfinder.views.describe.curves import loss_axis, rate_axis, swept_axis
from lrfinder.views.describe.description import Description, Figure, Look, Mark, Series, Table
from lrfinder.views.describe.rate import listed, paragraph, rate_cells, rate_marks, rate_outcome, suggestion_in_words
from lrfinder.views.text import counted, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lrfinder._results.records import Record
    from lrfinder._results.results import Suggestion
    from lrfinder.views.describe.description import Side

WORDS = "The loss of each batch while the learning rate rises, one iteration at each rate, {line}."
SMOOTHED, JOINED = "and the smoothed loss", "joined by a line: the rates are too far apart to smooth"
LANDMARKS = {"falls_from": "starts to fall", "steepest": "falls fastest", "lowest": "is lowest", "diverges": "diverges"}
IN_THE_PAST = {"falls_from": "started to fall", "steepest": "fell fastest", "lowest": "was lowest", "diverges": "diverged"}
FREE_SIDES: Mapping[str, Side] = {"falls_from": "above", "steepest": "right", "lowest": "below", "diverges": "left"}


def describe_range_test(result: RangeTest, rate: Suggestion | None = None) -> Description:
    """Return the description of a range test with its own suggestion, or with the one of the search that it began."""
    rate = result.suggestion if rate is None else rate
    outcome = f"no suggestion ({rate.status})" if rate.lr is None else f"{rate.lr:.3g} suggested"
    drawn = partial(sweep_figure, result, rate)
    return Description(
        title=f"Learning-rate range test: {outcome}",
        verdict=lambda: _verdict(result),
        figures=lambda: [_with_landmarks(drawn(), result)],
        picture=lambda: [drawn()],
        sketch=drawn,
        printed=list,
        tables=lambda: _tables(result),
        settings=_settings(result.settings),
        summary=lambda first: (*rate_cells(rate, first), *sweep_cells(result)),
        curves=lambda: {"sweep_loss": result.losses.tolist(), "sweep_lr": result.lrs.tolist()},
        outcome=rate_outcome(rate),
        rate=rate,
        sweep=result,
    )


def sweep_lines(sweep: RangeTest) -> Figure:
    """Return the losses of a sweep, by rising rate, and the smoothed or joined curve, without any marks.

    A record that no logarithmic axis can show (a loss that is not finite, a rate of 0) is left out.
    """
    drawable = np.flatnonzero(np.isfinite(sweep.losses) & (sweep.lrs > 0))
    iterations = drawable[np.argsort(sweep.lrs[drawable], kind="stable")]  # rates= may come in any order
    lrs, losses, axis = sweep.lrs[iterations], sweep.losses[iterations], loss_axis(sweep.losses)
    line, coarse = drawn_line(lrs, losses, axis.limits[1]), is_coarse(lrs)
    look = Look(opacity=0.9, size=8) if coarse else Look(opacity=0.55)
    through = (
        ("joined, not smoothed", "joined", Look("0", width=1.4))
        if coarse
        else ("smoothed", "smoothed", Look("0", width=2.2))
    )
    series = (
        Series("loss of a batch", "sweep", "raw", "points", look, lrs, losses, iterations),
        Series(through[0], "sweep", through[1], "line", through[2], lrs, line, iterations),
    )
    planned = [sweep.settings.lr_start or 0, sweep.settings.lr_end or 0]
    x = swept_axis(sweep.lrs) if (sweep.lrs > 0).any() else rate_axis(planned)
    return Figure("The sweep", WORDS.format(line=JOINED if coarse else SMOOTHED), x, axis, series)


def sweep_figure(sweep: RangeTest, rate: Suggestion) -> Figure:
    """Return the figure of a sweep with a suggested rate, its interval, and where the sweep stopped."""
    figure, marks = sweep_lines(sweep), rate_marks(rate)
    if len(sweep) and sweep.lrs[-1] > 0 and sweep.stop is not Stop.PART:
        loss = float(figure.y.clipped(sweep.losses[-1:])[0])
        marks.append(Mark("cross", f"stopped: {sweep.stop.value}", float(sweep.lrs[-1]), loss, look=Look(size=9)))
    return replace(figure, marks=marks)


def _with_landmarks(figure: Figure, sweep: RangeTest) -> Figure:
    """Return the figure with the landmarks of its sweep, on its line."""
    line, places = figure.series[-1], list(figure.marks)
    for name, label in LANDMARKS.items():
        if (lr := getattr(sweep.landmarks, name)) and len(line.x):
            loss = float(np.interp(np.log(lr), np.log(line.x), line.y))
            places.append(Mark("place", label, lr, loss, beside=FREE_SIDES[name]))
    return replace(figure, marks=places)


def sweep_so_far(records: Sequence[Record]) -> Figure:
    """Return the figure of a sweep that still runs, or of the sweep that a running search began with.

    The title shows the last record.
    """
    rising = 1 + next((k for k, (one, other) in enumerate(pairwise(records)) if other.lr <= one.lr), len(records))
    sweep = RangeTest(tuple(records[:rising]), Stop.LAST_RATE, Settings(None, None, None, len(records), 0.0, ""))
    lr, loss = records[-1] if records else (math.nan, math.nan)
    after = "" if rising > len(records) else f"after the sweep, {counted(len(records) - len(sweep))}: "
    return replace(sweep_lines(sweep), title=f"{after}rate {number(lr)}, loss {number(loss, digits=4)}")


def sweep_cells(sweep: RangeTest | None) -> tuple[str, str, str]:
    """Return the lowest smoothed loss of a sweep, its rate, and the rate at which it diverges, as cells of a table."""
    smoothed = None if sweep is None else sweep_lines(sweep).series[-1]
    if sweep is None or smoothed is None or not len(smoothed.x):
        return "-", "-", "-"
    lowest = int(smoothed.y.argmin())
    if sweep.landmarks.lowest is not None:  # read from losses that are smoothed differently
        lowest = int(np.abs(smoothed.x - sweep.landmarks.lowest).argmin())
    return f"{smoothed.y[lowest]:.4g}", f"{smoothed.x[lowest]:.3g}", number(sweep.landmarks.diverges, "not seen")


def _settings(settings: Settings) -> dict[str, object]:
    start, factor, end = settings.lr_start, settings.lr_multiplier, settings.lr_end
    by_factor = f"from {start:g}, each {factor:g} times the previous one, up to {end:g}" if start and factor and end else ""
    return {
        "rates of the sweep": by_factor or "given one by one",
        "iteration limit": settings.max_iterations,
        "smoothing of the stopping criterion": settings.smoothing,
        "stopping criterion": settings.stopping,
    }


def other_rules_in_words(result: RangeTest) -> str:
    """Return the rates that the rules of other finders suggest for the same curve, in one sentence."""
    rates = _other_rules(result)
    if not any(rates.values()):
        return "Other rules suggest nothing for this curve."
    suggested = [f"{name} {number(lr, 'nothing')}" for name, lr in rates.items()]
    return f"Other rules suggest for this curve: {', '.join(suggested)}."


def _other_rules(result: RangeTest) -> dict[str, float | None]:
    found = answers(result.lrs, result.losses) if result.has_effect else dict.fromkeys(RULES)
    return {name: lr for name, lr in found.items() if RULES[name] is not half_edge}


def _tables(result: RangeTest) -> list[Table]:
    landmarks = [(what, number(getattr(result.landmarks, name), "not seen")) for name, what in LANDMARKS.items()]
    rules = {"suggested": result.suggestion.lr, **_other_rules(result)}
    found = [(name, number(lr, "none")) for name, lr in rules.items()]
    return [Table(("the loss", "at learning rate"), landmarks), Table(("rule", "learning rate"), found)]


def _verdict(result: RangeTest) -> str:
    if not len(result):
        return f"No learning rate was tried: {result.stop.value} before the first iteration."
    low, high = result.lrs.min(), result.lrs.max()
    if result.stop is Stop.PART:
        rates = counted(len(result), "learning rate")
        tried = f"This part of a sweep has {rates} from {low:.3g} to {high:.3g}; the rest was left out."
        return paragraph(tried, _shape(result), suggestion_in_words(result.suggestion, result.settings.facts))
    many = f"{len(result)} learning rates from {low:.3g} to {high:.3g} were"
    rates = f"{many} tried, one iteration at each" if len(result) > 1 else f"One learning rate, {low:.3g}, was tried"
    tried = f"{rates}; the sweep ended because {result.stop.value}."
    return paragraph(tried, _shape(result), suggestion_in_words(result.suggestion, result.settings.facts))


def _shape(result: RangeTest) -> str:
    rates = ((what, getattr(result.landmarks, name)) for name, what in IN_THE_PAST.items())
    seen = [(what, lr) for what, lr in rates if lr is not None]
    first = f"{result.losses[0]:.4g}"
    if not np.isfinite(result.losses[0]):
        return f"The loss of the first batch is {'NaN' if np.isnan(result.losses[0]) else 'infinite'}."
    if not seen:
        return f"The loss began at {first}."
    events = [f"{what} at {'' if place else 'a rate of '}{lr:.3g}" for place, (what, lr) in enumerate(seen)]
    return f"The loss began at {first}; it {listed(events)}."
