"""lrfinder's own: the curve alone, and the paired probes at several budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from answers import Answer

from lrfinder import LRFinder

if TYPE_CHECKING:
    from answers import Case, Finder

BUDGETS = (150, 300, 350, 650, 1050)
READY = hasattr(LRFinder, "suggest")


def curve(case: Case) -> Answer:
    """What the tutorial's sweep suggests."""
    return _answer(case, LRFinder(case.learner).find().suggestion)


def probes(max_iterations: int) -> Finder:
    """``suggest`` with so many iterations at most."""

    def find(case: Case) -> Answer:
        finder: Any = LRFinder(case.learner)
        return _answer(case, finder.suggest(case.horizon, max_iterations=max_iterations))

    return find


def _answer(case: Case, suggestion: Any) -> Answer:
    """The suggestion with the iterations that were really made, which have to be those it tells of.

    Raises:
        AssertionError: they are not.
    """
    made = case.learner.iterations_made
    if suggestion.iterations != made:
        message = f"The suggestion tells of {suggestion.iterations} iterations, {made} were made."
        raise AssertionError(message)
    says = "; ".join((str(suggestion.status), str(suggestion.confidence), *suggestion.notes))
    return Answer(suggestion.lr, made, suggestion.low, suggestion.high, says)
