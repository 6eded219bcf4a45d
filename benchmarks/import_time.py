"""Measure `import lrfinder` over `import numpy`: medians over fresh interpreters, in turns because machines are noisy.

python benchmarks/import_time.py
"""

import datetime as dt
import os
import platform
import statistics
import subprocess
import sys

ROUNDS = 25
CLOCK = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def seconds(modules: str) -> float:
    """Return the seconds of importing ``modules`` in a fresh interpreter."""
    command = [sys.executable, "-c", CLOCK.format(modules)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print the medians and their difference."""
    pairs = [(seconds("numpy"), seconds("numpy, lrfinder")) for _ in range(ROUNDS)]
    numpy, both = (statistics.median(column) for column in zip(*pairs, strict=True))
    where = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {where}, {ROUNDS} rounds")
    print(f"numpy {numpy:.3f} s; numpy and lrfinder {both:.3f} s; lrfinder {both - numpy:.4f} s")


if __name__ == "__main__":
    main()
