"""The report: one self-contained HTML page to look at, to send, and to print.

``result.report("page.html")`` shows one result; ``write_report({"adam": one, "sgd": other}, "page.html")`` shows several and
overlays their figures.

Data are JSON, which is never executed: ``<`` is escaped, so that no text can end the element that contains it. The policy of
the page allows only the scripts and styles that it names by their hashes; nothing is loaded from elsewhere.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfinder._arguments import file_path
from lrfinder._results.atomic_file import write_atomically
from lrfinder.errors import LRFinderError
from lrfinder.views.describe import describe
from lrfinder.views.html import escaped
from lrfinder.views.report.sections import all_runs, contents, facts, frame, one_run, overlay, section
from lrfinder.views.report.usage import versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from lrfinder._results.results import Result
    from lrfinder.views.describe.description import Figure

RESULTS_WITHOUT_CONTENTS = 3  # more get a table of contents
DIGITS = 7  # of the numbers in figures
SCRIPTS = ("uplot/uPlot.iife.min.js", "ticks.js", "marks.js", "table.js", "plot.js", "page.js")
STYLES = ("uplot/uPlot.min.css", "page.css")


def write_report(runs: Mapping[str, Result], path: str | PathLike[str]) -> None:
    """Write the page of results, by their names, to ``path``: completely or not at all.

    Raises:
        LRFinderError: ``runs`` is empty.
        OSError: the page cannot be written.
    """
    file_path(path)
    write_atomically(report_page(runs).encode(), path)


def report_page(runs: Mapping[str, Result]) -> str:
    """Return the page of results by their names, which head their sections; several are also overlaid.

    Raises:
        LRFinderError: ``runs`` is empty.
    """
    if not runs:
        message = "The report was given no results; give at least one, by a name."
        raise LRFinderError(message)
    described = {name: describe(run) for name, run in runs.items()}
    titles = [": ".join(filter(None, (name, run.title))) for name, run in described.items()]
    alone = len(runs) == 1
    figures: list[Figure] = []
    body = [] if alone else [section("All runs", all_runs(described, _frames(overlay(runs, described), figures)))]
    anchors = {f"run-{row}": title for row, title in enumerate(titles)}
    if len(runs) > RESULTS_WITHOUT_CONTENTS:
        body.insert(0, section("Contents", contents(anchors)))
    for (anchor, title), run in zip(anchors.items(), described.values(), strict=True):
        body.append(section("" if alone else title, one_run(run, _frames(run.figures(), figures)), anchor))
    scripts, styles = [_asset(name) for name in SCRIPTS], [_asset(name) for name in STYLES]
    return Template(_asset("page.html")).substitute(
        title=escaped(titles[0] if alone else " · ".join(runs)),
        licence=_asset("uplot/LICENSE"),
        script_hashes=_hashes(scripts),
        style_hashes=_hashes(styles),
        styles="\n".join(f"<style>{style}</style>" for style in styles),
        body="\n".join(body),
        versions=facts(versions()),
        figures=_json([asdict(figure) for figure in figures]),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def _frames(figures: Sequence[Figure], all_figures: list[Figure]) -> list[str]:
    """Return the frames of figures, and append the figures to ``all_figures``, where the script finds them by index."""
    first = len(all_figures)
    all_figures.extend(figures)
    return [frame(figure, first + row) for row, figure in enumerate(figures)]


def _json(value: object) -> str:
    """Return JSON that cannot end the element that contains it: it has neither ``</script>`` nor comments."""
    return json.dumps(value, default=_numbers, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _numbers(array: Any) -> list[float]:
    if not isinstance(array, np.ndarray):
        raise TypeError(type(array).__name__)
    return array.tolist() if array.dtype.kind == "i" else [float(f"{number:.{DIGITS}g}") for number in array.tolist()]


def _hashes(texts: Sequence[str]) -> str:
    return " ".join(f"'sha256-{b64encode(sha256(one.encode()).digest()).decode('ascii')}'" for one in texts)


@cache
def _asset(name: str) -> str:
    return files("lrfinder.views.report").joinpath(name).read_text(encoding="utf-8")
