"""Results as rich prints them in a terminal: never wider than the console, and readable without colors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lrfinder.views.describe import describe
from lrfinder.views.text import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from lrfinder._results.results import Result
    from lrfinder.views.describe import description
    from lrfinder.views.describe.description import Axis, Color, Figure, Marker, Series

    Cells = list[list[tuple[str, str]]]  # a character and its style, by row and column

BRAILLE = 0x2800
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # bits of the 4 x 2 dots of a cell, as in Unicode
GAP_COLUMNS = 2  # between the columns of a table
LONG_WORD = 10  # characters of a header that stay on one line
MIN_COLUMNS = 8  # fewer show nothing
NOTHING = "no loss to draw"
HEIGHT = 14  # lines of the plot
# styles; a terminal has names for the hues of the palette, and shades of its own for dark and light
HUES: Mapping[Color, str] = {"ink": "", "0": "bright_blue", "1": "bright_red", "2": "green", "3": "magenta"}
LINE, RAW, SUGGESTED, CROSS = HUES["0"], "dim", HUES["1"], "bold"
SYMBOLS = {"rate": "▲", "band": "━━", "cross": "×"}  # noqa: RUF001  (a sign, not a letter)
MARKERS: Mapping[Marker, str] = {"circle": "●", "diamond": "◆", "square": "■", "triangle": "▼"}
SINGLE = "•"  # a loss of a coarse sweep, which the line passes through
ASCII = str.maketrans("│└─┬┊▲━×⠒⠂●◆■▼•", "|+-+:^=x*.o%#vo")  # noqa: RUF001
MOST_TICKS = 6  # of an axis without several powers of ten


def terminal_view(result: Result) -> RenderableType:
    """Return a result of any kind as a figure of text, or as tables under its title."""
    shown = describe(result)
    title: RenderableType = Text(shown.title, style="bold")
    if shown.sketch is not None:
        title = FigureView(replace(shown.sketch(), title=shown.title))
    return Group(title, *map(table_view, shown.printed()))


def table_view(shown: description.Table) -> TableView:
    """Return a table as rich prints it."""
    return TableView(shown)


@dataclass(frozen=True)
class TableView:
    """A table no wider than the console. Where its numbers do not fit, each row is a paragraph of its own."""

    shown: description.Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, or its rows; rich calls this once the width is known."""
        least = [self._least_width(column) for column in range(len(self.shown.header))]
        if sum(least) + GAP_COLUMNS * len(least) > options.max_width:
            yield from self._paragraphs(options.max_width)
            return
        table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        *numbers, outcome = self.shown.header
        whole = sum(max(width, len(header)) + GAP_COLUMNS for width, header in zip(least, self.shown.header, strict=True))
        for width, header in zip(least, numbers, strict=False):
            fixed = None if whole <= options.max_width else width
            table.add_column(Text(header), justify="right", overflow="fold", width=fixed)
        table.add_column(Text(outcome), overflow="fold")
        for row, cells in enumerate(self.shown.rows):
            table.add_row(*map(Text, cells), style=self._style(row))
        yield table

    def _least_width(self, column: int) -> int:
        """Return the width at which no number and no short word is broken."""
        words = [word for row in self.shown.rows for word in row[column].split()]
        return max(map(len, [*words, *(word[:LONG_WORD] for word in self.shown.header[column].split())]), default=0)

    def _paragraphs(self, width: int) -> Iterable[Text]:
        for row, cells in enumerate(self.shown.rows):
            headers = [" ".join(header.split()) for header in self.shown.header[:-1]]
            named = [f"{header} {cell}" for header, cell in zip(headers, cells, strict=False) if cell]
            text = ", ".join(named) + (f": {cells[-1]}" if cells[-1] else "")
            yield Text("\n".join(wrap(text, width, subsequent_indent="  ")), style=self._style(row))

    def _style(self, row: int) -> str:
        return "bold" if row == self.shown.best else ""


@dataclass(frozen=True)
class FigureView:
    """A figure as rich prints it, as wide as the console; a console without Unicode gets ASCII."""

    figure: Figure

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines; rich calls this once the width is known."""
        for line in _lines(self.figure, options.max_width, ascii_only=options.ascii_only):
            line.truncate(options.max_width)  # a console of a few columns shows the left part, not broken lines
            if options.ascii_only:
                line.plain = line.plain.translate(ASCII)
            yield line


def _lines(figure: Figure, width: int, *, ascii_only: bool) -> list[Text]:
    title = [Text(line, style="bold") for line in wrap(figure.title, width)]
    if not any(len(series.x) for series in figure.series):
        return [*title, Text(NOTHING)]
    labels = _loss_labels(figure)
    margin = max(map(len, labels))
    columns, blank = max(MIN_COLUMNS, width - margin - 1), " " * margin
    rows = zip(labels, _plot(figure, columns, ascii_only=ascii_only), strict=True)
    axis, rates = _rate_axis(figure, columns)
    return [
        *title,
        Text(figure.y.label.rjust(margin)),
        *(Text.assemble(label.rjust(margin) + "│", *cells) for label, cells in rows),
        Text.assemble(blank + "└", *axis),
        Text(f"{blank} {rates}"),
        Text(f"{blank} {figure.x.label:^{columns}}".rstrip()),
        *(_colored(line, figure) for line in _packed(_legend(figure), width)),
    ]


def _loss_labels(figure: Figure) -> list[str]:
    """Return labels of the lines: both limits, the first loss, and the lowest smoothed loss."""
    bottom, top = figure.y.limits
    labels = [number(top), *[""] * (HEIGHT - 2), number(bottom)]
    shown = [series.y for series in figure.series if len(series.y)]
    losses = [shown[0][0], shown[-1].min()] if shown else []
    for loss, row in zip(losses, _rows(figure.y, losses, HEIGHT), strict=True):
        if 0 <= row < HEIGHT:
            labels[row] = number(loss)
    return labels


def _plot(figure: Figure, columns: int, *, ascii_only: bool) -> Cells:
    line, raw = np.zeros((2, HEIGHT * 4, columns * 2), dtype=np.bool_)
    for series in figure.series:
        if series.drawn == "points" and series.layer == "raw":
            _draw_points(raw, figure, series)
        elif series.drawn == "line" and len(series.x):
            _draw_line(line, figure, series)
    bits = np.dstack([_braille(line), _braille(raw)]).tolist()
    cells = [[_cell(*cell, ascii_only=ascii_only) for cell in row] for row in bits]
    for series in figure.series:
        if symbol := _symbol(figure, series):
            _draw_symbols(cells, figure, series, symbol)
    for mark in figure.marks:
        column = _columns(figure.x, [mark.x], columns)[0]
        if mark.kind == "rate":
            for row in cells:
                row[column] = ("┊", SUGGESTED) if row[column][0] == " " else row[column]
        if mark.kind == "cross":
            cells[_rows(figure.y, [mark.y], HEIGHT)[0]][column] = (SYMBOLS["cross"], CROSS)
    return cells


def _symbol(figure: Figure, series: Series) -> str:
    """Return the character for each point of a series; empty for one that is drawn in dots."""
    if series.layer == "ends":
        return MARKERS[series.look.marker]
    return SINGLE if series.layer == "raw" and "joined" in figure.layers else ""


def _draw_symbols(cells: Cells, figure: Figure, series: Series, symbol: str) -> None:
    """Draw each point that lies within the figure as a character, which moves right where another series has drawn one."""
    columns, occupied = len(cells[0]), set(MARKERS.values()) - {symbol}
    rows = _rows(figure.y, series.y, HEIGHT)
    for row, column in zip(rows, _columns(figure.x, series.x, columns), strict=True):
        if 0 <= row < HEIGHT:
            free = (place for place in range(column, columns) if cells[row][place][0] not in occupied)
            cells[row][next(free, column)] = (symbol, HUES[series.look.color])


def _cell(line: int, raw: int, *, ascii_only: bool) -> tuple[str, str]:
    if not line and not raw:
        return " ", ""
    style, plain = (LINE, "*") if line else (RAW, ".")
    return plain if ascii_only else chr(BRAILLE + (line or raw)), style


def _braille(dots: NDArray[np.bool_]) -> NDArray[np.int_]:
    """Return dots ``(4 * rows, 2 * columns)`` as the bits of braille cells ``(rows, columns)``."""
    down, across = dots.shape
    blocks = dots.reshape(down // 4, 4, across // 2, 2)
    return np.einsum("rdcs,ds->rc", blocks.astype(np.int_), DOTS)


def _draw_points(dots: NDArray[np.bool_], figure: Figure, series: Series) -> None:
    down, across = dots.shape
    rows = _rows(figure.y, series.y, down)
    seen = (rows >= 0) & (rows < down)
    dots[rows[seen], _columns(figure.x, series.x, across)[seen]] = True


def _draw_line(dots: NDArray[np.bool_], figure: Figure, series: Series) -> None:
    """Draw a line without gaps: each column of dots is filled between the heights at its two edges."""
    down, across = dots.shape
    heights = np.interp(np.linspace(0, 1, across + 1), figure.x.position(series.x), figure.y.position(series.y))
    rows = np.floor((1 - heights) * down).astype(np.int_)
    first, last = _columns(figure.x, [series.x[0], series.x[-1]], across)
    for column in range(first, last + 1):
        top, bottom = sorted((rows[column], rows[column + 1]))
        dots[max(top, 0) : max(bottom + 1, 0), column] = True


def _rows(axis: Axis, losses: ArrayLike, down: int) -> NDArray[np.int_]:
    """Return on which of ``down`` lines losses lie, 0 at the top; below 0 or from ``down`` on if they lie outside."""
    position = axis.position(losses)
    rows = np.floor((1 - position) * down).astype(np.int_)
    return np.where(position == 0, down - 1, rows)  # the lower limit itself lies on the lowest line


def _columns(axis: Axis, values: ArrayLike, across: int) -> NDArray[np.int_]:
    """Return in which of ``across`` columns values lie; those outside in the nearest."""
    return np.clip(np.floor(axis.position(values) * across), 0, across - 1).astype(np.int_)


def _rate_axis(figure: Figure, columns: int) -> tuple[list[tuple[str, str]], str]:
    """Return the axis with ticks, interval and suggested rate; and the labels of the ticks, as far as they fit."""
    ticks, axis, labels = _ticks(figure.x), [("─", "")] * columns, ""
    for tick, column in zip(ticks, _columns(figure.x, ticks, columns), strict=True):
        axis[column] = ("┬", "")
        label = number(tick)
        start = min(max(0, int(column) - len(label) // 2), columns - len(label))
        if start > len(labels) or not labels:
            labels = labels.ljust(start) + label
    for mark in sorted(figure.marks, key=lambda mark: mark.kind):  # a rate is drawn over its band
        if mark.kind == "band":
            low, high = _columns(figure.x, [mark.x, mark.to], columns)
            axis[low : high + 1] = [("━", SUGGESTED)] * (high + 1 - low)
        if mark.kind == "rate":
            axis[_columns(figure.x, [mark.x], columns)[0]] = ("▲", SUGGESTED)
    return axis, labels


def _ticks(axis: Axis) -> list[float]:
    """Return powers of ten, or 1, 2 and 5 of each if they are few; round numbers on a linear axis; else both limits."""
    low, high = axis.limits
    ticks = list[float]()
    if axis.scale == "log":
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        few = high < 1000 * low
        ticks = [float(f"{factor}e{decade}") for decade in decades for factor in ((1, 2, 5) if few else (1,))]
    elif axis.scale == "linear":
        unit = 10.0 ** math.floor(math.log10((high - low) / MOST_TICKS))
        step = next(step for factor in (1, 2, 5, 10) if (step := factor * unit) * MOST_TICKS >= high - low)
        ticks = [count * step for count in range(math.ceil(low / step), math.floor(high / step) + 1)]
    within = [tick for tick in ticks if low <= tick <= high]
    return within if len(within) > 1 else [low, high]


def _legend(figure: Figure) -> list[str]:
    lines = [f"⠒⠒ {series.name}" for series in figure.series if series.drawn == "line"]
    symbols = [(series, _symbol(figure, series) or "⠂") for series in figure.series if series.drawn != "line"]
    points = [f"{symbol} {series.name}" for series, symbol in symbols]
    marks = [f"{SYMBOLS[mark.kind]} {mark.label}" for mark in figure.marks if mark.kind in SYMBOLS and mark.label]
    return [*lines, *points, *marks]


def _colored(line: str, figure: Figure) -> Text:
    """Return a line of the legend in which each symbol has the color of its points."""
    text = Text(line)
    for series in figure.series:
        if series.layer == "ends":
            text.highlight_words([MARKERS[series.look.marker]], HUES[series.look.color])
    text.highlight_words([SYMBOLS["rate"], SYMBOLS["band"]], SUGGESTED)
    text.highlight_words(["⠒⠒"], LINE)
    return text


def _packed(entries: Iterable[str], width: int) -> list[str]:
    """Return as many entries per line as fit; an entry that fits on no line is broken between words."""
    lines: list[str] = []
    for entry in entries:
        joined = f"{lines[-1]}   {entry}" if lines else entry
        if lines and len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(entry)
    return [part for line in lines for part in wrap(line, width)]
