"""Results as one HTML page that needs nothing beside itself.

Data go in as JSON that is never run: ``<`` is escaped, so that no text can end the element that it stands in. The policy of
the page lets run the scripts that are named by their hash, and nothing else; nothing is loaded from anywhere.
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

from lrfinder.errors import LRFinderError
from lrfinder.views.report.drawing import figures_of, headline_of
from lrfinder.views.report.elements import facts, section, text
from lrfinder.views.report.frames import frame
from lrfinder.views.report.overlay import overlay
from lrfinder.views.report.sections import part, together
from lrfinder.views.report.usage import versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lrfinder._results.results import Result
    from lrfinder.views.report.figures import Figure

DIGITS = 7  # of the numbers in figures
SCRIPTS = ("uplot/uPlot.iife.min.js", "ticks.js", "marks.js", "table.js", "plot.js", "page.js")
STYLES = ("uplot/uPlot.min.css", "page.css")


def report_page(runs: Mapping[str, Result]) -> str:
    """The page for results by their names, which head their parts; several are also drawn over one another.

    Raises:
        LRFinderError: there is no result.
    """
    if not runs:
        message = "There is no result to report: give one or more, each by a name."
        raise LRFinderError(message)
    titles = [": ".join(filter(None, (name, headline_of(run)))) for name, run in runs.items()]
    alone = len(runs) == 1
    figures: list[Figure] = []
    body = [] if alone else [section("All runs", together(runs, _frames(overlay(runs), figures)))]
    for title, run in zip(titles, runs.values(), strict=True):
        body.append(section("" if alone else title, part(run, _frames(figures_of(run), figures))))
    scripts, styles = [_asset(name) for name in SCRIPTS], [_asset(name) for name in STYLES]
    return Template(_asset("page.html")).substitute(
        title=text(titles[0] if alone else " · ".join(runs)),
        licence=_asset("uplot/LICENSE"),
        policy=_policy(scripts, styles),
        styles="\n".join(f"<style>{style}</style>" for style in styles),
        body="\n".join(body),
        versions=facts(versions()),
        figures=_json([asdict(figure) for figure in figures]),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def _frames(figures: Sequence[Figure], all_figures: list[Figure]) -> list[str]:
    """The frames of figures, which are appended to ``all_figures``: by their place there the script finds what to draw."""
    first = len(all_figures)
    all_figures.extend(figures)
    return [frame(figure, first + row) for row, figure in enumerate(figures)]


def _json(value: object) -> str:
    """JSON that cannot end the element that it stands in: no ``</script>``, no comment can be in it."""
    document = json.dumps(value, default=_numbers, allow_nan=False, separators=(",", ":"))
    return document.replace("<", "\\u003c")


def _numbers(array: Any) -> list[float]:
    if not isinstance(array, np.ndarray):
        raise TypeError(type(array).__name__)
    return array.tolist() if array.dtype.kind == "i" else [float(f"{number:.{DIGITS}g}") for number in array.tolist()]


def _policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    return (
        f"default-src 'none'; script-src {_hashes(scripts)}; style-src {_hashes(styles)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hashes(texts: Sequence[str]) -> str:
    return " ".join(f"'sha256-{b64encode(sha256(one.encode()).digest()).decode('ascii')}'" for one in texts)


@cache
def _asset(name: str) -> str:
    return files("lrfinder.views.report").joinpath(name).read_text(encoding="utf-8")
