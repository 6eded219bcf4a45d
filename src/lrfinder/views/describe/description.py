"""The interface between results and views: whatever a view shows of a result, it reads from a description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lrfinder._results.results import RangeTest, Suggestion
    from lrfinder.views.describe.figure import Figure

Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Numbers as text. A header may contain line breaks; the row number ``best`` stands out."""

    header: Row
    rows: Sequence[Row]
    best: int | None = None


@dataclass(frozen=True, kw_only=True)
class Description:
    """Everything that views show of one result; functions compute what only some views show.

    Attributes:
        title: the outcome in one line.
        verdict: one paragraph: what was tried, what the outcome is, and how far to trust it.
        figures: the figures of the page, the most important first.
        picture: the figures that matplotlib draws in one picture.
        columns: how many of these stand in one row.
        sketch: the figure that a terminal draws in place of the tables, if any.
        tables: the result in numbers.
        settings: the settings that the result was computed with, by the names that users know.
        summary: the row of a table of several runs, given the first suggestion among them: the rate, its interval, its ratio
            to the first, the lowest loss, the rate of that loss, and the rate at which the loss diverges.
        curves: losses and rates by iteration, for boards. Names consist of letters, digits, ``_``, ``.`` and ``-``.
        outcome: rates and short texts, for boards.
        rate: the suggestion in the result, if any.
        sweep: the range test in the result, if any.
    """

    title: str
    verdict: Callable[[], str]
    figures: Callable[[], Sequence[Figure]]
    picture: Callable[[], Sequence[Figure]]
    columns: int = 1
    sketch: Callable[[], Figure] | None = None
    tables: Callable[[], Sequence[Table]]
    settings: Mapping[str, object]
    summary: Callable[[Suggestion | None], Row]
    curves: Callable[[], Mapping[str, Sequence[float]]]
    outcome: Mapping[str, float | str]
    rate: Suggestion | None = None
    sweep: RangeTest | None = None
