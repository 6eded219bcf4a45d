"""Statistics of a finder over tasks and seeds, each with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray
    from store import Row
    from truth import Truth

RESAMPLES = 1000
HEADINGS = (
    "regret, median",
    "p90",
    "worst",
    "within 5 %",
    "catastrophes",
    "refused",
    "false",
    "sd log10",
    "steps, mean (max)",
    "coverage",
    "width, octaves",
    "loss ratio",
    "held-out",
)


@dataclass(frozen=True)
class Judged:
    """A result with its truth."""

    row: Row
    truth: Truth

    @property
    def refused(self) -> bool:
        """Return whether there is neither a rate nor a run."""
        return self.row.loss is None

    @property
    def end(self) -> float:
        """Return the final loss of the run; NaN for a refusal, infinite if it diverged."""
        if self.row.loss is None:
            return math.nan
        return self.row.loss if math.isfinite(self.row.loss) else math.inf

    @property
    def regret(self) -> float:
        """Return the regret, cut at 1; a refusal counts as 1."""
        return 1.0 if self.refused else min(1.0, self.truth.regret(self.end))

    @property
    def catastrophe(self) -> bool:
        """Return whether the run ends above the untrained model, or not at all."""
        return not self.refused and not self.end <= self.truth.untrained

    @property
    def log10_lr(self) -> float:
        """Return the logarithm of the rate; NaN without one."""
        return math.nan if self.row.lr is None else math.log10(self.row.lr)

    @property
    def covered(self) -> float:
        """Return 1 if the interval holds the best rate, 0 if not, NaN without an interval."""
        low, high = self.row.low, self.row.high
        return math.nan if low is None or high is None else float(low <= self.truth.best_lr <= high)

    @property
    def octaves(self) -> float:
        """Return the width of the interval; NaN without one."""
        low, high = self.row.low, self.row.high
        return math.nan if low is None or high is None else math.log2(high / low)

    @property
    def loss_ratio(self) -> float:
        """Return the final loss over the lowest one; NaN for a refusal, or if a loss is not positive."""
        return self.end / self.truth.best if self.truth.best > 0 and self.end > 0 else math.nan

    @property
    def held_out_regret(self) -> float:
        """Return the regret of the held-out loss; NaN without one, or if the best rate does not lower it."""
        own, best, untrained = self.row.held_out, self.truth.held_out, self.truth.held_out_untrained
        if own is None or best is None or untrained is None or not untrained > best:
            return math.nan
        return min(1.0, (own - best) / (untrained - best)) if math.isfinite(own) else 1.0


@dataclass(frozen=True)
class Runs:
    """All results of a finder at one horizon; ``false`` has, for each task without an answer, whether it got one."""

    kind: str
    by_task: Mapping[str, Sequence[Judged]]
    false: Sequence[bool]

    def matrix(self, value_of: Callable[[Judged], float]) -> NDArray[np.float64]:
        """Return a value of every run, shape (tasks, most seeds), padded with NaN."""
        seeds = max(map(len, self.by_task.values()))
        values = np.full((len(self.by_task), seeds), np.nan)
        for row, judged in zip(values, self.by_task.values(), strict=True):
            row[: len(judged)] = [value_of(one) for one in judged]
        return values

    def counts(self) -> NDArray[np.int64]:
        """Return the number of seeds of each task, shape (tasks,)."""
        return np.array([len(judged) for judged in self.by_task.values()])


@dataclass(frozen=True)
class Figure:
    """A statistic with its 95 % interval."""

    value: float
    low: float
    high: float

    def text(self, form: str) -> str:
        """Return ``value [low, high]``, or a dash for NaN."""
        if math.isnan(self.value):
            return "-"
        return f"{self.value:{form}} [{self.low:{form}}, {self.high:{form}}]"


@dataclass(frozen=True)
class Figures:
    """The row of a finder in the table."""

    median: Figure
    p90: Figure
    worst: Figure
    within: Figure
    catastrophes: Figure
    refused: Figure
    spread: Figure
    coverage: Figure
    coverage_error: float
    octaves: Figure
    loss_ratio: Figure
    held_out: Figure
    false: float
    steps: float
    most_steps: int
    runs: int
    by_task: Mapping[str, float] = field(default_factory=dict)

    def cells(self) -> list[str]:
        """Return the columns of :data:`HEADINGS`."""
        return [
            self.median.text(".4f"),
            self.p90.text(".3f"),
            self.worst.text(".2f"),
            self.within.text(".0%"),
            self.catastrophes.text(".1%"),
            self.refused.text(".1%"),
            "-" if math.isnan(self.false) else f"{self.false:.0%}",
            self.spread.text(".3f"),
            f"{self.steps:.0f} ({self.most_steps})",
            "-" if math.isnan(self.coverage.value) else f"{self.coverage.value:.0%} ± {self.coverage_error:.0%}",
            "-" if math.isnan(self.octaves.value) else f"{self.octaves.value:.2f}",
            self.loss_ratio.text(".3f"),
            self.held_out.text(".3f"),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return everything, with None for values that are not finite."""
        return {
            name: [_number(value.value), _number(value.low), _number(value.high)]
            if isinstance(value, Figure)
            else {task: _number(one) for task, one in value.items()}
            if isinstance(value, dict)
            else _number(value)
            for name, value in vars(self).items()
        }


def figures(runs: Runs) -> Figures:
    """Compute the statistics of a finder; all of them use the same resamples."""
    regret = runs.matrix(lambda one: one.regret)
    covered = runs.matrix(lambda one: one.covered)
    steps = [one.row.steps for judged in runs.by_task.values() for one in judged]
    draw = _Bootstrap(runs.counts())
    shares = {
        "within": runs.matrix(lambda one: float(one.regret <= 0.05)),  # noqa: PLR2004  (the column's name)
        "catastrophes": runs.matrix(lambda one: float(one.catastrophe)),
        "refused": runs.matrix(lambda one: float(one.refused)),
    }
    coverage, error = draw.with_error(covered, _mean)
    return Figures(
        median=draw(regret, _quantile(0.5)),
        p90=draw(regret, _quantile(0.9)),
        worst=draw(regret, _quantile(1.0)),
        spread=draw(runs.matrix(lambda one: one.log10_lr), _spread),
        coverage=coverage,
        coverage_error=error,
        octaves=draw(runs.matrix(lambda one: one.octaves), _quantile(0.5)),
        loss_ratio=draw(runs.matrix(lambda one: one.loss_ratio), _quantile(0.5)),
        held_out=draw(runs.matrix(lambda one: one.held_out_regret), _quantile(0.5)),
        false=float(np.mean(runs.false)) if runs.false else math.nan,
        steps=float(np.mean(steps)),
        most_steps=max(steps),
        runs=len(steps),
        by_task={task: float(np.median([one.regret for one in judged])) for task, judged in runs.by_task.items()},
        **{name: draw(values, _mean) for name, values in shares.items()},
    )


def comparison(runs: Mapping[str, Runs]) -> list[str]:
    """Compare the median regret of the others with that of our default budget, on the tasks and seeds that both have."""
    ours = next((name for name in ("lrfinder 650", "lrfinder curve") if name in runs), None)
    if ours is None:
        return []
    lines = [
        f"| against {ours} | ratio of median regrets | how often {ours} ends lower (ties half) |",
        "|---|---|---|",
    ]
    for name, other in runs.items():
        pairs = _paired(runs[ours], other)
        if name != ours and pairs:
            lines.append(f"| {name} | {_ratio(pairs).text('.2f')} | {_wins(pairs):.0%} |")
    return lines


Pair = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


def _paired(ours: Runs, other: Runs) -> list[Pair]:
    """Return the regrets of both by task, on the seeds that both have."""
    pairs: list[Pair] = []
    for task, judged in ours.by_task.items():
        theirs = {one.row.seed: one.regret for one in other.by_task.get(task, ())}
        both = [(one.regret, theirs[one.row.seed]) for one in judged if one.row.seed in theirs]
        if both:
            own, their = np.array(both).T
            pairs.append((own, their))
    return pairs


def _ratio(pairs: Sequence[Pair]) -> Figure:
    """Return their median regret divided by ours."""
    draw = _Bootstrap(np.array([len(own) for own, _ in pairs]))
    own, their = (_padded([pair[side] for pair in pairs]) for side in (0, 1))
    least = 1e-6  # smaller differences have no practical meaning
    ratios = np.maximum(draw.values(their, _quantile(0.5)), least) / np.maximum(draw.values(own, _quantile(0.5)), least)
    value = max(float(np.nanmedian(their)), least) / max(float(np.nanmedian(own)), least)
    return Figure(value, *_quantile_of(ratios))


def _wins(pairs: Sequence[Pair]) -> float:
    return float(np.mean([np.mean(np.where(own == their, 0.5, own < their)) for own, their in pairs]))


def _padded(rows: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    values = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, given in zip(values, rows, strict=True):
        row[: len(given)] = given
    return values


class _Bootstrap:
    """Resamples of tasks, and of seeds within each task, shape (resamples, tasks, seeds)."""

    def __init__(self, counts: NDArray[np.int64]) -> None:
        generator = np.random.default_rng(0)
        tasks, seeds = len(counts), int(counts.max())
        self._tasks = generator.integers(tasks, size=(RESAMPLES, tasks))
        drawn = counts[self._tasks][:, :, None]
        self._seeds = (generator.random((RESAMPLES, tasks, seeds)) * drawn).astype(int)
        self._absent = np.arange(seeds) >= drawn  # a task with fewer seeds keeps fewer

    def values(self, matrix: NDArray[np.float64], statistic: Callable[..., Any]) -> NDArray[np.float64]:
        """Return the statistic of each resample."""
        resampled = matrix[self._tasks[:, :, None], self._seeds]
        return statistic(np.where(self._absent, np.nan, resampled))

    def with_error(self, matrix: NDArray[np.float64], statistic: Callable[..., Any]) -> tuple[Figure, float]:
        """Return the statistic with its interval, and its standard error."""
        value = float(statistic(matrix[None])[0])
        if math.isnan(value):
            return Figure(math.nan, math.nan, math.nan), math.nan
        values = self.values(matrix, statistic)
        error = float(np.nanstd(values)) if np.isfinite(values).any() and not np.isinf(values).any() else math.nan
        return Figure(value, *_quantile_of(values)), error

    def __call__(self, matrix: NDArray[np.float64], statistic: Callable[..., Any]) -> Figure:
        return self.with_error(matrix, statistic)[0]


def _quantile_of(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the bounds of the 95 % interval, without interpolation, because values may be infinite."""
    low, high = _no_warning(np.nanquantile, values, (0.025, 0.975), method="nearest").tolist()
    return low, high


def _flat(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.reshape(len(values), -1)


def _quantile(share: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    def of(values: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = _flat(values)
        if np.isnan(flat).all():
            return np.full(len(flat), np.nan)
        finite = np.isfinite(flat[~np.isnan(flat)]).all()
        method = "linear" if finite else "higher"  # no interpolation between finite and infinite values
        with np.errstate(invalid="ignore"):
            return _no_warning(np.nanquantile, flat, share, axis=1, method=method)

    return of


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return _no_warning(np.nanmean, _flat(values), axis=1)


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard deviation over the seeds of a task, median over tasks."""
    return _no_warning(np.nanmedian, _no_warning(np.nanstd, values, axis=2, ddof=1), axis=1)


def _no_warning(function: Callable[..., Any], *values: Any, **options: Any) -> Any:
    """Call a function that returns NaN if all values are NaN, without its warning."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return function(*values, **options)


def _number(value: float) -> float | None:
    return value if isinstance(value, int) else float(f"{value:.6g}") if math.isfinite(value) else None
