"""The cost of lrfinder on a CUDA device, measured in at most 8 minutes with PyTorch and NumPy alone; nothing is downloaded.

    PYTHONPATH=src python benchmarks/gpu/run.py                 # writes gpu.json and gpu.md into the folder
    PYTHONPATH=src python benchmarks/gpu/run.py loop twin       # some parts
    PYTHONPATH=src python benchmarks/gpu/run.py --device cpu --quick --together  # rehearses all of it on the CPU

Each part runs in a process of its own, within a budget of seconds. A case that fails, needs CUDA, or was not reached is a
row of the table that says so. Only the part ``cifar10`` reads data: from ``$LRFINDER_DATA``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cifar10
import loops
import numpy as np
import states
import torch
import twins
from devices import device_of
from results import Figure, append, markdown, measure, one_line, read
from trainings import FULL, QUICK, Sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices import Device
    from results import Cases

RESERVE = 15.0  # seconds that are left for the end
FEWEST_SECONDS = 8.0  # in which a part can start


class Part(NamedTuple):
    """A part of the benchmark and its budget."""

    cases: Callable[[Device, Sizes], Cases]
    seconds: float


PARTS = {  # the most important ones first; together they take less than 8 minutes
    "loop": Part(loops.plain, 55),
    "twin": Part(twins.twins, 60),
    "snapshots": Part(states.snapshots, 45),
    "memory": Part(states.memory, 60),
    "amp": Part(loops.amp, 55),
    "cifar10": Part(cifar10.search, 70),
    "graphs": Part(loops.graphs, 50),
    "compiled": Part(loops.compiled, 65),
}


def main() -> None:
    """Measure, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--minutes", type=float, default=8.0, help="for everything")
    parser.add_argument("--quick", action="store_true", help="small sizes, for a rehearsal")
    parser.add_argument("--together", action="store_true", help="all parts in this process, without budgets")
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)  # set for the process of a part
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}.")
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("PyTorch finds no CUDA device here; --device cpu --quick --together rehearses on the CPU.")
    device, sizes = device_of(given.device), QUICK if given.quick else FULL
    if given.rows is not None:
        _measure_here(given.parts, device, sizes, given.rows)
        return
    given.out.mkdir(parents=True, exist_ok=True)
    rows = given.out / "gpu.jsonl"
    rows.unlink(missing_ok=True)
    parts = given.parts or [*PARTS]
    if given.together:
        _measure_here(parts, device, sizes, rows)
    else:
        _measure_in_processes(parts, given, rows)
    _write(given.out, device, read(rows))
    rows.unlink()


def _measure_here(parts: list[str], device: Device, sizes: Sizes, rows: Path) -> None:
    warnings.simplefilter("ignore")
    for part in parts:
        measure(part, PARTS[part].cases(device, sizes), rows)


def _measure_in_processes(parts: list[str], given: argparse.Namespace, rows: Path) -> None:
    deadline = time.monotonic() + 60 * given.minutes - RESERVE
    options = ["--device", given.device, "--rows", str(rows), *(["--quick"] if given.quick else [])]
    for part in parts:
        seconds = min(PARTS[part].seconds, deadline - time.monotonic())
        if seconds < FEWEST_SECONDS:
            append(rows, part, "", [Figure("", "not run: no time was left")])
            continue
        reason = in_a_process([sys.executable, __file__, part, *options], seconds, rows.with_suffix(".log"))
        if reason:
            append(rows, part, "the cases that are missing", [Figure("", reason)])
        print(f"{part}: {reason or 'measured'}", flush=True)


def in_a_process(command: list[str], seconds: float, log: Path) -> str:
    """Run a command, and end it with all that it started after so many seconds; return the reason if it did not succeed."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"stopped after {seconds:.0f} s"
    return "" if process.returncode == 0 else f"its process ended with {process.returncode}; see {log.name}"


def _write(folder: Path, device: Device, rows: list[dict[str, object]]) -> None:
    date = f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}"
    try:
        machine = device.describe()
    except RuntimeError as error:
        machine = f"a device that cannot be described: {one_line(error)}"
    packages = f"PyTorch {torch.__version__}, NumPy {np.__version__}"
    versions = f"{os.cpu_count()} processors, Python {platform.python_version()}, {packages}"
    content = {"date": date, "machine": machine, "versions": versions, "rows": rows}
    (folder / "gpu.json").write_text(json.dumps(content, indent=1) + "\n")
    text = f"{date}, {machine}; {versions}\n\n{markdown(rows)}"
    (folder / "gpu.md").write_text(text)
    print(f"\n{text}")


if __name__ == "__main__":
    main()
