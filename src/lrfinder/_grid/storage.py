"""Files of results: a grid has a line that describes it and a line for each cell, added as the cell finishes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from lrfinder._grid.result import Cell, Grid, all_settings, cell_key
from lrfinder._results.atomic_file import append, write_atomically
from lrfinder._results.codec import HEAD, as_lines, document_of
from lrfinder._results.decoding import Finite, RangeTestDocument, SuggestionDocument, convert, naming_file, read, result_of
from lrfinder.errors import GridError, ResultFileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from lrfinder._results.codec import Document
    from lrfinder._results.results import Result

MOST_CELLS = 1 << 20  # of a grid that is read


class GridDocument(Struct, tag_field="result", tag="Grid"):
    """The first line of a grid."""

    each: str
    factory: str
    axes: list[tuple[str, list[Finite | int | str | bool | None]]]


class CellDocument(Struct):
    """The line of a cell."""

    settings: dict[str, Finite | int | str | bool | None]
    result: RangeTestDocument | SuggestionDocument | None
    error: str | None
    attempts: Annotated[int, Meta(ge=1)] | None

    def cell(self) -> Cell:
        """Return the cell; raise ``ValueError`` where it does not have either a result or an error."""
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
    document, *lines = read(path)
    is_grid = document.get("result") == "Grid"
    return naming_file(lambda: grid_of(document, lines) if is_grid else result_of(document), path)


def save_grid(grid: Grid, path: str | PathLike[str]) -> None:
    """Write a whole grid."""
    head = {**HEAD, "result": "Grid", "each": grid.each, "factory": grid.factory, "axes": list(grid.axes.items())}
    write_atomically(as_lines([head, *map(_line, grid.cells)]), path)


def append_cell(cell: Cell, path: str | PathLike[str]) -> None:
    """Add a cell that has finished to the file of its grid."""
    append(as_lines([_line(cell)]), path)


def grid_of(document: Document, lines: Sequence[Document]) -> Grid:
    """Return the grid of a file; of two lines for one cell, the later counts.

    Raises:
        ValueError: the file does not hold a grid.
    """
    head = convert(document, GridDocument)
    axes = {name: tuple(values) for name, values in head.axes}
    if not 0 < math.prod(map(len, axes.values())) <= MOST_CELLS:
        message = "its axes describe no cells, or too many"
        raise ValueError(message)
    found = {cell_key(cell.settings): cell for cell in (convert(line, CellDocument).cell() for line in lines)}
    keys = list(map(cell_key, all_settings(axes)))
    if not found.keys() <= set(keys):
        message = "a cell has settings that are not on the axes"
        raise ValueError(message)
    return Grid(axes, head.each, head.factory, tuple(found[key] for key in keys if key in found))


def resumed(grid: Grid, path: str | PathLike[str]) -> Grid:
    """Return the grid with the cells that its file holds, and write a file that further cells can be added to.

    Raises:
        GridError: the file holds another grid.
        ResultFileError: the file does not hold a grid.
    """
    if Path(path).exists():
        stored = load(path)
        if not isinstance(stored, Grid):
            message = f"{path} holds a {type(stored).__name__} and not a grid; give another path."
            raise ResultFileError(message)
        _require_same(stored, grid, path)
        cells = {cell_key(cell.settings): cell for cell in stored.cells if cell.error is None}
        keys = map(cell_key, all_settings(grid.axes))
        grid = Grid(grid.axes, grid.each, grid.factory, tuple(cells[key] for key in keys if key in cells))
    save_grid(grid, path)
    return grid


def _line(cell: Cell) -> Document:
    result = None if cell.result is None else document_of(cell.result)
    return {"settings": dict(cell.settings), "result": result, "error": cell.error, "attempts": cell.attempts}


def _require_same(stored: Grid, grid: Grid, path: str | PathLike[str]) -> None:
    """Refuse a file with cells that are not cells of this grid: writing it would lose them."""
    keys = set(map(cell_key, all_settings(grid.axes)))
    foreign = next((cell.settings for cell in stored.cells if cell_key(cell.settings) not in keys), None)
    differing = [
        f"{what} {getattr(stored, what)}, not {getattr(grid, what)}"
        for what in ("each", "factory")
        if getattr(stored, what) != getattr(grid, what)
    ]
    if foreign is not None:
        differing.append(f"a cell at {', '.join(f'{name}={value}' for name, value in foreign.items())}")
    if differing:
        message = f"{path} holds another grid ({'; '.join(differing)}); continue that one, or give another path."
        raise GridError(message)
