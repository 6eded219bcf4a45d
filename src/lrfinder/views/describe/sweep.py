"""The sweep of a range test, or the one that a search began with, as views show it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import Settings, Stop
from lrfinder._results.results import RangeTest
from lrfinder.analysis.smoothing import smooth
from lrfinder.views.describe.axes import loss_axis, rate_axis
from lrfinder.views.describe.figure import Figure, Look, Mark, Series
from lrfinder.views.describe.rate import rate_marks
from lrfinder.views.text import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lrfinder._results.records import Record
    from lrfinder._results.results import Suggestion
    from lrfinder.views.describe.figure import Side

WORDS = "The loss of each batch while the learning rate rises, one iteration at each rate, and the smoothed loss."
LANDMARKS = {"falls_from": "starts to fall", "steepest": "falls fastest", "lowest": "is lowest", "diverges": "diverges"}
FREE_SIDES: Mapping[str, Side] = {"falls_from": "above", "steepest": "right", "lowest": "below", "diverges": "left"}


def sweep_lines(sweep: RangeTest) -> Figure:
    """Return the losses of a sweep, by rising rate, and the smoothed curve, without any marks.

    A record that no logarithmic axis can show (a loss that is not finite, a rate of 0) is left out.
    """
    drawable = np.flatnonzero(np.isfinite(sweep.losses) & (sweep.lrs > 0))
    iterations = drawable[np.argsort(sweep.lrs[drawable], kind="stable")]  # rates= may come in any order
    lrs, losses, axis = sweep.lrs[iterations], sweep.losses[iterations], loss_axis(sweep.losses)
    # clipped, since an explosion would lift the smoothed losses before it
    smoothed = smooth(lrs, axis.clipped(losses)) if len(lrs) else losses
    tried = sweep.lrs if (sweep.lrs > 0).any() else [sweep.settings.lr_start or 0, sweep.settings.lr_end or 0]
    series = (
        Series("loss of a batch", "sweep", "raw", "points", Look(opacity=0.55), lrs, losses, iterations),
        Series("smoothed", "sweep", "smoothed", "line", Look("0", width=2.2), lrs, smoothed, iterations),
    )
    return Figure("The sweep", WORDS, rate_axis(tried), axis, series)


def sweep_figure(sweep: RangeTest, rate: Suggestion) -> Figure:
    """Return the figure of a sweep with a suggested rate, its interval, and where the sweep stopped."""
    figure = sweep_lines(sweep)
    return replace(figure, marks=[*rate_marks(rate), *_stop_marks(sweep, figure)])


def with_landmarks(figure: Figure, sweep: RangeTest) -> Figure:
    """Return the figure with the landmarks of its sweep, on the smoothed curve."""
    smoothed = figure.series[-1]
    found = [(name, getattr(sweep.landmarks, name)) for name in LANDMARKS]
    places = [
        Mark("place", LANDMARKS[name], lr, _height(smoothed, lr), beside=FREE_SIDES[name])
        for name, lr in found
        if lr and len(smoothed.x)
    ]
    return replace(figure, marks=[*figure.marks, *places])


def sweep_so_far(records: Sequence[Record]) -> Figure:
    """Return the figure of a sweep that still runs, or of the sweep that a running search began with.

    The title shows the last record.
    """
    rising = 1 + next((k for k, (one, other) in enumerate(pairwise(records)) if other.lr <= one.lr), len(records))
    sweep = RangeTest(tuple(records[:rising]), Stop.LAST_RATE, Settings(None, None, None, len(records), 0.0, ""))
    lr, loss = records[-1] if records else (math.nan, math.nan)
    after = "" if rising > len(records) else f"after the sweep, {len(records) - len(sweep)} iterations: "
    return replace(sweep_lines(sweep), title=f"{after}rate {lr:.3g}, loss {loss:.4g}")


def sweep_cells(sweep: RangeTest | None) -> tuple[str, str, str]:
    """Return the lowest smoothed loss of a sweep, its rate, and the rate at which it diverges, as cells of a table."""
    smoothed = None if sweep is None else sweep_lines(sweep).series[-1]
    if sweep is None or smoothed is None or not len(smoothed.x):
        return "-", "-", "-"
    lowest = int(smoothed.y.argmin())
    return f"{smoothed.y[lowest]:.4g}", f"{smoothed.x[lowest]:.3g}", number(sweep.landmarks.diverges, "not seen")


def sweep_curves(sweep: RangeTest) -> dict[str, Sequence[float]]:
    """Return losses and rates of a sweep by the names that boards log them under."""
    return {"sweep_loss": sweep.losses.tolist(), "sweep_lr": sweep.lrs.tolist()}


def sweep_settings(settings: Settings) -> dict[str, object]:
    """Return the settings of a sweep by what users call them."""
    start, factor, end = settings.lr_start, settings.lr_multiplier, settings.lr_end
    by_factor = f"from {start:g}, each {factor:g} times the previous one, up to {end:g}" if start and factor and end else ""
    return {
        "rates of the sweep": by_factor or "given one by one",
        "iteration limit": settings.max_iterations,
        "smoothing of the stopping criterion": settings.smoothing,
        "stopping criterion": settings.stopping,
    }


def _stop_marks(sweep: RangeTest, figure: Figure) -> list[Mark]:
    if not len(sweep) or not sweep.lrs[-1] > 0:
        return []
    loss = float(figure.y.clipped(sweep.losses[-1:])[0])
    return [Mark("cross", f"stopped: {sweep.stop.value}", float(sweep.lrs[-1]), loss, look=Look(size=9))]


def _height(line: Series, lr: float) -> float:
    return float(np.interp(np.log(lr), np.log(line.x), line.y))
