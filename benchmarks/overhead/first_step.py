"""Processor seconds from the start of a fresh process to a finder's first step, imports included."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

from finders import FINDERS, named
from spread import format_median, table

ROUNDS = 5
CODE = """
import sys
sys.path.insert(0, {folder!r})
from finders import FINDERS, Training, seconds
from tasks import TASKS
seconds({name!r}, TASKS["MLP, batch 64"]._replace(iterations=1))
"""


def section() -> str:
    """Measure the finders in turns and return the table."""
    times: dict[str, list[float]] = {name: [] for name in FINDERS}
    for _ in range(ROUNDS):
        for name in FINDERS:
            times[name].append(_seconds(name))
    base = times["bare loop"]
    rows = []
    for name, found in times.items():
        over = [one - bare for one, bare in zip(found, base, strict=True)]
        rows.append([named(name), f"{statistics.median(found):.2f}", format_median(over) if name != "bare loop" else ""])
    return table(["", "seconds", "more than the bare loop"], rows)


def _seconds(name: str) -> float:
    code = CODE.format(folder=sys.path[0], name=name)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took if done.returncode == 0 else float("nan")
