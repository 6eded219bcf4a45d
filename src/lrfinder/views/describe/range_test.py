"""A range test as views show it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lrfinder.analysis.rules import RULES, answers, half_edge
from lrfinder.views.describe.description import Description, Table
from lrfinder.views.describe.rate import listed, paragraph, rate_cells, rate_outcome, suggestion_in_words
from lrfinder.views.describe.sweep import (
    LANDMARKS,
    sweep_cells,
    sweep_curves,
    sweep_figure,
    sweep_settings,
    with_landmarks,
)
from lrfinder.views.text import number

if TYPE_CHECKING:
    from lrfinder._results.results import RangeTest

IN_THE_PAST = {"falls_from": "started to fall", "steepest": "fell fastest", "lowest": "was lowest", "diverges": "diverged"}


def describe_range_test(result: RangeTest) -> Description:
    """Return the description of a range test."""
    rate = result.suggestion
    outcome = f"no suggestion ({rate.status})" if rate.lr is None else f"{rate.lr:.3g} suggested"
    drawn = partial(sweep_figure, result, rate)
    return Description(
        title=f"Learning-rate range test: {outcome}",
        verdict=lambda: _verdict(result),
        figures=lambda: [with_landmarks(drawn(), result)],
        picture=lambda: [drawn()],
        sketch=drawn,
        tables=lambda: _tables(result),
        settings=sweep_settings(result.settings),
        summary=lambda first: (*rate_cells(rate, first), *sweep_cells(result)),
        curves=lambda: sweep_curves(result),
        outcome=rate_outcome(rate),
        rate=rate,
        sweep=result,
    )


def other_rules(result: RangeTest) -> dict[str, float | None]:
    """Return the rates that the rules of other finders suggest, by rule; ``None`` if a rule cannot read the curve."""
    return {name: lr for name, lr in answers(result.lrs, result.losses).items() if RULES[name] is not half_edge}


def _tables(result: RangeTest) -> list[Table]:
    landmarks = ((what, getattr(result.landmarks, name)) for name, what in LANDMARKS.items())
    rules = {"suggested": result.suggestion.lr, **other_rules(result)}
    return [
        Table(("the loss", "at learning rate"), [(what, number(lr, "not seen")) for what, lr in landmarks]),
        Table(("rule", "learning rate"), [(name, number(lr, "none")) for name, lr in rules.items()]),
    ]


def _verdict(result: RangeTest) -> str:
    if not len(result):
        return f"No learning rate was tried: {result.stop.value} before the first iteration."
    low, high = result.lrs.min(), result.lrs.max()
    many = f"{len(result)} learning rates from {low:.3g} to {high:.3g} were"
    rates = many if len(result) > 1 else f"One learning rate, {low:.3g}, was"
    tried = f"{rates} tried, one iteration at each; the sweep ended because {result.stop.value}."
    return paragraph(tried, _shape(result), suggestion_in_words(result.suggestion))


def _shape(result: RangeTest) -> str:
    rates = ((what, getattr(result.landmarks, name)) for name, what in IN_THE_PAST.items())
    seen = [(what, lr) for what, lr in rates if lr is not None]
    first = f"{result.losses[0]:.4g}" if np.isfinite(result.losses[0]) else "NaN or infinite"
    if not seen:
        return f"The loss began at {first}."
    events = [f"{what} at {'' if place else 'a rate of '}{lr:.3g}" for place, (what, lr) in enumerate(seen)]
    return f"The loss began at {first}; it {listed(events)}."
