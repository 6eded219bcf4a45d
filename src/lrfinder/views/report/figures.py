"""What the page draws, as plain data: the page's script draws these and works nothing out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lrfinder.views.describe.curve import Limits, LossAxis

Scale = Literal["log", "symlog", "linear"]
Side = Literal["above", "below", "left", "right"]
Colour = Literal["ink", "0", "1", "2", "3"]  # "ink" is that of the text, the numbers those of the style sheet

COLOURS: tuple[Colour, ...] = ("0", "1", "2", "3")
DASHES: tuple[tuple[int, ...], ...] = ((), (8, 5), (2, 4), (10, 4, 2, 4), (14, 4))  # 4 and 5 share no factor: 20 looks


@dataclass(frozen=True)
class Look:
    """A colour and a dash: nothing is told by colour alone."""

    colour: Colour = "ink"
    dash: tuple[int, ...] = ()
    width: float = 1.6
    opacity: float = 1.0

    @classmethod
    def of(cls, number: int) -> Look:
        """The look of one line among many."""
        return cls(COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)], 1.8)


SUGGESTED = Look("1", (8, 5), 1.8)


@dataclass(frozen=True)
class Axis:
    """``scales`` are the ways to space it that the reader can choose from; it is drawn in the first.

    ``linear_below`` is the magnitude below which a ``"symlog"`` axis is linear.
    """

    label: str
    limits: Limits
    scales: tuple[Scale, ...]
    linear_below: float = 1.0


@dataclass(frozen=True)
class Series:
    """Points, a line, or both, in rising order of ``x``; all arrays have one length.

    ``group`` is what the reader can hide as one (a run, a rate), ``layer`` what can be hidden in all groups at once.
    ``iterations`` are told of each point where they are not its ``x``.
    """

    name: str
    group: str
    layer: Literal["raw", "smoothed", "seeds", "ends"]
    drawn: Literal["points", "line", "both"]
    look: Look
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    iterations: NDArray[np.int_] | None = None


@dataclass(frozen=True)
class Mark:
    """What is pointed out.

    A ``"rate"`` is an upright line at ``x``, a ``"band"`` reaches from ``x`` to ``to``; a ``"place"`` and a ``"cross"`` are
    at ``(x, y)``. ``label`` stands in the legend, that of a place ``beside`` it. It is hidden with its ``group``.
    """

    kind: Literal["rate", "band", "place", "cross"]
    label: str
    x: float
    y: float | None = None
    to: float | None = None
    beside: Side = "right"
    group: str = ""
    look: Look = field(default_factory=Look)


@dataclass(frozen=True)
class Figure:
    """One figure; a ``small`` one stands beside others. ``words`` say what is seen, for who does not see it."""

    title: str
    words: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    marks: Sequence[Mark] = ()
    small: bool = False

    @property
    def groups(self) -> list[str]:
        """What can be hidden as one, in order."""
        return list(dict.fromkeys(series.group for series in self.series))

    @property
    def layers(self) -> list[str]:
        """The layers there are, in order."""
        return list(dict.fromkeys(series.layer for series in self.series))


def loss_axis_of(axis: LossAxis) -> Axis:
    """A loss axis for the page: logarithmic ones can be made linear, linear ones logarithmic but around 0."""
    scales: tuple[Scale, ...] = ("linear", "symlog") if axis.scale == "linear" else (axis.scale, "linear")
    low, high = axis.limits
    linear_below = axis.linear_below if axis.scale == "symlog" else max(abs(low), abs(high)) / 1000 or 1.0
    return Axis("loss", axis.limits, scales, linear_below)


def rate_axis_of(limits: Limits) -> Axis:
    """An axis of learning rates."""
    return Axis("learning rate", limits, ("log", "linear"))


def iteration_axis_of(iterations: int) -> Axis:
    """An axis of iterations, counted from 0."""
    return Axis("iteration", (0.0, max(1.0, iterations - 1.0)), ("linear",))
