"""A result in plain words, one paragraph."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._grid.result import Grid
from lrfinder._results.records import Status
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.analysis.endings import comparison_window
from lrfinder.analysis.rules import RULES, answers, half_edge
from lrfinder.views.describe.comparison import COMPLETE, trainings
from lrfinder.views.describe.grid import cells_told, failures, recommended_told
from lrfinder.views.describe.probes import probe_ends, under
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from lrfinder._results.records import Confidence
    from lrfinder.views.describe.comparison import Training

TRUST: dict[Confidence, str] = {
    "high": "Confidence is high: what was measured is clear, and the rate can be used as it is.",
    "medium": "Confidence is medium: a good rate to start from, worth comparing with its neighbours before a long training.",
    "low": "Confidence is low: take it for a hint, and compare a few rates around it before training with it.",
}
REFUSALS: dict[Status, str] = {
    Status.OK: "",
    Status.TOO_FEW_POINTS: (
        "There is no suggestion, because the sweep has too few finite losses to read a curve from. "
        "Start lower, or let the rate rise in smaller steps (a smaller lr_multiplier), so that there are more of them."
    ),
    Status.NO_EFFECT: (
        "There is no suggestion, because the rate has no effect: the loss did the same whatever the rate was. "
        "Check that the optimizer holds the parameters of this very model, that they are not frozen, "
        "and that nothing sets the rate back."
    ),
    Status.UNSTABLE: (
        "There is no suggestion, because training was unstable from the start: the loss rose already at the lowest rates. "
        "Start much lower; if that does not help, look at the scale of the inputs and at the initialisation."
    ),
    Status.NO_DESCENT: (
        "There is no suggestion, because the loss never fell at any rate. "
        "Let the sweep reach higher rates if it did not diverge, and check that the targets belong to the inputs "
        "and that the loss is one to be made small."
    ),
    Status.LOW_SIGNAL: (
        "There is no suggestion, because what the loss fell by cannot be told from its noise from batch to batch. "
        "Use larger batches, smaller steps (a smaller lr_multiplier), or the mean of several sweeps; "
        "or compare a few rates directly."
    ),
}
NOTES = {  # by how a note begins; one that is not here is shown as it is
    "at the boundary": "It lies at the boundary of the rates tried, and a better one may lie beyond.",
    "never diverges": "The loss never diverged, so that the upper end is not known: a higher last rate would show it.",
    "cliff nearby": "A cliff is nearby: a rate not much higher makes training diverge, so err to the low side.",
    "budget exhausted": "The iterations allowed were used up before the answer was as narrow as it could be.",
    "extrapolated": "It is extrapolated to a training longer than any that was tried.",
}


@singledispatch
def verdict(result: Result) -> str:
    """What was tried, what came of it and how far to trust it."""
    raise NotImplementedError(type(result).__name__)


def suggestion_in_words(suggestion: Suggestion) -> str:
    """The rate with its interval, how far to trust it and its notes explained; or why there is none and what to do."""
    if suggestion.lr is None:
        return " ".join([REFUSALS[suggestion.status], *map(_explained, suggestion.notes)])
    interval = f"between {suggestion.low:.3g} and {suggestion.high:.3g}"
    rate = f"The suggested learning rate is {suggestion.lr:.3g}; what was measured cannot tell it from others {interval}."
    return " ".join([rate, TRUST[suggestion.confidence], *map(_explained, suggestion.notes)])


def other_rules(result: RangeTest) -> dict[str, float | None]:
    """What the rules of other finders say of the same curve, by their names; ``None`` where one cannot read it."""
    return {name: lr for name, lr in answers(result.lrs, result.losses).items() if RULES[name] is not half_edge}


def other_rules_in_words(result: RangeTest) -> str:
    """The same as one sentence."""
    said = [f"{name} {'nothing' if lr is None else f'{lr:.3g}'}" for name, lr in other_rules(result).items()]
    return f"Other rules say of this curve: {', '.join(said)}."


def _explained(note: str) -> str:
    for beginning, explanation in NOTES.items():
        if note.lower().startswith(beginning):
            return explanation
    return printable(note[:1].upper() + note[1:] + ("" if note.endswith(".") else "."))


@verdict.register(RangeTest)
def _of_range_test(result: RangeTest) -> str:
    if not len(result):
        return f"No learning rate was tried: {result.stop.value} before the first iteration."
    return " ".join(part for part in (_tried(result), _shape(result), suggestion_in_words(result.suggestion)) if part)


def _tried(result: RangeTest) -> str:
    low, high = result.lrs.min(), result.lrs.max()
    rates = (
        f"One learning rate, {low:.3g}, was tried"
        if len(result) == 1
        else f"{len(result)} learning rates from {low:.3g} to {high:.3g} were tried"
    )
    return f"{rates}, one iteration at each; the sweep ended because {result.stop.value}."


def _shape(result: RangeTest) -> str:
    marks = result.landmarks
    events = [
        (marks.falls_from, "started to fall"),
        (marks.steepest, "fell fastest"),
        (marks.lowest, "was lowest"),
        (marks.diverges, "diverged"),
    ]
    seen = [(what, f"{lr:.3g}") for lr, what in events if lr is not None]
    first = "NaN or infinite" if not np.isfinite(result.losses[0]) else f"{result.losses[0]:.4g}"
    if not seen:
        return f"The loss began at {first}."
    told = [f"{what} at {'a rate of ' if number == 0 else ''}{lr}" for number, (what, lr) in enumerate(seen)]
    return f"The loss began at {first}; it {_listed(told)}."


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


@verdict.register(Suggestion)
def _of_suggestion(suggestion: Suggestion) -> str:
    return " ".join(part for part in (_searched(suggestion), suggestion_in_words(suggestion), _bounds(suggestion)) if part)


def _searched(suggestion: Suggestion) -> str:
    """What the rate was read from, and what that took."""
    if suggestion.horizon is None:
        return ""
    swept = 0 if suggestion.curve is None else len(suggestion.curve)
    tried = f"A sweep of {swept} iterations was made, and no probe"
    if suggestion.probes:
        ends = probe_ends(suggestion)
        short, long = min(end.length for end in ends), max(end.length for end in ends)
        each = f"{long}" if short == long else f"{short} to {long}"
        rates = "one learning rate was" if len(ends) == 1 else f"{len(ends)} learning rates were"
        where = "from the same start and on the same batches"
        tried = f"After a sweep of {swept} iterations, {rates} tried for {each} iterations each, {where}"
    training = f"a training of {suggestion.horizon}{under(suggestion)}"
    return f"{tried}: {suggestion.iterations} iterations in all, for {training}."


def _bounds(suggestion: Suggestion) -> str:
    if suggestion.base_lr is None or suggestion.max_lr is None or not suggestion.probes:
        return ""
    if suggestion.schedule != "constant":
        return "It is the highest rate of that schedule."
    base, highest = f"{suggestion.base_lr:.3g}", f"{suggestion.max_lr:.3g}"
    return f"A cyclical schedule would move between {base} and {highest}, one cycle would reach up to {highest}."


@verdict.register(Comparison)
def _of_comparison(comparison: Comparison) -> str:
    all_trainings = trainings(comparison)
    count = len(all_trainings)
    rates = "One learning rate was" if count == 1 else f"{count} learning rates were"
    where = "" if count == 1 else ", from the same start and on the same batches"
    tried = f"{rates} trained for {comparison.iterations} iterations{where}."
    if comparison.best is None:
        return " ".join([tried, "None reached its end, so that none is best; try lower rates.", *_remarks(all_trainings)])
    return " ".join([tried, *_finals(comparison, all_trainings), *_remarks(all_trainings)])


def _finals(comparison: Comparison, all_trainings: tuple[Training, ...]) -> list[str]:
    window = comparison_window(comparison.iterations)
    finals = comparison.final()
    best = int(finals.argmin())
    of = "the last loss" if window == 1 else f"mean of the last {window} iterations"
    sentences = [f"{comparison.lrs[best]:.3g} ended lowest, at {finals[best]:.4g} ({of})."]
    others = [all_trainings[row] for row in np.argsort(finals, kind="stable") if row != best and np.isfinite(finals[row])]
    higher = [f"{training.lr:.3g} by {_with_error(training)}" for training in others if not training.tied]
    if higher:
        sentences.append(f"The others ended higher: {_listed(higher)}.")
    ties = [f"{training.lr:.3g} ({_with_error(training)})" for training in others if training.tied]
    if ties:
        sentences.append(
            f"The difference to {_listed(ties)} is within the noise of these iterations: a tie that a longer comparison may "
            "settle."
        )
    return sentences


def _with_error(training: Training) -> str:
    assert training.above is not None
    error = training.above.standard_error
    return f"{training.above.mean:.3g}" + ("" if np.isnan(error) else f" ± {error:.1g}")


def _remarks(all_trainings: tuple[Training, ...]) -> list[str]:
    return [f"At {training.lr:.3g}: {training.ended}." for training in all_trainings if training.ended != COMPLETE]


@verdict.register(Grid)
def _of_grid(grid: Grid) -> str:
    tried = f"{cells_told(grid)}, in each {grid.each} of {grid.factory}."
    again = [cell for cell in grid.cells if cell.attempts is not None and cell.attempts > 1]
    lost = f"{len(again)} of them were begun again, as their worker was lost." if again else ""
    return printable(" ".join(part for part in (tried, lost, _recommended(grid), *failures(grid.cells)) if part))


def _recommended(grid: Grid) -> str:
    told = grid.recommended
    if told is None:
        return "There is no recommendation, because no combination gave a rate with every seed."
    seeds = len(told.combination.measures)
    over = f" ({told.low:.3g} to {told.high:.3g} over {seeds} seeds)" if seeds > 1 else ""
    error = "" if np.isnan(told.standard_error) else f" ± {told.standard_error:.1g}"
    where = "above" if told.excess > 0 else "below"
    excess = f"Its loss came to {abs(told.excess):.2g}{error} {where} that of the other combination that came lowest."
    notes = " ".join(f"{note[:1].upper()}{note[1:]}." for note in told.notes)
    recommended = f"Recommended: {recommended_told(told, ', at ', over)}."
    return " ".join(part for part in (recommended, told.reason, "" if np.isnan(told.excess) else excess, notes) if part)
