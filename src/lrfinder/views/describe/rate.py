"""A suggested rate in words, marks and cells, the same for range tests and searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder._results.records import Status
from lrfinder.views.describe.description import SUGGESTED, Mark
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lrfinder._results.facts import TrainingFacts
    from lrfinder._results.results import Confidence, Suggestion

TRUST: dict[Confidence, str] = {
    "high": "Confidence is high: the measurements are clear, and the rate can be used as it is.",
    "medium": "Confidence is medium: the rate is a good start, worth comparing with its neighbors before a long training.",
    "low": "Confidence is low: treat the rate as a hint, and compare a few rates around it before training with it.",
}
REFUSALS: dict[Status, str] = {
    Status.OK: "",
    Status.TOO_FEW_POINTS: (
        "There is no suggestion, because the sweep has too few finite losses to read a curve from. "
        "For more of them, start lower or let the rate rise in smaller steps (a smaller lr_multiplier)."
    ),
    Status.NO_EFFECT: (
        "There is no suggestion, because the rate has no effect: the loss did the same at every rate. "
        "Check that the optimizer holds the parameters of this very model, that they are not frozen, "
        "and that nothing resets the rate."
    ),
    Status.UNSTABLE: (
        "There is no suggestion, because training was unstable from the start: the loss rose even at the lowest rates. "
        "Start much lower; if that does not help, check the scale of the inputs and the initialization."
    ),
    Status.NO_DESCENT: (
        "There is no suggestion, because the loss never fell at any rate. "
        "If it diverged, try lower rates, otherwise higher ones: rates= sets those of a search. "
        "Check that the targets belong to the inputs, and that a smaller loss is a better one."
    ),
    Status.LOW_SIGNAL: (
        "There is no suggestion, because the fall of the loss cannot be distinguished from its noise between batches. "
        "Use larger batches, smaller steps (a smaller lr_multiplier), or the mean of several sweeps; "
        "or compare a few rates directly."
    ),
    Status.FALLS_WITHOUT_END: (
        "There is no suggestion, because the loss falls without end: the higher the rate, the faster it falls, up to the "
        "highest rate tried. A loss without a floor, such as that of a critic, has no best rate by its own measure. "
        "Bound it, clip the weights, or give rates= that end where the training is still useful."
    ),
    Status.NOT_FINITE_UNTRAINED: (
        "There is no suggestion, because the loss of a batch is not finite before any update, which no rate can change. "
        "Look at that batch: inputs, targets, a logarithm, root or division in the loss. If it is not the first, look at "
        "the gradient of the one before it, too. Then leave the batch out."
    ),
}
READ_FROM_CURVE = "It is read from the curve alone: from where its loss falls, and from where it rises again"
ANY_TRAINING = "A curve suggests the same rate for every length and schedule of the training."
FAMILIES = {
    "sgd": "gradient descent without momentum",
    "momentum": "gradient descent with momentum",
    "adaptive": "an adaptive optimizer, of the family of Adam",
    "sign": "an optimizer that uses signs, of the family of Lion",
    "adagrad": "Adagrad",
}
NOTES = {  # by the beginning of a note; any other note is shown as it is
    "no fall": "The loss never falls within the sweep; the rate lies as far below its rise as good rates usually do.",
    "at the boundary": "It lies at the boundary of the rates tried, and a better one may lie beyond.",
    "never diverges": "The loss never diverged, so the upper end is unknown: a higher last rate would show it.",
    "at the end of this part": "It lies at an end of this part of the sweep, and a better one may lie in the rest.",
    "no divergence in this part": "This part of the sweep shows no divergence, so the upper end is unknown; the rest may.",
    "cliff nearby": "A cliff is nearby: training diverges at a rate not much higher, so err on the low side.",
    "extrapolated": "It is extrapolated to a training longer than any that was tried.",
}


def suggestion_in_words(suggestion: Suggestion, facts: TrainingFacts | None = None) -> str:
    """Return the rate, its interval, its confidence and its notes; or why there is no rate, and what to do.

    ``facts`` is what the learner knew when its curve was read.
    """
    if suggestion.lr is None:
        return " ".join([REFUSALS[suggestion.status], *map(_explained, suggestion.notes)])
    interval = f"In about 8 of 10 cases the best rate lies between {suggestion.low:.3g} and {suggestion.high:.3g}."
    how = () if suggestion.probes else (f"{READ_FROM_CURVE}{_known(facts)}.", ANY_TRAINING)
    parts = (f"Suggested: {suggestion.lr:.3g}.", interval, *how, TRUST[suggestion.confidence])
    return " ".join([*parts, *map(_explained, suggestion.notes)])


def _known(facts: TrainingFacts | None) -> str:
    """Return for which kind of training a curve was read, as the end of a sentence."""
    if facts is None or facts.optimizer not in FAMILIES:
        return ", without knowledge of its optimizer" if facts is None else ", for an optimizer of an unknown family"
    batches = "batches of unknown size" if facts.batch_size is None else f"batches of {facts.batch_size}"
    start = "which has made updates before" if facts.trained else "from a fresh start"
    return f", for {FAMILIES[facts.optimizer]}, {batches}, and a training {start}"


def rate_marks(rate: Suggestion) -> list[Mark]:
    """Return the marks of a suggested rate and its interval; none without a rate."""
    if rate.lr is None or rate.low is None or rate.high is None:
        return []
    interval = f"interval {rate.low:.3g} to {rate.high:.3g}"
    return [
        Mark("rate", f"suggested {rate.lr:.3g}", rate.lr, look=SUGGESTED),
        Mark("band", interval, rate.low, to=rate.high, look=SUGGESTED),
    ]


def rate_cells(rate: Suggestion, first: Suggestion | None) -> tuple[str, str, str]:
    """Return a suggested rate, its interval, and its ratio to ``first``, as cells of a table."""
    if rate.lr is None or rate.low is None or rate.high is None:
        return "none", str(rate.status), "-"
    return f"{rate.lr:.3g}", f"{rate.low:.3g} to {rate.high:.3g}", _ratio(rate, first)


def rate_outcome(rate: Suggestion) -> dict[str, float | str]:
    """Return a suggestion by the names that boards log it under."""
    rates = {"suggested_lr": rate.lr, "lowest_lr": rate.low, "highest_lr": rate.high}
    known = {name: lr for name, lr in rates.items() if lr is not None}
    return {**known, "status": str(rate.status), "confidence": rate.confidence}


def listed(parts: Sequence[str]) -> str:
    """Return the parts as an enumeration: ``"a, b and c"``."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def paragraph(*parts: str) -> str:
    """Return the sentences that are not empty as one paragraph."""
    return " ".join(filter(None, parts))


def _explained(note: str) -> str:
    unknown = printable(note[:1].upper() + note[1:] + ("" if note.endswith(".") else "."))
    return next((NOTES[beginning] for beginning in NOTES if note.lower().startswith(beginning)), unknown)


def _ratio(rate: Suggestion, first: Suggestion | None) -> str:
    """Return how many times as high a rate is, and whether the intervals overlap."""
    if first is None or rate is first or first.lr is None:
        return "-"
    lower, higher = sorted([rate, first], key=lambda one: one.low or 0.0)
    overlap = "intervals overlap" if (higher.low or 0.0) <= (lower.high or 0.0) else "intervals do not overlap"
    return f"{(rate.lr or 0.0) / first.lr:.3g} times, {overlap}" if first.lr else overlap
