"""A suggestion as views show it: the sweep, and the probes that followed it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import Stop
from lrfinder.analysis.endings import search_score
from lrfinder.views.describe.curves import (
    MARGIN,
    USUAL_LOSSES,
    beside_each_other,
    curves_by_rate,
    iteration_axis,
    loss_axis,
    loss_axis_around,
    loss_axis_of,
    rate_axis,
    training_series,
    trainings_axis,
)
from lrfinder.views.describe.description import (
    BESIDE_SUGGESTED,
    MARKERS,
    Axis,
    Description,
    Figure,
    Look,
    Mark,
    Series,
    Table,
)
from lrfinder.views.describe.range_test import describe_range_test, sweep_cells
from lrfinder.views.describe.rate import paragraph, rate_cells, rate_marks, rate_outcome, suggestion_in_words
from lrfinder.views.text import counted, number, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lrfinder._results.records import Probe
    from lrfinder._results.results import Suggestion
    from lrfinder.views.describe.description import Row
ENDS = "loss, mean of last fifth"


def describe_suggestion(suggestion: Suggestion) -> Description:
    """Return the description of a suggestion."""
    swept = None if suggestion.curve is None else describe_range_test(suggestion.curve, suggestion)

    def deciding() -> list[Figure]:
        return [_probes_figure(suggestion)] if suggestion.probes else []

    def followed() -> list[Figure]:
        return [_losses_figure(suggestion)] if suggestion.probes else []

    return Description(
        title=_title(suggestion),
        verdict=lambda: _verdict(suggestion),
        figures=lambda: [*deciding(), *([] if swept is None else swept.figures()), *followed()],
        picture=lambda: [*deciding(), *([] if swept is None else swept.picture())] or [_nothing(suggestion)],
        sketch=partial(_probes_figure, suggestion) if suggestion.probes else None if swept is None else swept.sketch,
        printed=lambda: [_table(suggestion)] if suggestion.probes else [],
        tables=lambda: [_table(suggestion)] if suggestion.probes else [],
        settings={
            "horizon, iterations": suggestion.horizon or "not given",
            "schedule": suggestion.schedule,
            "iterations run": suggestion.iterations,
            **({} if swept is None else swept.settings),
        },
        summary=lambda first: (*rate_cells(suggestion, first), *sweep_cells(suggestion.curve)),
        curves=lambda: {
            **({} if swept is None else swept.curves()),
            **curves_by_rate("probe", ((probe.lr, probe.losses) for probe in suggestion.probes)),
        },
        outcome=rate_outcome(suggestion),
        rate=suggestion,
        sweep=suggestion.curve,
    )


def _verdict(suggestion: Suggestion) -> str:
    facts = None if suggestion.curve is None else suggestion.curve.settings.facts
    return paragraph(_searched(suggestion), _lowest(suggestion), suggestion_in_words(suggestion, facts), _bounds(suggestion))


def _title(suggestion: Suggestion) -> str:
    if suggestion.lr is None:
        return f"Learning rate: no suggestion ({suggestion.status})"
    found = f"Learning rate {suggestion.lr:.3g} suggested"
    if not suggestion.probes:
        return f"{found}, read from the curve alone"
    return found if suggestion.horizon is None else f"{found} for {_training(suggestion)}"


def _training(suggestion: Suggestion) -> str:
    schedule = "" if suggestion.is_constant else f" with the schedule {printable(suggestion.schedule)}"
    return f"{counted(suggestion.horizon or 0)}{schedule}"


def _table(suggestion: Suggestion) -> Table:
    header = ("learning\nrate", "iterations", "first\nloss", "mean of the\nlast fifth", "outcome")
    lowest = lowest_probe(suggestion)
    rows = [_row(suggestion, probe, "lowest" if probe is lowest else "") for probe in suggestion.probes]
    return Table(header, rows, next((row for row, probe in enumerate(suggestion.probes) if probe is lowest), None))


def _row(suggestion: Suggestion, probe: Probe, lowest: str) -> Row:
    within = suggestion.low is not None and suggestion.high is not None and suggestion.low <= probe.lr <= suggestion.high
    ended = "" if probe.stop is Stop.MAX_ITERATIONS else probe.stop.value
    if probe.stop is Stop.NOT_FINITE:
        ended = f"diverged at iteration {len(probe.losses) - 1}"
    outcome = ", ".join(filter(None, [lowest, "in the interval" if within else "", ended]))
    losses = [number(loss, digits=4) for loss in (next(iter(probe.losses), None), score(probe))]
    return (number(probe.lr), str(len(probe.losses)), *losses, outcome)


def _searched(suggestion: Suggestion) -> str:
    """Return what the rate was read from, and how many iterations that took."""
    if suggestion.horizon is None:
        return ""
    swept = 0 if suggestion.curve is None else len(suggestion.curve)
    tried = "no probe was trained"
    if suggestion.probes:
        lengths = [len(probe.losses) for probe in suggestion.probes]
        short, long = min(lengths), max(lengths)
        each = counted(long) if short == long else f"{short} to {counted(long)}"
        rates = "one learning rate was" if len(lengths) == 1 else f"{len(lengths)} learning rates were"
        tried = f"{rates} tried for {each} each, from the same start and on the same batches"
    total = f"{counted(suggestion.iterations)} in all{_others(suggestion, swept)}"
    training = f", for a training of {_training(suggestion)}" if suggestion.probes else ""
    return f"After a sweep of {counted(swept)}, {tried}: {total}{training}."


def _others(suggestion: Suggestion, swept: int) -> str:
    """Return how many iterations are neither of the sweep nor of the probes as they are shown, and what these did."""
    others = suggestion.iterations - swept - sum(len(probe.losses) for probe in suggestion.probes)
    if others <= 0:
        return ""
    repeated = ", or trained a probe again" if suggestion.probes else ""
    return f" ({others} of these measured the loss of the untrained model on the same batches{repeated})"


def _lowest(suggestion: Suggestion) -> str:
    """Return which rate ended lowest, and why the suggested one is another."""
    lowest = lowest_probe(suggestion)
    if lowest is None or suggestion.lr is None:
        return ""
    others = "; the suggestion weighs the other probes, the sweep and the length of the training as well"
    return f"After {counted(len(lowest.losses))}, {lowest.lr:.3g} was lowest{others}."


def _bounds(suggestion: Suggestion) -> str:
    if suggestion.base_lr is None or suggestion.max_lr is None or not suggestion.probes:
        return ""
    if not suggestion.is_constant:
        return "It is the highest rate of that schedule."
    base, highest = f"{suggestion.base_lr:.3g}", f"{suggestion.max_lr:.3g}"
    return f"A cyclical schedule would move between {base} and {highest}; one cycle would reach up to {highest}."


def _nothing(suggestion: Suggestion) -> Figure:
    """Return the figure of a suggestion that keeps neither the sweep nor the probes that it came from."""
    words = "The suggested rate; what it was read from was not kept."
    return Figure(
        "The rate",
        words,
        rate_axis(_rates(suggestion), MARGIN),
        loss_axis_of(USUAL_LOSSES, "log"),
        [],
        rate_marks(suggestion),
    )


def _probes_figure(suggestion: Suggestion) -> Figure:
    """Return the scores of the probes against their rates: the figure that the rate was decided from."""
    words = (
        "The mean loss over the last fifth of short trainings, against their learning rate; all of them had the same start "
        "and the same batches."
    )
    x, series = rate_axis(_rates(suggestion), MARGIN), _end_series(suggestion)
    y = _ends_axis(suggestion, np.concatenate([np.empty(0), *(one.y for one in series)]))
    marks = [*rate_marks(suggestion), *_diverged(suggestion, y)]
    title = f"The probes, for a training of {_training(suggestion)}"
    return Figure(title, words, x, y, beside_each_other(series, x, y), marks)


def _losses_figure(suggestion: Suggestion) -> Figure:
    losses = [np.array(probe.losses, dtype=np.float64) for probe in suggestion.probes]
    longest = max(map(len, losses))
    by_iteration = [one[k] for k in range(longest) for one in losses if k < len(one)]
    names = [number(probe.lr) for probe in suggestion.probes]
    series = [one for row in range(len(names)) for one in training_series(names[row], losses[row], Look.of(row))]
    words = "The loss of each probe, iteration by iteration; the better ones were trained longer."
    y = trainings_axis(np.array(by_iteration, dtype=np.float64), series[1::2])
    return Figure("The probes, iteration by iteration", words, iteration_axis(longest), y, series)


def _rates(suggestion: Suggestion) -> list[float]:
    interval = [rate for rate in (suggestion.low, suggestion.high) if rate is not None]
    return [*(probe.lr for probe in suggestion.probes), *interval]


def _end_series(suggestion: Suggestion) -> list[Series]:
    """Return the scores of the probes for each length; the longer, the larger are the points."""
    drawn = "both" if suggestion.is_constant else "points"  # else a line would pass by the rates that were trained longer
    series: list[Series] = []
    for row, (length, ends) in enumerate(scores_by_length(suggestion).items()):
        name = f"after {counted(length)}"
        look = Look.of(row, BESIDE_SUGGESTED, 1.6)
        look = replace(look, size=6 + 1.5 * min(row, 3), marker=MARKERS[row % len(MARKERS)])
        lrs, losses = np.array(ends, dtype=np.float64).reshape(-1, 2).T
        series.append(Series(name, name, "ends", drawn, look, lrs, losses))
    return series


def _ends_axis(suggestion: Suggestion, ends: NDArray[np.float64]) -> Axis:
    """Return an axis that fits the ends of the probes; those far above the loss before any update are left out."""
    firsts = np.array([loss for probe in suggestion.probes for loss in probe.losses[:1]])
    top = loss_axis(np.append(firsts, ends)).limits[1]
    return replace(loss_axis_around(ends[ends <= top]), label=ENDS)


def _diverged(suggestion: Suggestion, y: Axis) -> list[Mark]:
    """Return a cross at the upper edge for each rate whose probe did not reach its end, or ended above the axis."""
    diverged = [probe.lr for probe in suggestion.probes if probe.lr > 0 and not score(probe) <= y.limits[1]]
    return [Mark("cross", "diverged", lr, y.limits[1], look=Look(size=8)) for lr in diverged]


def score(probe: Probe) -> float:
    """Return the score of a probe in its search; infinite if the probe stopped early."""
    return search_score(np.array(probe.losses)) if probe.stop is Stop.MAX_ITERATIONS else math.inf


def lowest_probe(suggestion: Suggestion) -> Probe | None:
    """Return the probe with the lowest score of those of the greatest length, if any has one."""
    longest = max((len(probe.losses) for probe in suggestion.probes), default=0)
    whole = [probe for probe in suggestion.probes if len(probe.losses) == longest and math.isfinite(score(probe))]
    return min(whole, key=score, default=None)


def scores_by_length(suggestion: Suggestion) -> dict[int, list[tuple[float, float]]]:
    """Return ``(lr, score)`` of the probes by rising rate, for each length of a probe, the shortest first.

    At a constant rate, the beginning of a longer probe counts as a shorter one. Under a schedule it does not: a shorter
    training has other rates.
    """
    probes = sorted((probe for probe in suggestion.probes if probe.lr > 0), key=lambda probe: probe.lr)
    lengths = sorted({len(probe.losses) for probe in suggestion.probes if math.isfinite(score(probe))})
    return {
        length: [
            (probe.lr, loss)
            for probe in probes
            if len(probe.losses) == length or (len(probe.losses) > length and suggestion.is_constant)
            if math.isfinite(loss := search_score(np.array(probe.losses[:length])))
        ]
        for length in lengths
    }
