"""The interface between results and views: whatever a view shows of a result, it reads from a description."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from lrfinder._results.results import RangeTest, Suggestion

Limits = tuple[float, float]
Row = tuple[str, ...]
Scale = Literal["log", "symlog", "linear"]
Side = Literal["above", "below", "left", "right"]
Color = Literal["ink", "0", "1", "2", "3"]  # "ink" is the color of text; a number stands for one of the palette
Marker = Literal["circle", "diamond", "square", "triangle"]

COLORS: tuple[Color, ...] = ("0", "1", "2", "3")
MARKERS: tuple[Marker, ...] = ("circle", "diamond", "square", "triangle")
# four hues of Okabe and Ito (Color Universal Design, 2008), darker on white and lighter on black
ON_WHITE: Mapping[Color, str] = {"0": "#0072b2", "1": "#c04f00", "2": "#00795a", "3": "#a8497a"}
ON_BLACK: Mapping[Color, str] = {"0": "#56b4e9", "1": "#f2924a", "2": "#2fc698", "3": "#e59cc0"}
SOLID: tuple[float, ...] = ()
DASHES = ((3.7, 1.6), (6.4, 1.6, 1.0, 1.6), (1.0, 1.65), (8.0, 2.0), (8.0, 2.0, 1.0, 2.0, 1.0, 2.0))  # in widths of the line
PATTERNS = (SOLID, *DASHES[:4])  # five share no factor with three or four colors: at least 15 lines differ
SMALLEST = 1e-300  # below it, numbers are subnormal and logarithmic axes fail


@dataclass(frozen=True)
class Look:
    """The style of a line or of points; color is never the only difference between two.

    ``dash`` holds the lengths of dashes and gaps in widths of the line, ``size`` the diameter of points, which have the
    shape ``marker``.
    """

    color: Color = "ink"
    dash: tuple[float, ...] = SOLID
    width: float = 1.6
    opacity: float = 1.0
    size: float = 5.0
    marker: Marker = "circle"

    @classmethod
    def of(cls, number: int, colors: Sequence[Color] = COLORS, width: float = 1.8) -> Look:
        """Return the look of one line among many."""
        return cls(colors[number % len(colors)], PATTERNS[number % len(PATTERNS)], width)


SUGGESTED = Look("1", DASHES[0], 1.8)
BESIDE_SUGGESTED: tuple[Color, ...] = ("0", "2", "3")  # for lines in a figure that also marks the suggested rate


@dataclass(frozen=True)
class Axis:
    """One axis of a figure.

    ``scales`` are the scales that a reader can choose from; the first is drawn. A ``"symlog"`` scale is linear below the
    magnitude ``linear_below``.
    """

    label: str
    limits: Limits
    scales: tuple[Scale, ...]
    linear_below: float = 1.0

    @property
    def scale(self) -> Scale:
        """The scale that is drawn."""
        return self.scales[0]

    def position(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return where values lie on the axis: 0 at the lower limit, 1 at the upper one, beyond these outside."""
        low, high = self.limits
        span = high - low
        near = np.clip(values, low - span, high + span)  # one span outside serves as well as 1e308, and does not overflow
        start, end = self._scaled(np.array(self.limits))
        return (self._scaled(near) - start) / (end - start)

    def value(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values at positions of a logarithmic or linear axis: the inverse of :meth:`position`."""
        start, end = self._scaled(np.array(self.limits))
        scaled = start + positions * (end - start)
        return 10**scaled if self.scale == "log" else scaled

    def clipped(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values moved to the nearest limit if they lie outside; NaN and infinities at the upper one."""
        low, high = self.limits
        return np.clip(np.where(np.isfinite(values), values, high), low, high)

    def _scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.scale == "linear":
            return values
        if self.scale == "log":
            return np.log10(np.maximum(values, SMALLEST))
        return np.sign(values) * np.log10(1 + np.abs(values) / self.linear_below)


@dataclass(frozen=True)
class Series:
    """Points, a line, or both, in rising order of ``x``; all arrays have one length.

    A reader can hide a whole ``group`` (a run, a rate), or one ``layer`` of all groups. ``iterations`` are the iterations
    of the points if ``x`` is something else. The two series of the layer ``"seeds"`` in a group bound a band. ``places`` are
    where the points are drawn if some are moved aside, because others would cover them.
    """

    name: str
    group: str
    layer: Literal["raw", "smoothed", "joined", "seeds", "ends"]
    drawn: Literal["points", "line", "both"]
    look: Look
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    iterations: NDArray[np.int_] | None = None
    places: NDArray[np.float64] | None = None

    @property
    def drawn_x(self) -> NDArray[np.float64]:
        """The ``x`` that the points are drawn at."""
        return self.x if self.places is None else self.places


@dataclass(frozen=True)
class Mark:
    """Something that a figure points out.

    A ``"rate"`` is a vertical line at ``x``, and a ``"band"`` reaches from ``x`` to ``to``. A ``"place"`` (a ring), a
    ``"cross"``, and an ``"error"`` (a dot with the bar ``y ± error``) lie at ``(x, y)``. The legend shows ``label`` unless
    it is empty; that of a place is drawn ``beside`` it. A mark is hidden together with its ``group``. Fields that its kind
    does not need are 0.
    """

    kind: Literal["rate", "band", "place", "cross", "error"]
    label: str
    x: float
    y: float = 0.0
    to: float = 0.0
    error: float = 0.0
    beside: Side = "right"
    group: str = ""
    look: Look = field(default_factory=Look)


@dataclass(frozen=True)
class Figure:
    """One figure; a ``small`` one is drawn next to others.

    ``words`` describe it to those who cannot see it; ``legend_title`` says what the groups are.
    """

    title: str
    words: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    marks: Sequence[Mark] = ()
    small: bool = False
    legend_title: str = ""

    @property
    def groups(self) -> list[str]:
        """The groups, in order."""
        return list(dict.fromkeys(series.group for series in self.series))

    @property
    def layers(self) -> list[str]:
        """The layers, in order."""
        return list(dict.fromkeys(series.layer for series in self.series))

    @property
    def by_group(self) -> bool:
        """True if the legend lists groups, not the series of a single one."""
        return len(self.groups) > 1 or bool(self.legend_title)

    @property
    def legend(self) -> dict[str, Series]:
        """The series of the legend by their labels: the last of each group, or all of a single one."""
        return {series.group if self.by_group else series.name: series for series in self.series}


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
        picture: the figures that matplotlib draws in one picture: panels with the same axes, or the main figure first and
            those that lead to it.
        columns: how many panels stand in one row.
        sketch: the figure that a terminal draws, if any.
        printed: the tables that a terminal prints.
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
    printed: Callable[[], Sequence[Table]]
    tables: Callable[[], Sequence[Table]]
    settings: Mapping[str, object]
    summary: Callable[[Suggestion | None], Row]
    curves: Callable[[], Mapping[str, Sequence[float]]]
    outcome: Mapping[str, float | str]
    rate: Suggestion | None = None
    sweep: RangeTest | None = None
