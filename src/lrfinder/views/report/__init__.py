"""The report: one self-contained HTML page to look at, to send, and to print.

``result.report("page.html")`` shows one result; ``write_report({"adam": one, "sgd": other}, "page.html")`` shows several and
overlays their figures.
"""

from lrfinder.views.report.page import report_page, write_report

__all__ = ["report_page", "write_report"]
