"""Random faults: kind of training, place, moment, exception or signal, rank, 2 or 4 ranks. None of the ranks may hang.

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/distributed/faults.py --runs 200

Each run starts real processes, with a time limit of three times their ``rank_timeout``. A rank hangs if it has not ended by
then. Every rank that was not killed must have restored what it holds, and must name the rank that was struck.
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

STRIKES = (rank_faults.raising, rank_faults.kill, rank_faults.interrupt, rank_faults.leave, rank_faults.run_out_of_memory)
LIMIT_SECONDS = 3 * rank_faults.TIMEOUT_SECONDS
EXPECTED = {"all can continue", "reported as broken"}


def main() -> None:
    """Make the runs and print their outcomes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)  # noqa: S311  (a sample, no secret)
    counts: Counter[str] = Counter()
    slowest = 0.0
    for run in range(arguments.runs):
        kind, place, strike = (
            draw.choice(("ddp", "ddp", "zero", "fsdp")),
            draw.choice(rank_faults.PLACES[:-1]),
            draw.choice(STRIKES),
        )
        count = draw.choice((2, 2, 2, 4))
        who, moment = draw.randrange(count), draw.randint(1, 6)
        started = time.monotonic()
        outcomes = ranks.run(rank_faults.report_of, kind, place, strike, who, moment, ranks=count, limit=LIMIT_SECONDS)
        seconds = time.monotonic() - started
        verdict = verdict_of(outcomes, who)
        counts[verdict] += 1
        slowest = max(slowest, *(outcome.seconds for outcome in outcomes))
        fault = f"{kind}, {count} ranks, rank {who}, {place} {strike.__name__} at {moment}"
        print(f"{run}: {fault}: {verdict} ({seconds:.0f} s)", flush=True)
        if verdict not in EXPECTED:
            print(*(f"  rank {rank}: {outcome}" for rank, outcome in enumerate(outcomes)), sep="\n", flush=True)
    print(f"{arguments.runs} runs, seed {arguments.seed}, the slowest rank {slowest:.0f} s:", dict(counts))


def verdict_of(outcomes: list[ranks.Outcome], who: int) -> str:
    """Return the outcome of a run in a few words; those in capitals are failures."""
    if any(outcome.hung for outcome in outcomes):
        return "HANGS"
    reports = [outcome.value for rank, outcome in enumerate(outcomes) if outcome.value is not None or rank != who]
    if any(report is None for report in reports):
        return "NO REPORT"
    if not all(report.restored for report in reports):
        return "NOT RESTORED"
    others = [outcome.value for rank, outcome in enumerate(outcomes) if rank != who]
    if not all(report.error == "RankError" and report.rank == who for report in others):
        return "NOT NAMED"
    if any(report.broken for report in reports):
        return "reported as broken"
    return "all can continue" if all(report.repeats for report in reports) else "CANNOT CONTINUE"


if __name__ == "__main__":
    main()
