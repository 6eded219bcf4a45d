"""What a grid of experiments leaves behind: plain frozen data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

from lrfinder._results.results import RangeTest, Result, Suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from lrfinder._grid.recommendation import Combination, Recommendation

Value = int | float | str | bool | None
SEED = "seed"  # the axis along which cells repeat one another


@dataclass(frozen=True)
class Cell:
    """One experiment of a grid.

    ``settings`` are the keyword arguments that the factory was called with. Of ``result`` and ``error`` one is there: what
    the experiment gave, or what it raised, as a sentence. ``attempts`` is how often it was begun until then, more than once
    where a worker was lost; ``None`` where the executor does not say.
    """

    settings: Mapping[str, Value]
    result: RangeTest | Suggestion | None
    error: str | None = None
    attempts: int | None = 1

    @property
    def seed(self) -> Value:
        """Its value on the axis ``seed``; ``None`` where there is no such axis."""
        return self.settings.get(SEED)

    @property
    def suggestion(self) -> Suggestion | None:
        """Its result, or what its curve suggests; ``None`` where it failed."""
        return self.result.suggestion if isinstance(self.result, RangeTest) else self.result


@dataclass(frozen=True)
class Grid(Result):
    """Experiments at every combination of the values of some axes, as far as they have been made.

    ``axes`` are the values of each, by its name. ``each`` names what was done in a cell, and ``factory`` what made its
    learner. ``cells`` are those that there are, in the order of the grid: the last axis moves fastest.
    """

    axes: Mapping[str, tuple[Value, ...]]
    each: str
    factory: str
    cells: tuple[Cell, ...]

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def size(self) -> int:
        """How many cells the whole grid has."""
        return math.prod(map(len, self.axes.values()))

    @property
    def pending(self) -> tuple[Mapping[str, Value], ...]:
        """The settings of the cells that are not there yet, or failed."""
        there = {key(cell.settings) for cell in self.cells if cell.error is None}
        return tuple(settings for settings in settings_of(self.axes) if key(settings) not in there)

    @cached_property
    def combinations(self) -> tuple[Combination, ...]:
        """The cells put together that differ in nothing but their seed, in the order of the grid."""
        from lrfinder._grid.recommendation import combinations

        return combinations(self.cells)

    @cached_property
    def recommended(self) -> Recommendation | None:
        """The combination to train with, and why; ``None`` where no combination gave a rate with every seed.

        See :func:`lrfinder._grid.recommendation.recommendation` for the rule.
        """
        from lrfinder._grid.recommendation import recommendation

        return recommendation(self.combinations, missing=self.size - len(self.cells))

    def to_json(self, path: str | PathLike[str]) -> None:
        """Write the grid to ``path``, a line for its axes and one for each cell; :func:`lrfinder.load` reads it back."""
        from lrfinder._grid.storage import save_grid

        save_grid(self, path)

    def to_columns(self) -> Mapping[str, Sequence[object]]:
        """A row for each cell: a column for each axis, then ``lr``, ``low``, ``high``, ``status``, ``error``."""
        told = [(cell, cell.suggestion) for cell in self.cells]
        axes = {name: [cell.settings[name] for cell in self.cells] for name in self.axes}
        rates = {name: [None if one is None else getattr(one, name) for _, one in told] for name in ("lr", "low", "high")}
        statuses = [None if one is None else str(one.status) for _, one in told]
        return {**axes, **rates, "status": statuses, "error": [cell.error for cell in self.cells]}


def settings_of(axes: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    """The settings of every cell, the last axis moving fastest."""
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def key(settings: Mapping[str, Value]) -> tuple[tuple[str, type, Value], ...]:
    """What tells cells apart, whatever the order of their settings: ``True`` is not 1 here, but 1 is 1.0."""
    return tuple(sorted((name, bool if isinstance(value, bool) else object, value) for name, value in settings.items()))
