"""Run the benchmark of the suggestion: every finder on every task, compared with the truth.

    python benchmarks/suggestion/run.py --set development --seeds 10

Each result goes to the cache next to this file as it is computed. A stopped run resumes. After a change of code, a run
repeats only the results that depend on it. The report comes last; ``--finders none`` writes it alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "src")]

from finders import FINDERS  # noqa: E402  (found on the path above)
from report import write  # noqa: E402
from store import read  # noqa: E402
from unit import Unit, results_file, run  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence


def units(arguments: argparse.Namespace) -> list[Unit]:
    """Return the units of work, seed by seed, so that a stopped run has some seeds of every task."""
    tasks = import_module(arguments.set)
    done: defaultdict[tuple[str, int, int], set[object]] = defaultdict(set)
    for row in read(results_file(arguments.set)):
        done[row.task, row.seed, row.horizon].add(row.key)
    names = chosen(arguments.finders)
    return [
        Unit(arguments.set, task.name, seed, horizon, names, frozenset(done[task.name, seed, horizon]))
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds)
        for horizon in arguments.horizon
        for task in (*tasks.TASKS, *tasks.REFUSALS)
        if horizon in task.horizons and (not arguments.tasks or any(part in task.name for part in arguments.tasks))
    ]


def chosen(parts: Sequence[str]) -> list[str]:
    """Return the finders whose name begins with one of ``parts``, or all if there are none."""
    return [name for name in FINDERS if not parts or any(name.lower().startswith(part.lower()) for part in parts)]


def work(todo: Sequence[Unit], processes: int) -> None:
    """Run the units, and print a line for each as it ends."""
    begin = time.perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(run, unit): unit for unit in todo}
        for count, future in enumerate(as_completed(running), start=1):
            unit = running[future]
            try:
                outcome = f"{len(future.result())} finders"
            except Exception as error:  # noqa: BLE001  (it is printed, the others continue, and the next run tries again)
                outcome = f"failed, {type(error).__name__}: {error}"
            seconds = time.perf_counter() - begin
            print(
                f"{count}/{len(todo)} {seconds:7.0f} s  {unit.task}, seed {unit.seed}, {unit.horizon}: {outcome}", flush=True
            )


def main() -> None:
    """Run all units without a result, then write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="development", help="module of tasks: development or heldout")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--tasks", nargs="*", default=[], help="parts of names; default: all")
    parser.add_argument(
        "--finders", nargs="*", default=[], help="beginnings of names; default: all; 'none' for the report alone"
    )
    parser.add_argument("--horizon", nargs="*", type=int, default=[300])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    if arguments.finders != ["none"]:
        work(units(arguments), arguments.processes)
    print(f"\n{write(arguments.set, arguments.output)}")


if __name__ == "__main__":
    main()
