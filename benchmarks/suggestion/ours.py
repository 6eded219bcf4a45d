"""The finders of lrfinder: the curve alone, and paired probes at several budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from answers import Answer

from lrfinder import LRFinder

if TYPE_CHECKING:
    from answers import Case, Finder

BUDGETS = (150, 300, 350, 650, 1050)
READY = hasattr(LRFinder, "suggest")


def curve(case: Case) -> Answer:
    """Return the suggestion from the curve of the tutorial's sweep."""
    return _answer(case, LRFinder(case.learner).find().suggestion)


def probes(max_iterations: int) -> Finder:
    """Return ``suggest`` with at most ``max_iterations``."""

    def find(case: Case) -> Answer:
        finder: Any = LRFinder(case.learner)
        return _answer(case, finder.suggest(case.horizon, max_iterations=max_iterations))

    return find


def _answer(case: Case, suggestion: Any) -> Answer:
    """Return the suggestion as an answer.

    Raises:
        AssertionError: If the suggestion reports another number of iterations than the learner counted.
    """
    counted = case.learner.iterations_run
    if suggestion.iterations != counted:
        message = f"The suggestion reports {suggestion.iterations} iterations, but {counted} were run."
        raise AssertionError(message)
    says = "; ".join((str(suggestion.status), str(suggestion.confidence), *suggestion.notes))
    return Answer(suggestion.lr, counted, suggestion.low, suggestion.high, says)
