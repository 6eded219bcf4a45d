"""The cost of whole calls of finders, and the regret of their rates: the table and picture of docs/performance.md.

make bench-calls                             measures what is not in results/rows.jsonl yet
make bench-calls ARGS="--again"              measures the calls again; the trainings of the truth are kept
make bench-calls ARGS="--workloads MLP"      measures one of the workloads
make bench-calls ARGS="--report"             writes the table and the picture alone

Each call is a process of its own: import, set-up, search and restore. A row is stored as soon as it is measured, so that a
stopped run continues. The times are processor seconds, which other programs affect less than the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import rows
from cost import write_report

HERE = Path(__file__).parent
CALLERS = (
    "no search", "four rates by hand", "lrfinder find", "lrfinder suggest(350)", "torch-lr-finder", "Ignite", "Lightning",
    "fastai",
)  # fmt: skip
SEEDS = {"MLP": (0, 1, 2), "CNN": (0, 1, 2), "ResNet-18": (0,)}
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "TQDM_DISABLE": "1"}


def main() -> None:
    """Measure what is missing, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", nargs="*", choices=[*SEEDS], default=[*SEEDS])
    parser.add_argument("--rows", type=Path, default=rows.FILE)
    parser.add_argument("--again", action="store_true", help="measure the calls again")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    given = parser.parse_args()
    cases = [(name, seed) for seed in range(3) for name in given.workloads if seed in SEEDS[name]]
    if given.again:
        rows.drop(given.rows, kind="call")
    if not given.report:
        measure_calls(given.rows, cases)  # first, while nothing else runs
        for name, seed in cases:
            process("truth", str(given.rows), name, str(seed))
            answers = rows.read(given.rows, kind="call", workload=name, seed=seed)
            lrs = [str(row["lr"]) for row in answers if row.get("lr") is not None]
            process("train", str(given.rows), name, str(seed), *lrs)
    write_report(given.rows)


def measure_calls(file: Path, cases: list[tuple[str, int]]) -> None:
    """Measure the calls that are not in the file; those of a workload at a seed come one after the other."""
    for name, seed in cases:
        for caller in CALLERS:
            key = {"kind": "call", "workload": name, "seed": seed, "caller": caller}
            if rows.read(file, **key):
                continue
            load, start = os.getloadavg()[0], time.time()
            row = {**key, **process("call", caller, name, str(seed)), "wall": time.time() - start}
            rows.append(file, {**row, "load": load, "date": time.strftime("%Y-%m-%d"), "machine": machine()})
            print(row, flush=True)


def machine() -> str:
    """Describe the machine."""
    python = f"Python {platform.python_version()}, PyTorch {version('torch')}"
    return f"{platform.machine()}, {os.cpu_count()} cores, {python}"


def process(*arguments: str) -> dict[str, object]:
    """Run ``one_process.py`` and return what it prints; an error is returned by name."""
    command = [sys.executable, str(HERE / "one_process.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **ENVIRONMENT})
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return {"failed": done.stderr.strip().splitlines()[-1][:200]}
    return json.loads(done.stdout) if done.stdout.strip() else {}


if __name__ == "__main__":
    main()
