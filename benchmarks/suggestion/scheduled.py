"""Benchmark the search under schedules: the peak that ``suggest(schedule=...)`` names against the best peak.

    python benchmarks/suggestion/scheduled.py                        # the small ones of 72 setups, 20 minutes on one core
    python benchmarks/suggestion/scheduled.py --count 2 --output /tmp/scheduled.md

The setups are drawn as those in ``generated/``, by seeds that nothing was fitted to. For each, a search runs at a constant
rate and under every schedule. Then one training of many rows at once has the ends of all peaks under all schedules.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path[:0] = [str(HERE), str(HERE / "generated"), str(HERE.parents[1] / "src")]

import numpy as np  # noqa: E402  (after the number of threads is set)
import torch  # noqa: E402
from fit import FLOOR  # noqa: E402
from provenance import provenance  # noqa: E402
from record import END, HORIZON, ORDERS, order_seeds  # noqa: E402
from recording import Truth  # noqa: E402
from setups import Setup, draw  # noqa: E402
from training import SetupLearner  # noqa: E402

import lrfinder  # noqa: E402
from lrfinder._search.trial import Trial, rates_of  # noqa: E402
from lrfinder.torch.schedules import shape_of  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from lrfinder import Suggestion
    from lrfinder.schedules import Schedule

    Floats = NDArray[np.float64]

FIRST, COUNT = 192, 72  # seeds of the setups: those before are recorded, and the library is fitted to them
MOST_WORK = 50_000  # of a setup, weights times examples in a batch, to save time
BUDGET = 650
BEYOND_OCTAVES = 3  # that the peaks tried reach beyond those that searches name, to either side
DEFAULTS = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-2, "adagrad": 1e-2, "lion": 1e-4}  # others 1e-3, as in torch
GOOD = 0.05
FINDERS = ("with the schedule", "at a constant rate", "default rate")
RESAMPLES = 2000
ALL = "all but constant"


def _steps() -> Schedule:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    return shape_of(torch.optim.lr_scheduler.MultiStepLR(optimizer, [50, 75], 0.2), 100)


SCHEDULES: dict[str, Schedule] = {
    "constant": lrfinder.constant,
    "cosine": lrfinder.cosine,
    "linear_decay": lrfinder.linear_decay,
    "warmup_cosine": lrfinder.warmup_cosine(),
    "warmup_linear": lrfinder.warmup_linear(),
    "one_cycle": lrfinder.one_cycle,
    "steps": _steps(),
}


@dataclass(frozen=True)
class Task:
    """A setup under a schedule.

    Attributes:
        truth: how trainings at all peaks end.
        with_schedule: the suggestion for the schedule.
        constant: the suggestion at a constant rate.
    """

    setup: Setup
    schedule: str
    truth: Truth
    with_schedule: Suggestion
    constant: Suggestion

    @property
    def is_clear(self) -> bool:
        """``True`` if it has an answer, and its best peak hardly depends on the order of the batches."""
        return self.truth.has_answer and self.truth.floor < FLOOR

    @property
    def peaks(self) -> tuple[float | None, ...]:
        """The peak that each of :data:`FINDERS` names."""
        return self.with_schedule.lr, self.constant.lr, _default(self.setup)

    @property
    def held(self) -> bool:
        """``True`` if the interval of the search with the schedule holds the best peak."""
        low, high = self.with_schedule.low, self.with_schedule.high
        return low is not None and high is not None and low <= self.truth.best_lr <= high

    @property
    def regrets(self) -> tuple[float, ...]:
        """The regret of each."""
        return tuple(map(self.truth.regret, self.peaks))


def tasks_of(setup: Setup, schedules: Mapping[str, Schedule] = SCHEDULES) -> list[Task]:
    """Search under all schedules, of which one is named "constant"; then train at all peaks."""
    learner = SetupLearner(setup)
    found = {
        name: lrfinder.LRFinder(learner).suggest(HORIZON, max_iterations=BUDGET, schedule=schedule)
        for name, schedule in schedules.items()
    }
    peaks = _peaks(_default(setup), [one.lr for one in found.values() if one.lr is not None])
    ends = _ends(setup, peaks, schedules)
    return [Task(setup, name, Truth(np.array(peaks), ends[name]), found[name], found["constant"]) for name in schedules]


def _default(setup: Setup) -> float:
    return DEFAULTS.get(setup.optimizer, 1e-3)


def _peaks(default: float, named: Sequence[float]) -> list[float]:
    """Return the peaks to train at, rising: all that are named, and the octaves among them and beyond."""
    octaves = [math.log2(lr) for lr in (named or [default])]
    octave = range(math.floor(min(octaves)) - BEYOND_OCTAVES, math.ceil(max(octaves)) + BEYOND_OCTAVES + 1)
    return sorted({default, *named, *(2.0**k for k in octave)})


def _ends(setup: Setup, peaks: Sequence[float], schedules: Mapping[str, Schedule]) -> dict[str, Floats]:
    """Return the final losses under each schedule, shape ``(orders, 1 + peaks)``; the first is that at the rate 0."""
    rows = [rates_of(Trial(peak, HORIZON), schedule) for schedule in schedules.values() for peak in peaks]
    lrs = torch.tensor([[0.0] * HORIZON, *rows], dtype=torch.float64).float()
    batched, batches = setup.batched(), setup.batches(order_seeds(setup, "fresh"), HORIZON)
    losses, _, _ = batched.train(batched.start, lrs, batches, ORDERS, setup.seed)
    ends = losses[:, :, -END:].double().mean(2).numpy()
    untrained, trained = ends[:, :1], ends[:, 1:].reshape(ORDERS, len(schedules), len(peaks))
    return {name: np.concatenate([untrained, trained[:, k]], axis=1) for k, name in enumerate(schedules)}


def setups(first: int, count: int) -> Iterator[Setup]:
    """Yield the setups that are small enough."""
    for seed in range(first, first + count):
        setup = draw(seed)
        if setup.batch * len(setup.batched().start.weights) <= MOST_WORK:
            yield setup


def table(tasks: Sequence[Task]) -> Iterator[str]:
    """Yield the table of regrets: a row for each schedule and finder, of tasks with a clear best peak."""
    head = ("peak for", "found", "tasks", "median", "mean", "p90", f"within {GOOD}", "refused", "octaves from the best")
    yield f"| {' | '.join(head)} |\n|{'---|' * len(head)}"
    for schedule in (*SCHEDULES, ALL):
        chosen = [one for one in tasks if one.is_clear and _belongs(one, schedule)]
        for k, finder in enumerate(FINDERS):
            if not (schedule == "constant" and k == 1):  # the same search
                yield _row(schedule, finder, [(one.truth, one.peaks[k]) for one in chosen])


def _belongs(task: Task, schedule: str) -> bool:
    return task.schedule == schedule or (schedule == ALL and task.schedule != "constant")


def _row(schedule: str, finder: str, answers: Sequence[tuple[Truth, float | None]]) -> str:
    regret = np.array([truth.regret(peak) for truth, peak in answers])
    octaves = [math.log2(peak / truth.best_lr) for truth, peak in answers if peak is not None]
    cells = (
        schedule,
        finder,
        f"{len(answers)}",
        f"{np.median(regret):.4f}",
        f"{regret.mean():.3f}",
        f"{np.quantile(regret, 0.9):.3f}",
        f"{np.mean(regret <= GOOD):.0%}",
        f"{np.mean([peak is None for _, peak in answers]):.0%}",
        _spread(octaves),
    )
    return f"| {' | '.join(cells)} |"


def _spread(octaves: Sequence[float]) -> str:
    return ", ".join(f"{value:+.1f}" for value in np.quantile(octaves, [0.1, 0.5, 0.9]))


def pairs(tasks: Sequence[Task]) -> Iterator[str]:
    """Yield what a schedule changes: of the best peak, and of the regret of the search."""
    near = GOOD / 10
    head = (
        "schedule",
        "tasks",
        "best peak over best constant rate, octaves",
        "regret lower with the schedule",
        "lower at a constant rate",
        f"within {near} of each other",
        "mean difference",
        "interval holds",
    )
    yield f"| {' | '.join(head)} |\n|{'---|' * len(head)}"
    constant = {one.setup.seed: one.truth.best_lr for one in tasks if one.schedule == "constant"}
    for schedule in (*list(SCHEDULES)[1:], ALL):
        chosen = [one for one in tasks if one.is_clear and _belongs(one, schedule)]
        change = np.array([one.regrets[0] - one.regrets[1] for one in chosen])
        cells = (
            schedule,
            f"{len(chosen)}",
            _spread([math.log2(one.truth.best_lr / constant[one.setup.seed]) for one in chosen]),
            *(f"{np.mean(part):.0%}" for part in (change < -near, change > near, abs(change) <= near)),
            _mean(change, [one.setup.seed for one in chosen]),
            f"{np.mean([one.held for one in chosen if one.with_schedule.lr is not None]):.0%}",
        )
        yield f"| {' | '.join(cells)} |"


def _mean(values: Floats, setups: Sequence[int]) -> str:
    """Return the mean with its 95 % interval, by a bootstrap over setups."""
    groups = [values[np.array(setups) == setup] for setup in dict.fromkeys(setups)]
    sums, counts = np.array([group.sum() for group in groups]), np.array([len(group) for group in groups])
    drawn = np.random.default_rng(0).integers(len(groups), size=(RESAMPLES, len(groups)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975])
    return f"{values.mean():+.4f} [{low:+.4f}, {high:+.4f}]"


def by_setup(tasks: Sequence[Task]) -> Iterator[str]:
    """Yield the regrets of each setup: with the schedule / at a constant rate; a dash where the best peak is not clear."""
    names = list(SCHEDULES)
    yield f"| setup | data | optimizer | batch | {' | '.join(names)} |\n|{'---|' * (len(names) + 4)}"
    for seed in dict.fromkeys(one.setup.seed for one in tasks):
        own = {one.schedule: one for one in tasks if one.setup.seed == seed}
        setup = own["constant"].setup
        cells = [_cell(own[name]) for name in names]
        yield f"| {seed} | {setup.family} | {setup.optimizer} | {setup.batch} | {' | '.join(cells)} |"


def _cell(task: Task) -> str:
    return " / ".join(f"{regret:.3f}" for regret in task.regrets[:2]) if task.is_clear else "-"


def _head(tasks: Sequence[Task]) -> str:
    clear = len({one.setup.seed for one in tasks if one.is_clear})
    return f"""\
# The suggestion under schedules

{provenance(("numpy", "torch"))}.
Made by `benchmarks/suggestion/scheduled.py` from {len(tasks) // len(SCHEDULES)} setups of the generator, from a fresh start.
Horizon {HORIZON}, at most {BUDGET} iterations of search. On {clear} setups some schedule has a clear best peak: it lowers
the loss on each of {ORDERS} orders of the batches, and the best peak of one order has a regret below {FLOOR} on all.

A search names a peak. Its regret is that of a whole run under the schedule: 0 is the best of the peaks tried, 1 the
untrained model. The search sees one order of the batches; the mean of {ORDERS} orders judges. "At a constant rate" is a
search without `schedule=`.
"""


def main() -> None:
    """Run the searches, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--output", type=Path, default=HERE / "results" / "scheduled.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    begin, tasks = time.perf_counter(), list[Task]()
    for setup in setups(arguments.first, arguments.count):
        tasks += tasks_of(setup)
        print(f"{time.perf_counter() - begin:5.0f} s  {setup}", *map(_cell, tasks[-len(SCHEDULES) :]), flush=True)
    text = "\n".join([_head(tasks), *table(tasks), "", *pairs(tasks), "", *by_setup(tasks)])
    arguments.output.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
