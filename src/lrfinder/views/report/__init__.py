"""The report: one self-contained HTML page to look at, to send, and to print.

``result.report("page.html")`` shows one result; ``write_report({"adam": one, "sgd": other}, "page.html")`` shows several and
overlays their figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder.views.report.page import report_page

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from lrfinder._results.results import Result

__all__ = ["report_page", "write_report"]


def write_report(runs: Mapping[str, Result], path: str | PathLike[str]) -> None:
    """Write the page of results, by their names, to ``path``: completely or not at all.

    Raises:
        OSError: the page cannot be written.
    """
    from lrfinder._results.atomic_file import write_atomically

    write_atomically(report_page(runs).encode(), path)
