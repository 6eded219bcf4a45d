"""Medians with an interval: machines are noisy, and a single figure says nothing.

All times are of the processor: on a machine that does other things too, the clock on the wall tells about those.
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
    """The median, and the order statistics between which it lies in 95 % of cases or more (in 7 values, the ends)."""
    ordered, n, k = sorted(values), len(values), 0
    while 2 * sum(comb(n, j) for j in range(k + 2)) / 2**n <= 0.05:  # noqa: PLR2004  (5 %)
        k += 1
    return statistics.median(ordered), ordered[k], ordered[n - 1 - k]


def told(values: Sequence[float], digits: int = 2) -> str:
    """``median (low to high)``."""
    median, low, high = interval(values)
    return f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Markdown."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def machine() -> str:
    """Date and machine of a measurement."""
    what = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {version('torch')}"
    return f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {what}, 1 thread; processor time, not the clock on the wall"
