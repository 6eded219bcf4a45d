"""A grid on disk: a line that says what it is, and a line for each cell, added as the cell finishes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lrfinder._grid.result import Cell, Grid, Value, key, settings_of
from lrfinder._results.codec import HEAD, append_line, as_lines, document_of, read, result_of, told_where, write_whole
from lrfinder._results.results import RangeTest, Suggestion
from lrfinder.errors import GridError, ResultFileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from lrfinder._results.codec import Document

MOST_CELLS = 1 << 20


def save_grid(grid: Grid, path: str | PathLike[str]) -> None:
    """Write a grid whole."""
    head = {**HEAD, "result": "Grid", "each": grid.each, "factory": grid.factory}
    axes = [[name, list(values)] for name, values in grid.axes.items()]
    write_whole(as_lines([{**head, "axes": axes}, *map(_line, grid.cells)]), path)


def add_cell(cell: Cell, path: str | PathLike[str]) -> None:
    """Add a cell that has finished to the file of its grid."""
    append_line(_line(cell), path)


def grid_of(document: Document, lines: Sequence[Document]) -> Grid:
    """The grid of a file. A later line of a cell takes the place of an earlier one."""
    axes = {str(name): tuple(map(_value, values)) for name, values in document["axes"]}
    if not 0 < math.prod(map(len, axes.values())) <= MOST_CELLS:
        message = "axes"
        raise ValueError(message)
    found = {key(cell.settings): cell for cell in map(_cell, lines)}
    places = [key(settings) for settings in settings_of(axes)]
    if not found.keys() <= set(places):
        message = "settings"
        raise ValueError(message)
    cells = tuple(found[place] for place in places if place in found)
    return Grid(axes, _text(document["each"]), _text(document["factory"]), cells)


def begun(grid: Grid, path: str | PathLike[str]) -> Grid:
    """The grid with the cells that its file has; the file is then one that cells can be added to.

    Raises:
        GridError: the file holds another grid.
        ResultFileError: it holds no grid.
    """
    known = _known(path)
    if known is not None:
        _require_same(known, grid, path)
        cells = {key(cell.settings): cell for cell in known.cells if cell.error is None}
        places = [key(settings) for settings in settings_of(grid.axes)]
        grid = Grid(grid.axes, grid.each, grid.factory, tuple(cells[place] for place in places if place in cells))
    save_grid(grid, path)
    return grid


def _known(path: str | PathLike[str]) -> Grid | None:
    if not Path(path).exists():
        return None
    document, *lines = read(path)
    result = told_where(lambda: result_of(document, lines), path)
    if not isinstance(result, Grid):
        message = f"{path} holds a {type(result).__name__} and no grid; give another path."
        raise ResultFileError(message)
    return result


def _require_same(known: Grid, grid: Grid, path: str | PathLike[str]) -> None:
    """The cells in the file are all cells of this grid, made in the same way: none of them is to be lost."""
    places = {key(settings) for settings in settings_of(grid.axes)}
    foreign = next((cell.settings for cell in known.cells if key(cell.settings) not in places), None)
    differing = [
        f"{what} {getattr(known, what)}, not {getattr(grid, what)}"
        for what in ("each", "factory")
        if getattr(known, what) != getattr(grid, what)
    ]
    if foreign is not None:
        differing.append(f"a cell at {', '.join(f'{name}={value}' for name, value in foreign.items())}")
    if differing:
        message = f"{path} holds another grid ({'; '.join(differing)}); go on with that one, or give another path."
        raise GridError(message)


def _line(cell: Cell) -> Document:
    result = None if cell.result is None else document_of(cell.result)
    return {"settings": dict(cell.settings), "result": result, "error": cell.error, "attempts": cell.attempts}


def _cell(line: Document) -> Cell:
    result = None if line["result"] is None else result_of(line["result"])
    error = None if line["error"] is None else _text(line["error"])
    attempts: object = line["attempts"]
    sound = (result is None) == (error is not None) and (attempts is None or (type(attempts) is int and attempts > 0))
    if not sound or not (result is None or isinstance(result, RangeTest | Suggestion)):
        message = "result"
        raise ValueError(message)
    settings = {str(name): _value(value) for name, value in dict(line["settings"]).items()}
    return Cell(settings, result, error, cast("int | None", attempts))


def _value(value: Any) -> Value:
    if value is None or type(value) in {int, str, bool} or (type(value) is float and math.isfinite(value)):
        return value
    raise TypeError(repr(value)[:40])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(repr(value)[:40])
    return value
