"""Descriptions of results: the content of every view, apart from drawing and printing it."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from lrfinder._grid.result import Grid
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.views.describe.comparison import describe_comparison
from lrfinder.views.describe.grid import describe_grid
from lrfinder.views.describe.range_test import describe_range_test
from lrfinder.views.describe.suggestion import describe_suggestion

if TYPE_CHECKING:
    from lrfinder.views.describe.description import Description

__all__ = ["describe", "verdict"]


@singledispatch
def describe(result: Result) -> Description:
    """Return the description of a result; each kind of result is registered here, and nowhere else."""
    raise NotImplementedError(type(result).__name__)


describe.register(RangeTest, describe_range_test)
describe.register(Suggestion, describe_suggestion)
describe.register(Comparison, describe_comparison)
describe.register(Grid, describe_grid)


def verdict(result: Result) -> str:
    """Return what was tried, what the outcome is and how far to trust it: one paragraph."""
    return describe(result).verdict()
