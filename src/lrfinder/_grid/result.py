"""The result of a grid of experiments: plain frozen data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

from lrfinder._results.results import RangeTest, Result, Suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike

    from lrfinder._grid.recommendation import Combination, Recommendation

SettingValue = int | float | str | bool | None


@dataclass(frozen=True)
class Cell:
    """One experiment of a grid.

    Attributes:
        settings: the keyword arguments of the factory.
        result: the result of the experiment; ``None`` where it failed.
        error: a sentence about the exception that it raised; ``None`` where it has a result.
        attempts: how often it was started, again after a lost worker; ``None`` where the executor does not know.
    """

    settings: Mapping[str, SettingValue]
    result: RangeTest | Suggestion | None
    error: str | None = None
    attempts: int | None = 1

    @property
    def seed(self) -> SettingValue:
        """Its value on the axis ``seed``; ``None`` without such an axis."""
        return self.settings.get("seed")

    @property
    def suggestion(self) -> Suggestion | None:
        """Its result, or the suggestion of its curve; ``None`` where it failed."""
        return self.result.suggestion if isinstance(self.result, RangeTest) else self.result


@dataclass(frozen=True)
class Grid(Result):
    """Experiments at every combination of the values of some axes.

    For example::

        grid = lrfinder.grid(make_learner, momentum=[0.0, 0.9], seed=range(3))
        print(grid.recommended.settings, grid.recommended.lr)
        grid.plot()

    Attributes:
        axes: the values of each axis, by its name.
        each: the name of the experiment of each cell.
        factory: the name of the factory that built the learners.
        cells: the finished cells in the order of the grid, the last axis moving fastest.
    """

    axes: Mapping[str, tuple[SettingValue, ...]]
    each: str
    factory: str
    cells: tuple[Cell, ...]

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def size(self) -> int:
        """The number of cells of the whole grid."""
        return math.prod(map(len, self.axes.values()))

    @property
    def pending(self) -> tuple[Mapping[str, SettingValue], ...]:
        """The settings of the cells that are missing or failed."""
        done = {cell_key(cell.settings) for cell in self.cells if cell.error is None}
        return tuple(settings for settings in all_settings(self.axes) if cell_key(settings) not in done)

    @cached_property
    def combinations(self) -> tuple[Combination, ...]:
        """The cells grouped by all settings but the seed, in the order of the grid."""
        from lrfinder._grid.recommendation import combinations

        return combinations(self.cells)

    @cached_property
    def recommended(self) -> Recommendation | None:
        """The combination to train with, and why; ``None`` if no combination has a rate for every seed.

        It is the one with the largest weight decay, then the largest momentum, then the lowest loss, of those that train
        well. One trains well if every seed has a rate, if its loss is within a twentieth of the fall of the lowest (means
        over the seeds), and if its effective rate, ``lr / (1 - momentum)``, is at least half the largest of those as low.
        """
        from lrfinder._grid.recommendation import recommendation

        return recommendation(self.combinations, missing=self.size - len(self.cells))

    def to_json(self, path: str | PathLike[str]) -> None:
        """Write the grid to ``path``: one line for the axes, then one per cell; :func:`lrfinder.load` reads it back."""
        from lrfinder._grid.storage import save_grid

        save_grid(self, path)

    def to_columns(self) -> Mapping[str, Sequence[object]]:
        """Return a row for each cell: a column for each axis, then ``lr``, ``low``, ``high``, ``status``, ``error``."""
        suggestions = [cell.suggestion for cell in self.cells]
        axes = {name: [cell.settings[name] for cell in self.cells] for name in self.axes}
        rates = {
            name: [None if one is None else getattr(one, name) for one in suggestions] for name in ("lr", "low", "high")
        }
        statuses = [None if one is None else str(one.status) for one in suggestions]
        return {**axes, **rates, "status": statuses, "error": [cell.error for cell in self.cells]}


def all_settings(axes: Mapping[str, Sequence[SettingValue]]) -> list[dict[str, SettingValue]]:
    """Return the settings of every cell, with the last axis varying fastest."""
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def with_cells(grid: Grid, cells: Iterable[Cell]) -> Grid:
    """Return the grid with these cells in its order; of two for the same settings, the later counts."""
    place_of = Places(grid.axes)
    found = {place: cell for cell in cells if (place := place_of(cell.settings)) is not None}
    return replace(grid, cells=tuple(found[place] for place in sorted(found)))


class Places:
    """The place of each cell in the order of a grid, the last axis varying fastest."""

    def __init__(self, axes: Mapping[str, Sequence[SettingValue]]) -> None:
        self._axes = {name: {_key(value): index for index, value in enumerate(values)} for name, values in axes.items()}

    def __call__(self, settings: Mapping[str, SettingValue]) -> int | None:
        """Return the place of a cell with these settings, or None if they are not on the axes."""
        if settings.keys() != self._axes.keys():
            return None
        place = 0
        for name, indices in self._axes.items():
            index = indices.get(_key(settings[name]))
            if index is None:
                return None
            place = place * len(indices) + index
        return place


def cell_key(settings: Mapping[str, SettingValue]) -> tuple[object, ...]:
    """Return a key that identifies a cell regardless of the order of its settings.

    ``True`` differs from 1, but 1 equals 1.0.
    """
    return tuple(sorted((name, *_key(value)) for name, value in settings.items()))


def _key(value: SettingValue) -> tuple[type, SettingValue]:
    return bool if isinstance(value, bool) else object, value
