"""A comparison as views show it: the trainings, and how each ended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import APART_FACTOR, Order, Stop
from lrfinder.analysis.endings import comparison_window, ended_above_first_loss
from lrfinder.views.describe.curves import curves_by_rate, finite_beginning, iteration_axis, training_series, trainings_axis
from lrfinder.views.describe.description import COLORS, DASHES, Axis, Description, Figure, Look, Mark, Table
from lrfinder.views.describe.rate import listed, paragraph
from lrfinder.views.text import counted, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lrfinder._results.records import Difference
    from lrfinder._results.results import Comparison
    from lrfinder.views.describe.description import Row, Series

SHOWN_ITERATIONS = (0, 100, 200)
ERROR = "± standard error of the\ndifference from the lowest"
NOT_FINITE_UNTRAINED = "NaN or infinite before any update"
ENDED_ABOVE = "ended above where it began"


@dataclass(frozen=True)
class Training:
    """One training of a comparison.

    ``final`` is the mean loss that decides the comparison, and ``above`` the difference from the training that ended lowest
    (``None`` for that one). ``ended`` says why it stopped early, or that it ended above where it began.
    """

    lr: float
    losses: NDArray[np.float64]
    final: float
    ended: str
    diverged: bool
    best: bool
    above: Difference | None

    @property
    def label(self) -> str:
        """The rate and the outcome."""
        outcome = "lowest" if self.best else self.ended if self.diverged else self.distance
        return f"{self.lr:.3g}: {outcome}" if outcome else f"{self.lr:.3g}"

    @property
    def outcome(self) -> str:
        """The outcome as a cell of a table."""
        return "lowest" if self.best else self.ended or self.distance or "complete"

    @property
    def tied(self) -> bool:
        """True if noise alone may explain its difference from the training that ended lowest."""
        return self.above is not None and self.above.order is Order.TIE

    @property
    def distance(self) -> str:
        """By how much it ended above the lowest, with the standard error; empty if there is no such number."""
        difference = self.difference("+")
        return f"{difference}, a tie" if difference and self.tied else difference

    def difference(self, sign: str = "") -> str:
        """Return the difference from the lowest with its standard error; empty if there is no such number."""
        if self.above is None or not math.isfinite(self.above.mean):
            return ""
        error = self.above.standard_error
        return f"{self.above.mean:{sign}.3g}" + ("" if math.isnan(error) else f" ± {error:.1g}")


def describe_comparison(comparison: Comparison) -> Description:
    """Return the description of a comparison."""
    drawn = partial(_figures, comparison)
    return Description(
        title=_title(comparison),
        verdict=lambda: _verdict(comparison),
        figures=drawn,
        picture=drawn,
        printed=lambda: [_table(comparison)],
        tables=lambda: [_table(comparison)],
        settings={"rates": ", ".join(map(number, comparison.lrs)), "iterations at each": comparison.iterations},
        summary=lambda _: _summary(comparison),
        curves=lambda: curves_by_rate("loss", zip(comparison.lrs.tolist(), comparison.losses.tolist(), strict=True)),
        outcome={} if comparison.best is None else {"best_lr": comparison.best},
    )


def trainings(comparison: Comparison) -> tuple[Training, ...]:
    """Return one training for each rate, in the order of the rates."""
    final = comparison.final()
    best = int(final.argmin()) if comparison.best is not None else -1  # two rows may have the same rate
    rows = zip(comparison.lrs, comparison.losses, final, comparison.stops, comparison.against_best(), strict=True)
    found: list[Training] = []
    for row, (lr, losses, end, stop, above) in enumerate(rows):
        ended = _ended(losses, stop)
        diverged = stop in {Stop.NOT_FINITE, Stop.DIVERGED} or ended == ENDED_ABOVE
        found.append(Training(float(lr), losses, float(end), ended, diverged, row == best, above))
    return tuple(found)


def comparison_axis(comparison: Comparison) -> Axis:
    """Return one loss axis for all trainings: they share the first loss, and the axis holds the lowest of all."""
    lines = [training_series("", losses, Look())[1] for losses in comparison.losses]
    by_iteration = comparison.losses.T.ravel()  # the first is the loss before any update
    return trainings_axis(by_iteration, lines)


def _ended(losses: NDArray[np.float64], stop: Stop) -> str:
    length = len(finite_beginning(losses))
    if stop is Stop.NOT_FINITE and not length:
        return NOT_FINITE_UNTRAINED
    if stop is Stop.NOT_FINITE:
        return f"diverged at iteration {length}"
    if length < len(losses):
        return f"{stop.value} (after {counted(length)})"
    return ENDED_ABOVE if ended_above_first_loss(losses) else ""


def _title(comparison: Comparison) -> str:
    best, tied = comparison.best, len(comparison.tied)
    if comparison.is_same:
        return "Learning rates compared: their losses are the same"
    if best is None:
        return "Learning rates compared: no training reached its end"
    ties = f", tied with {tied} other{'s' * (tied > 1)}" if tied else ""
    return f"Learning rates compared: {best:.3g} ended lowest{ties}"


def _table(comparison: Comparison) -> Table:
    shown = [iteration for iteration in SHOWN_ITERATIONS if iteration < comparison.iterations]
    window, rows = comparison_window(comparison.iterations), trainings(comparison)
    end = f"mean of\nlast {window}" if window > 1 else "last\nloss"
    return Table(
        ("learning\nrate", *(f"loss\nat {iteration}" for iteration in shown), end, "outcome"),
        [
            (number(row.lr), *(number(loss, digits=4) for loss in (*row.losses[shown], row.final)), row.outcome)
            for row in rows
        ],
        next((place for place, row in enumerate(rows) if row.best), None),
    )


def _summary(comparison: Comparison) -> Row:
    if comparison.is_same:
        return ("their losses are the same", *["-"] * 5)
    if comparison.best is None:
        return ("none reached its end", *["-"] * 5)
    ties = f"ties with {', '.join(map(number, comparison.tied))}" if comparison.tied else "-"
    best = number(comparison.best)
    return f"{best} ended lowest", ties, "-", number(comparison.final().min(), digits=4), best, "-"


def _verdict(comparison: Comparison) -> str:
    all_trainings, iterations = trainings(comparison), comparison.iterations
    count = len(all_trainings)
    tried = f"{count} learning rates were trained for {counted(iterations)}, from the same start and on the same batches."
    if count == 1:
        tried = f"One learning rate was trained for {counted(iterations)}."
    remarks = [f"At {training.lr:.3g}: {training.ended}." for training in all_trainings if training.ended]
    if count and all(one.ended == NOT_FINITE_UNTRAINED for one in all_trainings):
        cause = f"The loss of the first batch is {NOT_FINITE_UNTRAINED}, which no rate can change. "
        return paragraph(cause + "Look at that batch: inputs, targets, a logarithm, root or division in the loss.")
    if comparison.is_same:
        return paragraph(tried, _why_same(comparison), *remarks)
    if comparison.best is None:
        return paragraph(tried, "None reached its end, so none is best; try lower rates.", *remarks)
    return paragraph(tried, *_order(all_trainings, comparison_window(iterations)), *remarks)


def _why_same(comparison: Comparison) -> str:
    """Return what it means that the losses at all rates are the same, and what to do."""
    same = "All losses are the same at every rate, bit for bit, so none is best."
    if comparison.iterations == 1:
        return f"{same} The loss of an iteration is the one before its update: compare for more iterations."
    if comparison.lrs.max() < APART_FACTOR * comparison.lrs.min():
        return f"{same} Compare rates that are higher, or further apart."
    return (
        f"{same} The rate has no effect. Check that the optimizer holds the parameters of this very model, that they are "
        "not frozen, and that nothing resets the rate."
    )


def _order(all_trainings: Sequence[Training], window: int) -> list[str]:
    """Return the sentences that say which training ended lowest, by how much the others ended higher, and what is a tie."""
    best = next(training for training in all_trainings if training.best)
    end = "the last loss" if window == 1 else f"mean of the last {window} iterations"
    parts = [f"{best.lr:.3g} ended lowest, at {best.final:.4g} ({end})."]
    others = sorted(
        (one for one in all_trainings if one is not best and math.isfinite(one.final)), key=lambda one: one.final
    )
    higher = [f"{one.lr:.3g} by {one.difference()}" for one in others if not one.tied]
    if higher:
        parts.append(f"The others ended higher: {listed(higher)}.")
    ties = [f"{one.lr:.3g} ({one.difference()})" for one in others if one.tied]
    if ties:
        tied = listed(ties)
        rough = ", since ± is itself a rough estimate" * ("±" in tied)
        parts.append(f"The difference from {tied} may be noise{rough}: a tie, which a longer comparison may settle.")
    return parts


def _figures(comparison: Comparison) -> list[Figure]:
    axis, rows, iterations = comparison_axis(comparison), trainings(comparison), comparison.iterations
    places = iterations - 1 - np.linspace(1, 0, len(rows) + 2)[1:-1] * comparison_window(iterations)  # side by side
    series: list[Series] = []
    marks: list[Mark] = []
    for row, (training, place) in enumerate(zip(rows, places.tolist(), strict=True)):
        color = COLORS[row % len(COLORS)]
        look = Look(color, width=3.2) if training.best else Look(color, DASHES[row % len(DASHES)], 1.7)
        raw, smoothed = training_series(training.label, training.losses, look)
        series += [raw, smoothed]
        marks += _marks(training, raw, place, axis)
    words = "The loss of each training, iteration by iteration: every rate from the same start, on the same batches."
    x = iteration_axis(iterations)
    return [Figure("The trainings", words, x, axis, series, marks, legend_title="learning rate")]


def _marks(training: Training, raw: Series, place: float, axis: Axis) -> list[Mark]:
    """Return a cross at the last finite loss of a training that diverged, and its final mean with an error bar.

    The bar is the standard error of the difference from the lowest mean.
    """
    (low, high), above, marks = axis.limits, training.above, list[Mark]()
    if training.diverged and len(raw.x):
        loss, look = float(axis.clipped(raw.y[-1:])[0]), Look(raw.look.color, size=8)
        marks.append(Mark("cross", "", float(raw.x[-1]), loss, group=training.label, look=look))
    if above is not None and math.isfinite(above.standard_error) and low < training.final < high:
        error, look = above.standard_error, Look(raw.look.color)
        marks.append(Mark("error", ERROR, place, training.final, error=error, group=training.label, look=look))
    return marks
