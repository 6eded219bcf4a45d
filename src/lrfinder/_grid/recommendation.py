"""Which combination of a grid to train with: the largest weight decay and momentum that still let a large rate train.

That is what Smith (2018, "A disciplined approach to neural network hyper-parameters", sections 4 and 5) reads off a family
of range tests by eye. Here it is a rule on two figures of each cell, its rate and how low its loss came.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfinder._results.results import RangeTest
from lrfinder.analysis.curve import finite_part
from lrfinder.analysis.endings import grid_score
from lrfinder.analysis.landmarks import FEWEST, shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lrfinder._grid.result import Cell, SettingValue
    from lrfinder._results.results import Suggestion

LARGER_IS_BETTER = ("weight_decay", "momentum")  # in this order, as long as training does not suffer
AS_LOW = 0.05  # of the fall of the lowest: combinations that end no higher than that came as low
AS_LARGE = 2.0  # factor, within which rates count as equally large: what one suggestion is known to


class Figures(NamedTuple):
    """What a cell says: its rate (``None`` where it has none), how low its loss came, and where that began."""

    lr: float | None
    lowest: float
    level: float


@dataclass(frozen=True)
class Combination:
    """The cells that differ in nothing but the seed.

    ``settings`` are those of the factory without the seed, ``cells`` those that there are. The figures have one value for
    each cell that gave a result, in that order.
    """

    settings: Mapping[str, SettingValue]
    cells: tuple[Cell, ...]
    figures: tuple[Figures, ...]

    @property
    def failed(self) -> int:
        """How many of the cells failed."""
        return sum(cell.error is not None for cell in self.cells)

    @property
    def trains(self) -> bool:
        """Whether every cell gave a rate."""
        return bool(self.figures) and not self.failed and all(one.lr is not None for one in self.figures)

    @property
    def lrs(self) -> tuple[float, ...]:
        """The rates of the cells that gave one."""
        return tuple(one.lr for one in self.figures if one.lr is not None)

    @property
    def lr(self) -> float | None:
        """Their geometric mean; ``None`` where no cell gave a rate."""
        return math.exp(np.log(self.lrs).mean()) if self.lrs else None

    @property
    def effective_lr(self) -> float | None:
        """The rate over ``1 - momentum``: what a gradient adds up to in the end (Smith and Le 2018, section 2)."""
        momentum = _number(self.settings.get("momentum"))
        return self.lr if self.lr is None or not 0 <= momentum < 1 else self.lr / (1 - momentum)

    @property
    def lowest(self) -> float:
        """Mean over the seeds of how low the loss came; NaN without a result."""
        return float(np.mean([one.lowest for one in self.figures])) if self.figures else math.nan

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds of how low it came; NaN with fewer than two."""
        return float(np.std([one.lowest for one in self.figures], ddof=1)) if len(self.figures) > 1 else math.nan

    @property
    def fall(self) -> float:
        """Mean over the seeds of how far the loss fell."""
        return float(np.mean([one.level - one.lowest for one in self.figures])) if self.figures else math.nan


@dataclass(frozen=True)
class Recommendation:
    """The combination to train with.

    ``lr`` is the geometric mean of its seeds' rates, ``low`` and ``high`` are the lowest and the highest of them. ``excess``
    is by how much its loss lies above that of the lowest of the others (below it where it is negative), with its
    ``standard_error`` over the seeds; NaN where there is no other, and the error with one seed. ``reason`` says how it was
    chosen, ``notes`` what speaks against trusting it.
    """

    combination: Combination
    lr: float
    low: float
    high: float
    excess: float
    standard_error: float
    reason: str
    notes: tuple[str, ...]

    @property
    def settings(self) -> Mapping[str, SettingValue]:
        """Its settings, without the seed."""
        return self.combination.settings


def combinations(cells: Sequence[Cell]) -> tuple[Combination, ...]:
    """The cells put together that differ in nothing but the seed, in the order in which they come first."""
    together: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        settings = ((name, type(value) is bool, value) for name, value in cell.settings.items() if name != "seed")
        together.setdefault(tuple(settings), []).append(cell)
    length = _common_length(cells)
    return tuple(_combination(group, length) for group in together.values())


def recommendation(found: Sequence[Combination], missing: int = 0) -> Recommendation | None:
    """The combination with the largest weight decay, then the largest momentum, of those that do not suffer from it.

    A combination does not suffer where every seed gave a rate, where its loss came as low as the lowest within a twentieth
    of the fall of that one (means over the seeds), and where its effective rate is at least half the largest of those that
    came as low. Of several that are left the one that came lowest is taken.

    Args:
        found: the combinations.
        missing: how many cells of the grid are not there.
    """
    training = [one for one in found if one.trains and math.isfinite(one.lowest)]
    if not training:
        return None
    best = min(training, key=lambda one: one.lowest)
    low = [one for one in training if one.lowest - best.lowest <= AS_LOW * best.fall or one is best]
    largest = max(_rate(one) for one in low)
    fit = [one for one in low if AS_LARGE * _rate(one) >= largest]
    axes = [name for name in LARGER_IS_BETTER if all(_is_number(one.settings.get(name)) for one in found)]
    chosen = max(fit, key=lambda one: (*(_number(one.settings[name]) for name in axes), -one.lowest))
    other = min((one for one in training if one is not chosen), key=lambda one: one.lowest, default=None)
    excess, error = (math.nan, math.nan) if other is None else _excess(chosen, other)
    doubt = max((_excess(chosen, one)[1] for one in low if one is not chosen), default=math.nan)
    notes = _notes(found, chosen, doubt > AS_LOW * best.fall, axes, missing)
    reason = _reason(len(found), len(training), len(low), len(fit), axes)
    lrs = chosen.lrs
    return Recommendation(chosen, chosen.lr or 0.0, min(lrs), max(lrs), excess, error, reason, notes)


def _reason(all_of_them: int, training: int, low: int, fit: int, axes: Sequence[str]) -> str:
    largest = " and then ".join(f"the largest {name}" for name in axes)
    chosen = f"of these it has {largest}" if axes else "of these it came lowest"
    return (
        f"{training} of {all_of_them} combinations gave a rate with every seed; the loss of {low} came as low as the lowest "
        f"(within a twentieth of its fall), {fit} of them at an effective rate of at least half the largest; {chosen}."
    )


def _notes(
    found: Sequence[Combination],
    chosen: Combination,
    doubtful: bool,  # noqa: FBT001  (one of the notes)
    axes: Sequence[str],
    missing: int,
) -> tuple[str, ...]:
    values = {name: {_number(one.settings[name]) for one in found} for name in axes}
    at_end = [name for name in axes if len(values[name]) > 1 and _number(chosen.settings[name]) == max(values[name])]
    decayed = _number(chosen.settings.get("weight_decay")) > 0
    swept = decayed and any(isinstance(cell.result, RangeTest) for cell in chosen.cells)
    holds = {
        f"{' and '.join(at_end)}: the largest tried was taken, and a larger one may do as well": bool(at_end),
        "one seed: by how much seeds differ is not known": len(chosen.figures) < 2,  # noqa: PLR2004
        "the seeds differ by more than what was decided on: more of them would tell": doubtful,
        "range tests are short: what a weight decay costs later they do not show; a suggest in each cell does": swept,
        f"{missing} cells are missing": missing > 0,
    }
    return tuple(note for note, true in holds.items() if true)


def _excess(one: Combination, other: Combination) -> tuple[float, float]:
    """By how much ``one`` came less low than ``other``, seed by seed where they have the same, and its standard error."""
    lows = [dict(zip(map(_seed, _there(which)), which.figures, strict=True)) for which in (one, other)]
    both = [seed for seed in lows[0] if seed in lows[1]]
    if len(both) < 2:  # noqa: PLR2004  (an error needs two)
        return one.lowest - other.lowest, math.nan
    excesses = np.array([lows[0][seed].lowest - lows[1][seed].lowest for seed in both])
    return float(excesses.mean()), float(excesses.std(ddof=1) / math.sqrt(len(excesses)))


def _there(one: Combination) -> list[Cell]:
    return [cell for cell in one.cells if cell.result is not None]


def _seed(cell: Cell) -> SettingValue:
    return cell.settings.get("seed")


def _combination(cells: Sequence[Cell], length: int) -> Combination:
    settings = {name: value for name, value in cells[0].settings.items() if name != "seed"}
    return Combination(
        settings, tuple(cells), tuple(_figures(cell.result, length) for cell in cells if cell.result is not None)
    )


def _figures(result: RangeTest | Suggestion, length: int) -> Figures:
    if isinstance(result, RangeTest):
        level, lowest = _of_curve(result)
        return Figures(result.suggestion.lr, lowest, level)
    level, lowest = (math.nan, math.nan) if result.curve is None else _of_curve(result.curve)
    ends = [grid_score(np.array(probe.losses[:length])) for probe in result.probes if len(probe.losses) >= length]
    return Figures(result.lr, min(filter(math.isfinite, ends), default=lowest), level)


def _of_curve(curve: RangeTest) -> tuple[float, float]:
    """Where the smoothed loss begins, and its lowest; NaN where there are too few losses."""
    finite = finite_part(curve.lrs, curve.losses)
    if len(finite.lrs) < FEWEST:
        return math.nan, math.nan
    seen = shape(finite)
    return seen.level, float(seen.smoothed.min())


def _common_length(cells: Sequence[Cell]) -> int:
    """The greatest number of iterations that a probe of every suggestion came to: there they can be compared."""
    longest = [
        max(len(probe.losses) for probe in cell.result.probes)
        for cell in cells
        if cell.result is not None and not isinstance(cell.result, RangeTest) and cell.result.probes
    ]
    return min(longest, default=0)


def _rate(one: Combination) -> float:
    return one.effective_lr or 0.0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: SettingValue) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
