"""Medians with an interval, because machines are noisy.

All times are processor times: on a busy machine, wall-clock times measure other processes too.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import statistics
from importlib.metadata import version
from math import comb
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median and the order statistics that enclose it in at least 95 % of cases (of 7 values, the ends)."""
    ordered, n, k = sorted(values), len(values), 0
    while 2 * sum(comb(n, j) for j in range(k + 2)) / 2**n <= 0.05:  # noqa: PLR2004  (5 %)
        k += 1
    return statistics.median(ordered), ordered[k], ordered[n - 1 - k]


def format_median(values: Sequence[float], digits: int = 2) -> str:
    """Format as ``median (low to high)``."""
    median, low, high = interval(values)
    return f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Format as a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def machine() -> str:
    """Describe the date and the machine of a measurement."""
    what = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {version('torch')}"
    return f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {what}, 1 thread; processor time"
