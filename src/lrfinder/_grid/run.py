"""``lrfinder.grid``: an experiment in each cell of a grid of settings."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lrfinder._factories import checked_learner, described, require_settings
from lrfinder._grid.result import Cell, Grid, all_settings
from lrfinder._grid.storage import append_cell, resumed
from lrfinder._results.results import RangeTest, Suggestion
from lrfinder.errors import GridError, LRFinderError
from lrfinder.executors import InProcess, Ray
from lrfinder.finder import LRFinder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from lrfinder._grid.result import SettingValue
    from lrfinder.executors import Executor
    from lrfinder.learner import Learner

    Each = Callable[[LRFinder], RangeTest | Suggestion]
    Axes = Mapping[str, Iterable[SettingValue]]


class Gridding:
    """Makes grids; called as ``lrfinder.grid(factory, weight_decay=[0, 1e-4], seed=range(3))``.

    Attributes:
        InProcess: the executor that works on one cell after the other, here.
        Ray: the executor that hands cells to Ray.
    """

    InProcess = InProcess
    Ray = Ray

    def __call__(  # noqa: PLR0913  (what is made, of what, where, and where it is kept)
        self,
        factory: Callable[..., Learner[Any]],
        axes: Axes | None = None,
        /,
        *,
        each: Each = LRFinder.find,
        executor: Executor | None = None,
        path: str | PathLike[str] | None = None,
        on_cell: Callable[[Cell], object] | None = None,
        **more_axes: Iterable[SettingValue],
    ) -> Grid:
        """A range test, or another experiment, of the learner that ``factory`` makes at every combination of some settings.

        A cell that fails is told with its error, and the others go on.

        Args:
            factory: makes a learner; called with one value of each axis, by keyword. It sets the seeds that it draws from.
            axes: axes by name, where one is called like an argument of this function; any axis may stand here.
            each: what is done in a cell: ``LRFinder.find``, ``LRFinder.suggest``, with other settings
                ``functools.partial(LRFinder.suggest, horizon=1000)``, or any function from a finder to a result.
            executor: where cells are worked on: here, one after the other, where it is ``None``; or ``lrfinder.grid.Ray()``.
            path: a file that every cell is written to as it finishes. If it holds cells of this grid, these are not made
                again, unless they failed.
            on_cell: called with each :class:`lrfinder.Cell` as it finishes, in any order.
            more_axes: axes: numbers, strings, booleans or ``None``. The axis ``seed`` repeats what the others vary.

        Raises:
            GridError: the axes make no grid, or ``path`` holds another one.
            FactoryError: the factory cannot be called with the names of the axes.
            ExecutorError: the executor cannot work.
        """
        values = _checked({**(axes or {}), **more_axes})
        require_settings(factory, all_settings(values)[0])
        grid = Grid(values, described(each), described(factory), ())
        grid = grid if path is None else resumed(grid, path)
        pending = list(grid.pending)
        if not pending:
            return grid
        made = {cell_number(grid, cell): cell for cell in grid.cells}
        with closing((executor or InProcess()).stream(partial(_work, factory, each), pending)) as stream:
            for done in stream:
                cell = done.outcome or Cell(pending[done.number], None, done.lost)
                cell = replace(cell, attempts=done.attempts)
                made[cell_number(grid, cell)] = cell
                if path is not None:
                    append_cell(cell, path)
                if on_cell is not None:
                    on_cell(cell)
        return replace(grid, cells=tuple(cell for _, cell in sorted(made.items(), key=lambda numbered: numbered[0])))


grid = Gridding()


def cell_number(grid: Grid, cell: Cell) -> int:
    """The place of a cell in its grid: the last axis moves fastest."""
    number = 0
    for name, values in grid.axes.items():
        number = number * len(values) + values.index(cell.settings[name])
    return number


def _work(factory: Callable[..., Learner[Any]], each: Each, settings: Mapping[str, SettingValue]) -> Cell:
    """Make the learner of a cell and experiment with it. What it raises is part of the result."""
    try:
        with closing(checked_learner(factory(**settings), factory)) as learner:
            return _cell(settings, each(LRFinder(learner)), each)
    except Exception as error:  # noqa: BLE001  (the user's code: the grid goes on)
        return Cell(settings, None, _told(error))


def _cell(settings: Mapping[str, SettingValue], result: object, each: Each) -> Cell:
    if not isinstance(result, RangeTest | Suggestion):
        return Cell(
            settings,
            None,
            f"{described(each)} returned a {type(result).__name__}; a cell holds a RangeTest or a Suggestion.",
        )
    return Cell(settings, result)


def _told(error: Exception) -> str:
    if isinstance(error, LRFinderError):
        return f"{type(error).__name__}: {error}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    notes: list[str] = getattr(error, "__notes__", [])
    return " ".join([f"{type(error).__name__}: {error} ({last.filename}, line {last.lineno})", *notes])


def _checked(axes: Axes) -> dict[str, tuple[SettingValue, ...]]:
    """The values of the axes, numpy's numbers as python's.

    Raises:
        GridError: there is no axis, one is empty, or has a value twice or one that no file could tell.
    """
    if not axes:
        message = "A grid needs at least one axis; give one as in weight_decay=[0, 1e-4, 1e-3]."
        raise GridError(message)
    return {name: _values(name, values) for name, values in axes.items()}


def _values(name: str, given: object) -> tuple[SettingValue, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        message = f"{name} is {given!r}; an axis is a list of values, as in {name}=[{given!r}]."
        raise GridError(message)
    items = cast("Iterable[object]", given)
    values = [value.item() if isinstance(value, np.generic) else value for value in items]
    if not values:
        message = f"{name} has no value; an axis needs at least one."
        raise GridError(message)
    for place, value in enumerate(values):
        if not isinstance(value, int | float | str | None) or (isinstance(value, float) and not math.isfinite(value)):
            message = (
                f"{name} has the value {value!r}; give finite numbers, strings, booleans or None, which a file can tell, "
                "and let the factory look up what they stand for."
            )
            raise GridError(message)
        if value in values[:place]:
            message = f"{name} has the value {value!r} twice; give each once (other repetitions are an axis seed=[0, 1, 2])."
            raise GridError(message)
    return tuple(cast("list[SettingValue]", values))
