"""``lrfinder.grid``: an experiment in each cell of a grid of settings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lrfinder._arguments import callback, function, given
from lrfinder._factories import checked_learner, described, require_settings
from lrfinder._grid.agreement import Agreement, current_board
from lrfinder._grid.result import Cell, Grid, all_settings, with_cells
from lrfinder._grid.storage import append_cell, resumed
from lrfinder._results.results import RangeTest, Suggestion
from lrfinder._user_code import in_words
from lrfinder.errors import FactoryError, GridError, LRFinderError, RankError
from lrfinder.executors import InProcess
from lrfinder.executors._base import check_executor
from lrfinder.finder import LRFinder
from lrfinder.learner import adapted

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from lrfinder._grid.result import SettingValue
    from lrfinder.executors import Executor
    from lrfinder.learner import Learner

    Each = Callable[[LRFinder], RangeTest | Suggestion]
    Axes = Mapping[str, Iterable[SettingValue]]


def grid(  # noqa: PLR0913  (the factory, the experiment, and where it runs)
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
    """Run a range test, or another experiment, at every combination of some settings of a factory.

    A cell that fails records its error, and the others continue. Example:
    ``lrfinder.grid(factory, weight_decay=[0, 1e-4], seed=range(3))``.

    Args:
        factory: builds a learner from one value of each axis, passed by keyword. It sets its own random seeds.
        axes: axes by name; needed only for an axis that has the name of an argument of this function.
        each: the experiment of a cell: ``LRFinder.find``, ``LRFinder.suggest``, either with other settings
            (``functools.partial(LRFinder.suggest, horizon=1000)``), or any function from a finder to a result.
        executor: where cells run: :class:`lrfinder.executors.Ray`, or by default one after the other in this process.
        path: a file that receives every cell as it finishes. Cells of this grid that it holds already do not run again,
            unless they failed.
        on_cell: called with each :class:`lrfinder.Cell` as it finishes, in any order.
        more_axes: axes: lists of numbers, strings, booleans or ``None``. The axis ``seed`` repeats every combination of the
            others.

    Raises:
        GridError: the axes do not describe a grid, or ``path`` holds another one.
        FactoryError: the factory does not accept the names of the axes.
        ExecutorError: the executor cannot work.
    """
    _check_arguments(factory, axes, each, executor, on_cell)
    values = {name: _values(name, listed) for name, listed in {**(axes or {}), **more_axes}.items()}
    if not values:
        message = "A grid needs at least one axis; give one as in weight_decay=[0, 1e-4, 1e-3]."
        raise GridError(message)
    require_settings(factory, all_settings(values)[0])
    result = Grid(values, described(each), described(factory), ())
    result = result if path is None else resumed(result, path)
    pending = list(result.pending)
    work = partial(_run_cell, factory, each, Agreement.on(len(pending)))
    if not pending:
        return result
    cells = list(result.cells)
    with closing((executor or InProcess()).stream(work, list(enumerate(pending)))) as stream:
        for done in stream:
            cell = done.outcome or Cell(pending[done.number], None, done.lost)
            cells.append(cell := replace(cell, attempts=done.attempts))
            if path is not None:
                append_cell(cell, path)
            if on_cell is not None:
                on_cell(cell)
    return with_cells(result, cells)


def _check_arguments(factory: object, axes: object, each: object, executor: object, on_cell: object) -> None:
    wanted = "whose keyword arguments are the axes and which returns a learner"
    function("factory", factory, wanted, FactoryError)
    if axes is not None and not (isinstance(axes, Mapping) and all(isinstance(name, str) for name in axes)):
        message = (
            f"axes is {given(axes)}; give a dict of lists by the names of axes, or the axes by keyword: momentum=[0.8, 0.9]."
        )
        raise GridError(message)
    function("each", each, "from a finder to a result, such as LRFinder.suggest", GridError)
    check_executor(executor)
    callback("on_cell", on_cell)


def _run_cell(
    factory: Callable[..., Learner[Any]],
    each: Callable[[LRFinder], object],
    agreement: Agreement,
    cell: tuple[int, Mapping[str, SettingValue]],
) -> Cell:
    number, settings = cell
    learner, ranks, error = _built(factory, settings)
    try:
        error = agreement.reach(number, settings, ranks, error)
    except RankError:
        if learner is not None:
            learner.close()
        raise
    try:
        return Cell(settings, None, error) if learner is None else _trained(learner, each, settings, error)
    except Exception as raised:  # noqa: BLE001  (code of the user: the other cells continue)
        return Cell(settings, None, _error_text(raised))


def _built(
    factory: Callable[..., Learner[Any]], settings: Mapping[str, SettingValue]
) -> tuple[Learner[Any] | None, int, str]:
    """Return the learner of a factory and the number of processes that train it, or why there is none."""
    learner = None
    try:
        learner = checked_learner(factory(**settings), factory)
        return learner, 1 if current_board() is None else adapted(learner).ranks, ""
    except Exception as error:  # noqa: BLE001  (code of the user: the other cells continue)
        if learner is not None:
            learner.close()
        return None, 0, _error_text(error)


def _trained(
    learner: Learner[Any], each: Callable[[LRFinder], object], settings: Mapping[str, SettingValue], error: str
) -> Cell:
    with closing(learner):
        if error:  # of another process
            return Cell(settings, None, error)
        result = each(LRFinder(learner))
    if not isinstance(result, RangeTest | Suggestion):
        error = f"{described(each)} returned a {type(result).__name__}; a cell holds a RangeTest or a Suggestion."
        return Cell(settings, None, error)
    return Cell(settings, result)


def _error_text(error: Exception) -> str:
    if isinstance(error, LRFinderError):
        return f"{type(error).__name__}: {error}"
    return in_words(error)


def _values(name: str, listed: object) -> tuple[SettingValue, ...]:
    """Return the values of an axis, with numbers of numpy as numbers of Python; refuse what a file cannot hold."""
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        message = f"{name} is {listed!r}; an axis is a list of values, as in {name}=[{listed!r}]."
        raise GridError(message)
    items = cast("Iterable[object]", listed)
    values = [value.item() if isinstance(value, np.generic) else value for value in items]
    if not values:
        message = f"{name} has no value; an axis needs at least one."
        raise GridError(message)
    for index, value in enumerate(values):
        if not isinstance(value, int | float | str | None) or (isinstance(value, float) and not math.isfinite(value)):
            message = (
                f"{name} has the value {value!r}; give finite numbers, strings, booleans or None, which a file can hold, "
                "and let the factory look up what they stand for."
            )
            raise GridError(message)
        if value in values[:index]:
            message = f"{name} has the value {value!r} twice; give each once (other repetitions are an axis seed=[0, 1, 2])."
            raise GridError(message)
    return tuple(cast("list[SettingValue]", values))
