"""Seconds per iteration, bare and in each finder, measured in turns."""

from __future__ import annotations

import contextlib
import os
import statistics
from pathlib import Path

from finders import FINDERS, named, seconds
from spread import format_median, interval, table
from tasks import TASKS


def section(task: str) -> str:
    """Return the table of a task; for a finder that cannot run it gives the reason."""
    failed: dict[str, str] = {}
    times: dict[str, list[float]] = {name: [] for name in FINDERS}
    for _ in range(TASKS[task].rounds + 1):  # the first warms up
        for name in FINDERS:
            if name not in failed:
                try:
                    with _quiet():
                        times[name].append(seconds(name, TASKS[task]))
                except Exception as error:  # noqa: BLE001  (any reason counts)
                    failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    rows = []
    base = times["bare loop"][1:]
    for name, found in times.items():
        if name in failed:
            rows.append([name, f"not run: {failed[name]}", "", ""])
            continue
        ratios = [one / bare for one, bare in zip(found[1:], base, strict=True)]
        over = [1e6 * (one - bare) for one, bare in zip(found[1:], base, strict=True)]
        median, low, high = interval(over)
        extra = f"{median:.0f} ({low:.0f} to {high:.0f})" if name != "bare loop" else ""
        rows.append([named(name), f"{1e3 * statistics.median(found[1:]):.3f}", format_median(ratios), extra])
    few = f"{TASKS[task].iterations} iterations per call, {TASKS[task].rounds} rounds"
    return f"{task}; {few}\n\n" + table(["", "ms per iteration", "over the bare loop", "µs more"], rows)


@contextlib.contextmanager
def _quiet():  # noqa: ANN202  (a context)
    """Discard progress bars and messages; the time to draw them still counts."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
        yield
