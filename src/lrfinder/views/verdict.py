"""A result in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder.views.describe import describe
from lrfinder.views.describe.range_test import other_rules
from lrfinder.views.text import number

if TYPE_CHECKING:
    from lrfinder._results.results import RangeTest, Result


def verdict(result: Result) -> str:
    """Return what was tried, what the outcome is and how far to trust it: one paragraph."""
    return describe(result).verdict()


def other_rules_in_words(result: RangeTest) -> str:
    """Return the rates that the rules of other finders suggest for the same curve, in one sentence."""
    suggested = [f"{name} {number(lr, 'nothing')}" for name, lr in other_rules(result).items()]
    return f"Other rules suggest for this curve: {', '.join(suggested)}."
