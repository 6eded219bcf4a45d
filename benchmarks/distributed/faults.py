"""Faults drawn at random: kind of training, place, moment, what strikes, which rank, 2 or 4 ranks. Does anybody hang?

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/distributed/faults.py --runs 200

Each run is real processes with a time limit of three times the patience that they are given. A rank hangs if it has not
ended by then. Every rank that was not killed must have put back what it holds, and name the rank that was struck.
"""

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

import rank_faults
import rank_processes as ranks

WHAT = (rank_faults.raising, rank_faults.kill, rank_faults.interrupt, rank_faults.leave, rank_faults.run_out_of_memory)
LIMIT = 3 * rank_faults.PATIENCE


def main() -> None:
    """Make the runs and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    draw = random.Random(asked.seed)  # noqa: S311  (a sample, no secret)
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for run in range(asked.runs):
        kind, place, what = (
            draw.choice(("ddp", "ddp", "zero", "fsdp")),
            draw.choice(rank_faults.PLACES[:-1]),
            draw.choice(WHAT),
        )
        count = draw.choice((2, 2, 2, 4))
        who, moment = draw.randrange(count), draw.randint(1, 6)
        started = time.monotonic()
        every = ranks.run(rank_faults.struck, kind, place, what, who, moment, ranks=count, limit=LIMIT)
        seconds = time.monotonic() - started
        came = verdict(every, who)
        outcomes[came] += 1
        slowest = max(slowest, *(one.seconds for one in every))
        named = f"{kind}, {count} ranks, rank {who}, {place} {what.__name__} at {moment}"
        print(f"{run}: {named}: {came} ({seconds:.0f} s)", flush=True)
        if came not in {"all can go on", "told to be broken"}:
            print(*(f"  rank {rank}: {one}" for rank, one in enumerate(every)), sep="\n", flush=True)
    print(f"{asked.runs} runs, seed {asked.seed}, the slowest rank {slowest:.0f} s:", dict(outcomes))


def verdict(every: list[ranks.Outcome], who: int) -> str:
    """What came of a run, in a word."""
    if any(one.hung for one in every):
        return "HANGS"
    lived = [one.value for rank, one in enumerate(every) if one.value is not None or rank != who]
    if any(one is None for one in lived):
        return "NO REPORT"
    if not all(one.restored for one in lived):
        return "NOT RESTORED"
    others = [one.value for rank, one in enumerate(every) if rank != who]
    if not all(one.error == "RankError" and one.rank == who for one in others):
        return "NOT NAMED"
    if any(one.broken for one in lived):
        return "told to be broken"
    return "all can go on" if all(one.again for one in lived) else "CANNOT GO ON"


if __name__ == "__main__":
    main()
