"""Files of results: a grid has a line that describes it and a line for each cell, added as the cell finishes."""

from __future__ import annotations

import math
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from lrfinder._arguments import file_path
from lrfinder._grid.result import Cell, Grid, Places, with_cells
from lrfinder._results.atomic_file import append, write_atomically
from lrfinder._results.codec import HEAD, as_line, as_lines, document_of
from lrfinder._results.decoding import Finite, RangeTestDocument, SuggestionDocument, convert, reading, result_of
from lrfinder._state.garbage import collector_paused
from lrfinder.errors import GridError, ResultFileError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from lrfinder._results.codec import Document
    from lrfinder._results.results import Result

MOST_CELLS = 1 << 20  # of a grid that is read


class GridDocument(Struct, tag_field="result", tag="Grid"):
    each: str
    factory: str
    axes: list[tuple[str, list[Finite | int | str | bool | None]]]


class CellDocument(Struct):
    settings: dict[str, Finite | int | str | bool | None]
    result: RangeTestDocument | SuggestionDocument | None
    error: str | None
    attempts: Annotated[int, Meta(ge=1)] | None

    def cell(self) -> Cell:
        if (self.result is None) == (self.error is None):
            message = "a cell has either a result or an error"
            raise ValueError(message)
        return Cell(self.settings, None if self.result is None else self.result.result(), self.error, self.attempts)


def load(path: str | PathLike[str]) -> Result:
    """Read a result of any kind.

    Raises:
        OSError: the file cannot be read.
        ResultFileError: it does not hold a result, or holds one of a newer version.
    """
    file_path(path)
    with reading(path) as (document, lines):
        if document.get("result") == "Grid":
            with collector_paused():
                return grid_of(document, lines)
        if next(lines, None) is not None:
            message = "more follows after its result"
            raise ValueError(message)
        return result_of(document)


def save_grid(grid: Grid, path: str | PathLike[str]) -> None:
    head = {**HEAD, "result": "Grid", "each": grid.each, "factory": grid.factory, "axes": list(grid.axes.items())}
    write_atomically(as_lines(chain([head], map(_line, grid.cells))), path)


def append_cell(cell: Cell, path: str | PathLike[str]) -> None:
    """Add a cell that has finished to the file of its grid."""
    append(as_line(_line(cell)), path)


def grid_of(document: Document, lines: Iterable[Document]) -> Grid:
    """Return the grid that a document and the lines after it hold; raise ``ValueError`` where they do not hold one.

    Of two lines for the same cell, the later counts.
    """
    head = convert(document, GridDocument)
    axes = {name: tuple(values) for name, values in head.axes}
    if not 0 < math.prod(map(len, axes.values())) <= MOST_CELLS:
        message = "its axes describe no cells, or too many"
        raise ValueError(message)
    place_of, found = Places(axes), dict[int, Cell]()
    for line in lines:
        cell = convert(line, CellDocument).cell()
        place = place_of(cell.settings)
        if place is None:
            message = "a cell has settings that are not on the axes"
            raise ValueError(message)
        found[place] = cell
    return Grid(axes, head.each, head.factory, tuple(found[place] for place in sorted(found)))


def resumed(grid: Grid, path: str | PathLike[str]) -> Grid:
    """Return the grid with the cells that its file holds, and write a file that further cells can be added to."""
    if Path(path).exists():
        stored = load(path)
        if not isinstance(stored, Grid):
            message = f"{path} holds a {type(stored).__name__} and not a grid; give another path."
            raise ResultFileError(message)
        differing = [
            f"{what} {getattr(stored, what)}, not {getattr(grid, what)}"
            for what in ("each", "factory")
            if getattr(stored, what) != getattr(grid, what)
        ]
        place_of = Places(grid.axes)
        foreign = next((cell for cell in stored.cells if place_of(cell.settings) is None), None)
        if foreign is not None:  # writing the file would lose it
            differing.append(f"a cell at {', '.join(f'{name}={value}' for name, value in foreign.settings.items())}")
        if differing:
            message = f"{path} holds another grid ({'; '.join(differing)}); continue that one, or give another path."
            raise GridError(message)
        grid = with_cells(grid, [cell for cell in stored.cells if cell.error is None])
    save_grid(grid, path)
    return grid


def _line(cell: Cell) -> Document:
    result = None if cell.result is None else document_of(cell.result)
    return {"settings": dict(cell.settings), "result": result, "error": cell.error, "attempts": cell.attempts}
