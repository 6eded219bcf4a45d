"""The combination of a grid to train with: the largest weight decay and momentum at which a large rate still trains.

Smith (2018, "A disciplined approach to neural network hyper-parameters", sections 4 and 5) reads it off a family of range
tests by eye. Here it is a rule on the rate and the lowest loss of each cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfinder._grid.result import cell_key
from lrfinder._results.results import RangeTest, Suggestion
from lrfinder.analysis.curve import finite_part
from lrfinder.analysis.endings import grid_score
from lrfinder.analysis.landmarks import MIN_RATES, shape
from lrfinder.analysis.suggestion import NO_FALL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lrfinder._grid.result import Cell, SettingValue

LARGER_IS_BETTER = ("weight_decay", "momentum")  # in this order, as long as training does not suffer
EQUAL_LOSS_FRACTION = 0.05  # of the fall of the lowest loss: combinations that end this close to it count as equally low
EQUAL_RATE_FACTOR = 2.0  # rates this close count as equally large: one suggestion is not more precise


class Measures(NamedTuple):
    """The rate of one cell, its lowest loss, and the loss at which it began."""

    lr: float | None
    lowest: float
    level: float


@dataclass(frozen=True)
class Combination:
    """The finished cells that differ only in their seed.

    ``settings`` are those of the factory without the seed, ``measures`` those of each cell that has a result.
    """

    settings: Mapping[str, SettingValue]
    cells: tuple[Cell, ...]
    measures: tuple[Measures, ...]

    @property
    def failed(self) -> int:
        """The number of cells that failed."""
        return sum(cell.error is not None for cell in self.cells)

    @property
    def trains(self) -> bool:
        """True if every cell has a rate."""
        return bool(self.measures) and not self.failed and all(one.lr is not None for one in self.measures)

    @property
    def lrs(self) -> tuple[float, ...]:
        """The rates of the cells that have one."""
        return tuple(one.lr for one in self.measures if one.lr is not None)

    @property
    def lr(self) -> float | None:
        """The geometric mean of the rates; ``None`` where no cell has one."""
        return math.exp(np.log(self.lrs).mean()) if self.lrs else None

    @property
    def effective_lr(self) -> float | None:
        """The rate over ``1 - momentum``: the total effect of one gradient (Smith and Le 2018, section 2)."""
        momentum = _number(self.settings.get("momentum"))
        return self.lr if self.lr is None or not 0 <= momentum < 1 else self.lr / (1 - momentum)

    @property
    def lowest(self) -> float:
        """The lowest loss, averaged over seeds; NaN if no cell has a result."""
        return float(np.mean([one.lowest for one in self.measures])) if self.measures else math.nan

    @property
    def spread(self) -> float:
        """The standard deviation of the lowest loss over seeds; NaN for fewer than two."""
        return float(np.std([one.lowest for one in self.measures], ddof=1)) if len(self.measures) > 1 else math.nan

    @property
    def fall(self) -> float:
        """The fall of the loss, mean over the seeds; NaN without a result."""
        return float(np.mean([one.level - one.lowest for one in self.measures])) if self.measures else math.nan


@dataclass(frozen=True)
class Recommendation:
    """The combination to train with.

    Attributes:
        combination: the combination.
        lr: the geometric mean of the rates of its seeds.
        low: the lowest of these rates.
        high: the highest of these rates.
        excess: how much higher its loss is than that of the lowest other one; NaN without another.
        standard_error: of ``excess``, over the seeds; NaN with one seed.
        reason: how it was chosen, in a sentence.
        notes: reasons not to trust it.
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
        """The settings of the combination, without the seed."""
        return self.combination.settings


def combinations(cells: Sequence[Cell]) -> tuple[Combination, ...]:
    """Group the cells that differ only in their seed, in the order of their first cells."""
    groups: dict[object, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell_key(_without_seed(cell)), []).append(cell)
    suggestions = [cell.result for cell in cells if isinstance(cell.result, Suggestion) and cell.result.probes]
    longest = [max(len(probe.losses) for probe in suggestion.probes) for suggestion in suggestions]
    length = min(longest, default=0)  # a probe of every suggestion reached it, so that they can be compared there
    return tuple(_combination(group, length) for group in groups.values())


def recommendation(found: Sequence[Combination], missing: int = 0) -> Recommendation | None:
    """Return the combination to train with; :attr:`lrfinder.Grid.recommended` states the rule."""
    training = [one for one in found if one.trains and math.isfinite(one.lowest)]
    if not training:
        return None
    best = min(training, key=lambda one: one.lowest)
    low = [one for one in training if one.lowest - best.lowest <= EQUAL_LOSS_FRACTION * best.fall or one is best]
    largest = max(one.effective_lr or 0.0 for one in low)
    fit = [one for one in low if EQUAL_RATE_FACTOR * (one.effective_lr or 0.0) >= largest]
    axes = [name for name in LARGER_IS_BETTER if all(_is_number(one.settings.get(name)) for one in found)]
    chosen = max(fit, key=lambda one: (*(_number(one.settings[name]) for name in axes), -one.lowest))
    other = min((one for one in training if one is not chosen), key=lambda one: one.lowest, default=None)
    excess, error = (math.nan, math.nan) if other is None else _excess(chosen, other)
    doubt = max((_excess(chosen, one)[1] for one in low if one is not chosen), default=math.nan)
    notes = _notes(found, chosen, axes, doubtful=doubt > EQUAL_LOSS_FRACTION * best.fall, missing=missing)
    why_chosen = "has " + " and then ".join(f"the largest {name}" for name in axes) if axes else "came lowest"
    reason = (
        f"{len(training)} of {len(found)} combinations gave a rate with every seed; the loss of {len(low)} came as low as "
        f"the lowest (within a twentieth of its fall), {len(fit)} of them at an effective rate of at least half the "
        f"largest; of these it {why_chosen}."
    )
    lrs = chosen.lrs
    return Recommendation(chosen, chosen.lr or 0.0, min(lrs), max(lrs), excess, error, reason, notes)


def _notes(
    found: Sequence[Combination], chosen: Combination, axes: Sequence[str], *, doubtful: bool, missing: int
) -> tuple[str, ...]:
    values = {name: {_number(one.settings[name]) for one in found} for name in axes}
    at_end = [name for name in axes if len(values[name]) > 1 and _number(chosen.settings[name]) == max(values[name])]
    decayed = _number(chosen.settings.get("weight_decay")) > 0
    swept = decayed and any(isinstance(cell.result, RangeTest) for cell in chosen.cells)
    holds = {
        f"{' and '.join(at_end)}: the largest tried was chosen, and a larger one may do as well": bool(at_end),
        "one seed: how much seeds differ is unknown": len(chosen.measures) < 2,  # noqa: PLR2004
        "the seeds differ by more than the difference that decided; more seeds would tell": doubtful,
        "range tests are short: they do not show what a weight decay costs later; a suggest in each cell does": swept,
        f"{missing} cells are missing": missing > 0,
    }
    return tuple(note for note, true in holds.items() if true)


def _excess(one: Combination, other: Combination) -> tuple[float, float]:
    """Return how much higher ``one`` is than ``other``, seed by seed where they share seeds, and its standard error."""
    lowest, others = (
        dict(zip([cell.seed for cell in each.cells if cell.result is not None], each.measures, strict=True))
        for each in (one, other)
    )
    excesses = np.array([lowest[seed].lowest - others[seed].lowest for seed in lowest if seed in others])
    if len(excesses) < 2:  # noqa: PLR2004  (an error needs two)
        return one.lowest - other.lowest, math.nan
    return float(excesses.mean()), float(excesses.std(ddof=1) / math.sqrt(len(excesses)))


def _combination(cells: Sequence[Cell], length: int) -> Combination:
    measures = tuple(_measures(cell.result, length) for cell in cells if cell.result is not None)
    return Combination(_without_seed(cells[0]), tuple(cells), measures)


def _without_seed(cell: Cell) -> Mapping[str, SettingValue]:
    return {name: value for name, value in cell.settings.items() if name != "seed"}


def _measures(result: RangeTest | Suggestion, length: int) -> Measures:
    if isinstance(result, RangeTest):
        level, lowest = _of_curve(result)
        falls = NO_FALL not in result.suggestion.notes  # else its rate is only one that does no harm
        return Measures(result.suggestion.lr if falls else None, lowest, level)
    level, lowest = (math.nan, math.nan) if result.curve is None else _of_curve(result.curve)
    ends = [grid_score(np.array(probe.losses[:length])) for probe in result.probes if len(probe.losses) >= length]
    return Measures(result.lr, min(filter(math.isfinite, ends), default=lowest), level)


def _of_curve(curve: RangeTest) -> tuple[float, float]:
    """Return where the smoothed loss begins, and where it is lowest; NaN where there are too few losses."""
    finite = finite_part(curve.lrs, curve.losses)
    if len(finite.lrs) < MIN_RATES:
        return math.nan, math.nan
    seen = shape(finite)
    return seen.level, float(seen.smoothed.min())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: SettingValue) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
