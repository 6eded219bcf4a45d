"""Time to open reports of 10,000 and 100,000 records in Chromium, from the request for the page until its figures are drawn.

python benchmarks/report_opening.py  (needs playwright and chromium)

Each opening uses a new browser and a new profile, so that nothing is cached; the start of the browser is not counted.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
import statistics
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from lrfinder import RangeTest, Record, Settings, Stop

RECORDS, OPENINGS = (10_000, 100_000), 11
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
SEEN = "new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(() => seen(performance.now()))))"
DRAWN = "performance.getEntriesByName('lrfinder: drawn')[0].startTime"


def result(records: int) -> RangeTest:
    """Return a noisy sweep whose loss falls, is lowest at about 0.06, and diverges."""
    lrs = np.geomspace(1e-6, 10, records)
    log_lr, noise = np.log10(lrs), 0.05 * np.random.default_rng(0).standard_normal(records)
    losses = 2.3 - 1.5 / (1 + np.exp(-4 * (log_lr + 2))) + np.exp(np.minimum(5 * (log_lr + 0.4), 3)) + noise
    settings = Settings(1e-6, 10 ** (7 / records), 10.0, records, 0.3, "none")
    return RangeTest(tuple(map(Record, lrs.tolist(), losses.tolist())), Stop.LAST_RATE, settings)


def main() -> None:
    """Print the times for each number of records."""
    print(f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores")
    for records in RECORDS:
        measure(records)


def measure(records: int) -> None:
    """Open the report several times and print the times."""
    drawn: list[float] = []
    seen: list[float] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_playwright() as playwright:
        page_file = Path(folder, "page.html")
        result(records).report(page_file)
        for number in range(OPENINGS):
            profile = Path(folder, f"profile{number}")
            with playwright.chromium.launch_persistent_context(
                profile, executable_path=shutil.which("chromium"), args=FLAGS
            ) as browser:
                page = browser.new_page()
                page.goto(page_file.as_uri())
                drawn.append(page.evaluate(DRAWN))
                seen.append(page.evaluate(SEEN))
        size = page_file.stat().st_size
    print(f"{records:,} records, a page of {size / 1000:.0f} kB, opened {OPENINGS} times, milliseconds")
    for what, times in (("until the figures are drawn", drawn), ("until they are on the screen", seen)):
        print(f"  {what:30} median {statistics.median(times):5.0f}   slowest {max(times):5.0f}")


if __name__ == "__main__":
    main()
