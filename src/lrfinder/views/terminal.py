"""Results as rich renderables, for a terminal: nothing is told by colour alone, and nothing is wider than the console."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import singledispatch
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from lrfinder._grid.result import Grid
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.views.describe.comparison import COMPLETE, trainings
from lrfinder.views.describe.curve import Band, curve
from lrfinder.views.describe.grid import grid_title, value_told
from lrfinder.views.describe.probes import probe_ends, suggestion_title
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from lrfinder._grid.recommendation import Combination
    from lrfinder.views.describe.curve import Curve, LossAxis

BRAILLE = 0x2800
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # bits of the 4 x 2 dots of a cell, as in Unicode
FEWEST_COLUMNS = 8  # fewer show nothing
HEIGHT = 14  # lines of a picture
SHOWN_ITERATIONS = (0, 100, 200)
LAST = 20
LINE, RAW, SUGGESTED, STOPPED = "cyan", "dim", "red", "bold"


@dataclass(frozen=True)
class Signs:
    """The characters of a picture. Without braille a cell holds ``line`` or ``raw``."""

    frame: str
    corner: str
    axis: str
    tick: str
    rate: str
    suggested: str
    interval: str
    stopped: str
    line: str
    raw: str
    braille: bool


UNICODE = Signs("│", "└", "─", "┬", "┊", "▲", "━", "×", "⠒", "⠂", braille=True)  # noqa: RUF001  (a sign, not a letter)
ASCII = Signs("|", "+", "-", "+", ":", "^", "=", "x", "*", ".", braille=False)


@singledispatch
def terminal_view(result: Result) -> RenderableType:
    """A result of any kind as rich prints it."""
    raise NotImplementedError(type(result).__name__)


@terminal_view.register(RangeTest)
def range_test_view(result: RangeTest, *, width: int | None = None, height: int = HEIGHT) -> RangeTestView:
    """The curve of a range test in ``height`` lines of braille dots, as wide as ``width`` or the console, whichever is less.

    The smoothed curve is a line, raw losses are dots beside it; below are the rates in decades, the suggested rate and its
    interval. A console that has ASCII alone gets ASCII.
    """
    return RangeTestView(curve(result), width, height)


@terminal_view.register(Comparison)
def comparison_table(comparison: Comparison) -> Table:
    """A row a rate: its loss at iterations 0, 100 and 200 (those there are), the mean of its last 20, and how it ended.

    One that reached its end is told by how much it ended above the lowest, with the standard error, or that it is a tie.
    """
    shown = [iteration for iteration in SHOWN_ITERATIONS if iteration < comparison.iterations]
    last = min(LAST, comparison.iterations)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for header in ("learning\nrate", *(f"loss\nat {iteration}" for iteration in shown), f"mean of\nlast {last}"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("how it\nended")
    for training, losses, final in zip(trainings(comparison), comparison.losses, comparison.final(last), strict=True):
        values = [_number(loss) if math.isfinite(loss) else "-" for loss in (*losses[shown], final)]
        ended = (
            "lowest" if training.best else (training.distance or COMPLETE) if training.ended == COMPLETE else training.ended
        )
        table.add_row(_number(training.lr), *values, ended, style="bold" if training.best else None)
    return table


@terminal_view.register(Suggestion)
def suggestion_view(suggestion: Suggestion) -> RenderableType:
    """The table of the probes; where there are none, the curve of the sweep with the rate that it was read for."""
    if suggestion.probes or suggestion.curve is None:
        return suggestion_table(suggestion)
    lr, low, high = suggestion.lr, suggestion.low, suggestion.high
    band = None if lr is None or low is None or high is None else Band(lr, low, high)
    drawn = replace(curve(suggestion.curve), title=suggestion_title(suggestion), band=band)
    return RangeTestView(drawn, None, HEIGHT)


@terminal_view.register(Grid)
def grid_table(grid: Grid) -> Table:
    """A row a combination: its settings, its rate and how low its loss came, with their spread over the seeds."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=grid_title(grid), title_justify="left")
    axes = [name for name in grid.axes if name != "seed"]
    for header in (*map(printable, axes), "cells", "rate", "lowest\nto highest", "lowest\nloss", "±"):
        table.add_column(header, justify="right", overflow="fold")
    table.add_column("what came\nof it")
    recommended = None if grid.recommended is None else grid.recommended.combination
    for one in grid.combinations:
        values = [printable(value_told(one.settings[name])) for name in axes]
        rate = "-" if one.lr is None else _number(one.lr)
        rates = f"{min(one.lrs):.2g} to {max(one.lrs):.2g}" if len(one.lrs) > 1 else "-"
        losses = [
            f"{value:.{digits}g}" if math.isfinite(value) else "-" for value, digits in ((one.lowest, 3), (one.spread, 1))
        ]
        style = "bold" if one == recommended else None
        table.add_row(*values, str(len(one.cells)), rate, rates, *losses, _came_of(one, recommended), style=style)
    return table


def _came_of(one: Combination, recommended: Combination | None) -> str:
    if one == recommended:
        return "recommended"
    refused = [str(told.status) for cell in one.cells if (told := cell.suggestion) is not None and told.lr is None]
    told = [f"{one.failed} failed"] * bool(one.failed) + [
        f"{refused.count(why)} with {why}" for why in dict.fromkeys(refused)
    ]
    return ", ".join(told)


def suggestion_table(suggestion: Suggestion) -> Table:
    """A row a probe: its rate, its length, where its loss began and ended, and what came of it."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=suggestion_title(suggestion), title_justify="left")
    for header in ("learning\nrate", "iterations", "loss at\nthe first", "mean of the\nlast third"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("what came\nof it")
    for end, probe in zip(probe_ends(suggestion), suggestion.probes, strict=True):
        first = _number(probe.losses[0]) if probe.losses else "-"
        last = "-" if end.diverged else _number(end.loss)
        remarks = ["lowest"] * end.lowest + ["in the interval"] * end.within + [end.ended] * bool(end.ended)
        style = "bold" if end.lowest else None
        table.add_row(_number(end.lr), str(end.length), first, last, ", ".join(remarks), style=style)
    return table


@dataclass(frozen=True)
class RangeTestView:
    """A curve as rich prints it; its lines are worked out when the width of the console is known."""

    curve: Curve
    width: int | None
    height: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What rich calls to print it."""
        width = min(self.width or options.max_width, options.max_width)
        for line in _lines(self.curve, width, self.height, ASCII if options.ascii_only else UNICODE):
            line.truncate(width)  # a console of a few columns shows the left of it rather than a torn picture
            yield line

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """What rich calls to lay it out beside something else."""
        width = min(self.width or options.max_width, options.max_width)
        return Measurement(width, width)


def _lines(drawn: Curve, width: int, height: int, signs: Signs) -> list[Text]:
    labels = _loss_labels(drawn, height)
    margin = max(map(len, labels))
    columns = max(FEWEST_COLUMNS, width - margin - 1)
    picture = _picture(drawn, columns, height, signs)
    rows = [Text(label.rjust(margin) + signs.frame).append_text(row) for label, row in zip(labels, picture, strict=True)]
    rate_axis, rates = _rate_axis(drawn, columns, signs)
    blank = " " * margin
    title = [Text(line, style="bold") for line in wrap(drawn.title, width)]
    legend = [Text(line) for line in _packed(_legend(drawn, signs), width)]
    return [
        *title,
        Text("loss".rjust(margin)),
        *rows,
        Text(blank + signs.corner).append_text(rate_axis),
        Text(f"{blank} {rates}"),
        Text(f"{blank} {'learning rate':^{columns}}".rstrip()),
        *legend,
    ]


def _loss_labels(drawn: Curve, height: int) -> list[str]:
    """The limits at the ends; where the sweep began and how low it came (smoothed) on the lines where those lie."""
    labels = [""] * height
    bottom, top = drawn.loss_axis.limits
    labels[-1], labels[0] = _number(bottom), _number(top)
    if len(drawn.lrs):
        for loss in (drawn.losses[0], drawn.smoothed.min()):
            row = _rows(drawn.loss_axis, np.array([loss]), height)[0]
            if 0 <= row < height:
                labels[row] = _number(loss)
    return labels


def _picture(drawn: Curve, columns: int, height: int, signs: Signs) -> list[Text]:
    line = _cells(_line_dots(drawn, columns * 2, height * 4))
    raw = _cells(_raw_dots(drawn, columns * 2, height * 4))
    cells = [[_cell(int(a), int(b), signs) for a, b in zip(*pair, strict=True)] for pair in zip(line, raw, strict=True)]
    if drawn.band is not None:
        column = _columns(drawn, [drawn.band.lr], columns)[0]
        for row in cells:
            row[column] = (signs.rate, SUGGESTED) if row[column][0] == " " else row[column]
    if drawn.stopped is not None:
        column = _columns(drawn, [drawn.stopped.lr], columns)[0]
        row = _rows(drawn.loss_axis, np.array([drawn.stopped.loss]), height)[0]
        cells[row][column] = (signs.stopped, STOPPED)
    return [Text.assemble(*row) for row in cells]


def _cell(line: int, raw: int, signs: Signs) -> tuple[str, str]:
    if line:
        return (chr(BRAILLE + line) if signs.braille else signs.line), LINE
    if raw:
        return (chr(BRAILLE + raw) if signs.braille else signs.raw), RAW
    return " ", ""


def _cells(dots: NDArray[np.bool_]) -> NDArray[np.int_]:
    """Dots ``(4 * rows, 2 * columns)`` to the bits of braille cells ``(rows, columns)``."""
    down, across = dots.shape
    blocks = dots.reshape(down // 4, 4, across // 2, 2)
    return np.einsum("rdcs,ds->rc", blocks.astype(np.int_), DOTS)


def _raw_dots(drawn: Curve, across: int, down: int) -> NDArray[np.bool_]:
    dots = np.zeros((down, across), dtype=np.bool_)
    rows = _rows(drawn.loss_axis, drawn.losses, down)
    seen = (rows >= 0) & (rows < down)
    dots[rows[seen], _columns(drawn, drawn.lrs, across)[seen]] = True
    return dots


def _line_dots(drawn: Curve, across: int, down: int) -> NDArray[np.bool_]:
    """The smoothed curve without a gap: in each column of dots all between its heights at the column's two edges."""
    dots = np.zeros((down, across), dtype=np.bool_)
    if not len(drawn.lrs):
        return dots
    position = drawn.across(drawn.lrs)
    height = drawn.loss_axis.height(drawn.smoothed)
    edges = np.linspace(0, 1, across + 1)
    at_edges = np.interp(edges, position, height)
    rows = np.floor((1 - at_edges) * down).astype(np.int_)
    first, last = _columns(drawn, [drawn.lrs[0], drawn.lrs[-1]], across)
    for column in range(first, last + 1):
        top, bottom = sorted((rows[column], rows[column + 1]))
        dots[max(top, 0) : max(bottom + 1, 0), column] = True
    return dots


def _rows(loss_axis: LossAxis, losses: NDArray[np.float64], down: int) -> NDArray[np.int_]:
    """On which of ``down`` lines losses lie, 0 the uppermost; below 0 or from ``down`` on where they are outside."""
    height = loss_axis.height(losses)
    rows = np.floor((1 - height) * down).astype(np.int_)
    return np.where(height == 0, down - 1, rows)  # the lower limit itself is on the lowest line


def _columns(drawn: Curve, lrs: NDArray[np.float64] | list[float], across: int) -> NDArray[np.int_]:
    """In which of ``across`` columns rates lie; those outside in the nearest."""
    return np.clip(np.floor(drawn.across(np.array(lrs)) * across), 0, across - 1).astype(np.int_)


def _rate_axis(drawn: Curve, columns: int, signs: Signs) -> tuple[Text, str]:
    """The axis with its ticks, interval and suggestion, and below it the labels of the ticks that have room."""
    ticks = _ticks(drawn)
    axis = [(signs.axis, "")] * columns
    labels = ""
    for lr, column in zip(ticks, _columns(drawn, ticks, columns), strict=True):
        axis[column] = (signs.tick, "")
        label = f"{lr:.3g}"
        start = min(max(0, int(column) - len(label) // 2), columns - len(label))
        if start > len(labels) or not labels:
            labels = labels.ljust(start) + label
    if drawn.band is not None:
        low, suggested, high = _columns(drawn, [drawn.band.low, drawn.band.lr, drawn.band.high], columns)
        axis[low : high + 1] = [(signs.interval, SUGGESTED)] * (high + 1 - low)
        axis[suggested] = (signs.suggested, SUGGESTED)
    return Text.assemble(*axis), labels


def _ticks(drawn: Curve) -> list[float]:
    """The decades within the rates tried; where there are less than two, the lowest and the highest rate."""
    low, high = drawn.x_limits
    decades = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    return [10.0**decade for decade in decades] if len(decades) > 1 else [low, high]


def _legend(drawn: Curve, signs: Signs) -> list[str]:
    if not len(drawn.lrs):
        return ["no loss to draw"]
    entries = [f"{signs.line * 2} smoothed", f"{signs.raw} loss of a batch"]
    if drawn.band is not None:
        entries += [
            f"{signs.suggested} suggested {_number(drawn.band.lr)}",
            f"{signs.interval * 2} interval {_number(drawn.band.low)} to {_number(drawn.band.high)}",
        ]
    if drawn.stopped is not None:
        entries.append(f"{signs.stopped} stopped: {drawn.stopped.why}")
    return entries


def _packed(entries: list[str], width: int) -> list[str]:
    """The entries, as many on a line as fit; one that fits on none is broken between words."""
    lines: list[str] = []
    for entry in entries:
        joined = f"{lines[-1]}   {entry}" if lines else entry
        if lines and len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(entry)
    return [part for line in lines for part in wrap(line, width)]


def _number(value: float) -> str:
    return f"{value:.3g}"
