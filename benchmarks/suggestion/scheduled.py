"""Benchmark the search under schedules: the peak that ``suggest(schedule=...)`` names against the best peak.

    python benchmarks/suggestion/scheduled.py --seeds 3
    python benchmarks/suggestion/scheduled.py --tasks digits --seeds 1 --schedules cosine

Each run is stored in the cache next to this file. A stopped benchmark resumes. The table goes to ``results/scheduled.md``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "src")]

import controls  # noqa: E402  (found on the path above)
import numpy as np  # noqa: E402
import ours  # noqa: E402
import torch  # noqa: E402
from answers import BUDGET, Case  # noqa: E402
from figures import HEADINGS, Judged, Runs, figures  # noqa: E402
from finders import HERE, Entry, sources_of_suggest  # noqa: E402
from replayed import CACHE, START, Replayed  # noqa: E402
from store import append, read  # noqa: E402
from unit import results_file, row_of, truth  # noqa: E402

import lrfinder  # noqa: E402
from lrfinder._search.trial import Trial, rates_of  # noqa: E402
from lrfinder.torch.schedules import shape_of  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from task import Task

    from lrfinder.schedules import Schedule

SETS = ("development", "heldout")
RESULTS = "scheduled"


def _steps() -> Schedule:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    return shape_of(torch.optim.lr_scheduler.MultiStepLR(optimizer, [50, 75], 0.2), 100)


SCHEDULES: dict[str, Schedule] = {
    "cosine": lrfinder.cosine,
    "linear_decay": lrfinder.linear_decay,
    "warmup_cosine": lrfinder.warmup_cosine(),
    "warmup_linear": lrfinder.warmup_linear(),
    "one_cycle": lrfinder.one_cycle,
    "steps": _steps(),
}


class Scheduled(Replayed):
    """A task whose whole runs follow a schedule; the finder trains it at any rates, as it does every learner."""

    def __init__(self, task: Task, seed: int, horizon: int, schedule: Schedule, cache: Path = CACHE / RESULTS) -> None:
        super().__init__(task, seed, horizon, cache)
        self._schedule = schedule

    def training(self, lr: float) -> NDArray[np.float64]:
        """Return the losses of the whole run whose highest rate is ``lr``; NaN from the first that is not finite on."""
        counted, before = self.iterations_run, self.snapshot()
        self.restore(START)
        losses = np.full(self._horizon, np.nan)
        for k, rate in enumerate(rates_of(Trial(lr, self._horizon), self._schedule)):
            losses[k] = self.iteration(rate)
            if not np.isfinite(losses[k]):
                losses[k] = np.nan
                break
        self.restore(before)
        self.iterations_run = counted
        return losses

    def held_out(self, lr: float) -> None:
        """Return None: only training losses are compared."""

    def _first(self, count: int, lr: float) -> NDArray[np.float64]:
        """Train as far as the next power of two: few runs are at a constant rate for long."""
        if len(self._constant.get(lr, ())) < count:
            self._constant[lr] = self._train(min(self._horizon, 1 << (count - 1).bit_length()), lr)
            self._changed = True
        return self._constant[lr]


def entries(schedule: Schedule) -> list[Entry]:
    """Return the finders that are compared: with the schedule, without it, and the default rate."""
    own = (*sources_of_suggest(), HERE / "ours.py")
    return [
        Entry("with the schedule", "ours", ours.scheduled(BUDGET, schedule), own),
        Entry("at a constant rate", "ours", ours.probes(BUDGET), own),
        Entry("default rate", "control", controls.default_rate, (HERE / "controls.py",)),
    ]


@dataclass(frozen=True)
class Work:
    """One task of a set at one seed under one schedule."""

    tasks: str
    task: str
    seed: int
    horizon: int
    schedule: str

    def case(self) -> Case:
        """Return the case; its name holds the schedule, so that its truth and its results have places of their own."""
        task = next(task for task in import_module(self.tasks).TASKS if task.name == self.task)
        named = replace(task, name=f"{task.name}@{self.schedule}")
        return Case(named, self.seed, self.horizon, Scheduled(named, self.seed, self.horizon, SCHEDULES[self.schedule]))

    def judged(self) -> dict[str, Judged]:
        """Return the judged answer of each finder, from the stored results where they are."""
        torch.set_num_threads(1)
        case = self.case()
        found = truth(case, self.tasks)
        case.learner.close()
        stored = {row.key: row for row in read(results_file(RESULTS))}
        answers: dict[str, Judged] = {}
        for entry in entries(SCHEDULES[self.schedule]):
            key = (entry.name, entry.code(), case.task.name, self.seed, self.horizon, case.learner.fingerprint)
            row = stored.get(key)
            if row is None:
                row = row_of(case, entry, trained=True)
                append(results_file(RESULTS), [row])
                case.learner.close()
            answers[entry.name] = Judged(row, found)
        return answers


def table(schedule: str, work: Sequence[Work], judged: Sequence[dict[str, Judged]]) -> str:
    """Return the table of one schedule."""
    by_finder: defaultdict[str, defaultdict[str, list[Judged]]] = defaultdict(lambda: defaultdict(list))
    for one, answers in zip(work, judged, strict=True):
        for name, answer in answers.items():
            by_finder[name][one.task].append(answer)
    tasks = len({one.task for one in work})
    lines = [f"\n## {schedule}: {tasks} tasks, {len(work)} runs\n", f"| finder | {' | '.join(HEADINGS)} |"]
    lines.append(f"|---|{'---|' * len(HEADINGS)}")
    for name, by_task in by_finder.items():
        lines.append(f"| {name} | {' | '.join(figures(Runs('ours', dict(by_task), ())).cells())} |")
    return "\n".join(lines)


def main() -> None:
    """Run what has no result, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default=SETS[0], choices=SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="*", default=[], help="parts of names; default: all")
    parser.add_argument("--schedules", nargs="*", default=list(SCHEDULES), choices=list(SCHEDULES))
    parser.add_argument("--horizon", type=int, default=300)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, default=HERE / "results" / "scheduled.md")
    given = parser.parse_args()
    names = [task.name for task in import_module(given.set).TASKS]
    names = [name for name in names if not given.tasks or any(part in name for part in given.tasks)]
    parts = [f"# The suggestion under schedules: {given.set} tasks, horizon {given.horizon}\n\nColumns as in `heldout.md`."]
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        for schedule in given.schedules:
            work = [Work(given.set, name, seed, given.horizon, schedule) for seed in range(given.seeds) for name in names]
            parts.append(table(schedule, work, list(pool.map(Work.judged, work))))
            print(parts[-1], flush=True)
    given.output.parent.mkdir(exist_ok=True)
    given.output.write_text("\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
