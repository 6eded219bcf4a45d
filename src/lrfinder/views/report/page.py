"""Results as one HTML page that needs nothing beside itself.

Data go in as JSON that is never run: ``<`` is escaped, so that no text can end the element that it stands in. The policy of
the page lets run the two scripts that are named by their hash, and nothing else; nothing is loaded from anywhere.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import asdict
from functools import cache, singledispatch
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfinder.records import Comparison, RangeTest, Result, Settings, Suggestion
from lrfinder.views.html import table, tables
from lrfinder.views.plain import printable
from lrfinder.views.report.drawing import figures_of
from lrfinder.views.report.overlay import HEADER, differences, overlay, rate_of
from lrfinder.views.report.usage import usage, versions
from lrfinder.views.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lrfinder.views.report.figures import Figure, Look, Mark, Series

DIGITS = 7  # of the numbers in figures


def report_page(runs: Mapping[str, Result]) -> str:
    """The page for results by their names, which head their parts; several are also drawn over one another."""
    figures: list[Figure] = []
    several = len(runs) > 1
    body = [_section("All runs", _overlaid(runs, figures))] if several else []
    body += [_section(name if several or name else "Result", _part(run, figures)) for name, run in runs.items()]
    script, library = _asset("page.js"), _asset("uplot/uPlot.iife.min.js")
    style, library_style = _asset("page.css"), _asset("uplot/uPlot.min.css")
    return Template(_asset("page.html")).substitute(
        title=_text(" · ".join(name for name in runs if name) or "Learning-rate finder"),
        policy=_policy((script, library), (style, library_style)),
        style=style,
        library_style=library_style,
        script=script,
        library=library,
        body="\n".join(body),
        versions=_facts(versions()),
        figures=_json([asdict(figure) for figure in figures]),
    )


def _overlaid(runs: Mapping[str, Result], figures: list[Figure]) -> str:
    drawn = [_figure(figure, figures) for figure in overlay(runs)]
    return "".join([*drawn, "<h3>How they differ</h3>", _scrolled(table(HEADER, differences(runs)), "How the runs differ")])


def _part(run: Result, figures: list[Figure]) -> str:
    rate = rate_of(run)
    parts = [
        "" if rate is None else _answer(rate),
        f"<p>{_text(verdict(run))}</p>",
        *(_figure(figure, figures) for figure in figures_of(run)),
        f"<h3>In numbers</h3>{_scrolled(tables(run), 'In numbers')}",
        "" if rate is None else _how_to_use(rate),
        _details("Settings", _facts(_settings(run))),
    ]
    return "\n".join(parts)


def _answer(rate: Suggestion) -> str:
    """The number that people come for, large."""
    if rate.lr is None:
        return f'<dl class="answer"><div><dt>no suggestion</dt><dd>{_text(rate.status)}</dd></div></dl>'
    facts = (("suggested rate", f"{rate.lr:.3g}"), ("interval", f"{rate.low:.3g} to {rate.high:.3g}"), ("confidence", rate.confidence))
    told = (f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in facts)
    return f'<dl class="answer">{"".join(told)}</dl>'


def _how_to_use(rate: Suggestion) -> str:
    codes = usage(rate)
    if rate.lr and not codes:
        return f"<h3>How to use the rate</h3><p>Give {rate.lr:.3g} to the schedule {_text(rate.schedule)} as its highest rate.</p>"
    shown = (
        _details(name, f"<pre tabindex=0>{_text(code)}</pre>", " open" if row == 0 else "")
        for row, (name, code) in enumerate(codes.items())
    )
    return f"<h3>How to use the rate</h3>{''.join(shown)}" if codes else ""


@singledispatch
def _settings(run: Result) -> Mapping[str, object]:
    """What was asked for."""
    raise NotImplementedError(type(run).__name__)


@_settings.register(RangeTest)
def _of_range_test(run: RangeTest) -> Mapping[str, object]:
    return _sweep_settings(run.settings)


@_settings.register(Suggestion)
def _of_suggestion(run: Suggestion) -> Mapping[str, object]:
    asked = {"horizon, iterations": run.horizon or "not told", "schedule": run.schedule, "iterations made": run.iterations}
    return asked if run.curve is None else {**asked, **_sweep_settings(run.curve.settings)}


@_settings.register(Comparison)
def _of_comparison(run: Comparison) -> Mapping[str, object]:
    return {"rates": ", ".join(f"{lr:.3g}" for lr in run.lrs), "iterations at each": run.iterations}


def _sweep_settings(settings: Settings) -> Mapping[str, object]:
    ladder = (settings.lr_start, settings.lr_multiplier, settings.lr_end)
    rates = "given one by one" if None in ladder else f"from {ladder[0]:g}, each {ladder[1]:g} times the one before, up to {ladder[2]:g}"
    return {
        "rates of the sweep": rates,
        "no more iterations than": settings.max_iterations,
        "smoothing of the stopping criterion": settings.smoothing,
        "stopping criterion": settings.stopping,
    }


def _figure(figure: Figure, figures: list[Figure]) -> str:
    """The frame that the page's script draws a figure in; the figure is appended to ``figures``."""
    number = len(figures)
    figures.append(figure)
    name, words = _text(figure.title), _text(figure.words)
    return f"""<figure data-figure="{number}">
<figcaption>{name}</figcaption>
<p class="note" id="words-{number}">{words}</p>
<div class="tools" role="group" aria-label="View of: {name}">{_tools(figure)}</div>
<div class="plot" tabindex="0" role="slider" aria-label="Points of: {name}" aria-describedby="words-{number}" aria-valuenow="0"
 aria-valuetext="no point yet; use the arrow keys"></div>
<output aria-hidden="true">&nbsp;</output>
<ul class="legend">{_legend(figure)}</ul>
<details class="points"><summary>The points as a table</summary></details>
</figure>"""


def _tools(figure: Figure) -> str:
    layers = {"raw": "single batches", "smoothed": "smoothed"}
    spaced = [(which, axis) for which, axis in (("x", figure.x), ("y", figure.y)) if len(axis.scales) > 1]
    buttons = [
        *((f'data-layer="{layer}" aria-pressed="true"', layers[layer]) for layer in figure.layers if layer in layers),
        *(
            (f'data-scale="{which}" aria-pressed="{str(axis.scales[0] != "linear").lower()}"', f"logarithmic {axis.label}")
            for which, axis in spaced
        ),
    ]
    zoom = '<span class="gap"></span><button type="button" data-zoom="2" aria-label="Zoom in">+</button>'
    zoom += '<button type="button" data-zoom="0.5" aria-label="Zoom out">&minus;</button>'
    zoom += '<button type="button" data-zoom="whole">whole</button>'
    return "".join(f'<button type="button" {data}>{_text(label)}</button>' for data, label in buttons) + zoom


def _legend(figure: Figure) -> str:
    """One group: what its series are. Several: a button for each, which shows or hides it. Then the marks."""
    if len(figure.groups) > 1:
        of_group = {series.group: series for series in figure.series}  # the last of each is the plainest to recognise
        entries = [
            f'<li><button type="button" data-group="{_text(group)}" aria-pressed="true">{_swatch(of_group[group])}{_text(group)}</button></li>'
            for group in figure.groups
        ]
    else:
        entries = [f"<li>{_swatch(series)}{_text(series.name)}</li>" for series in figure.series]
    marks = {mark.label: mark for mark in figure.marks if mark.kind != "place"}
    return "".join([*entries, *(f"<li>{_mark_swatch(mark)}{_text(label)}</li>" for label, mark in marks.items())])


def _swatch(series: Series) -> str:
    line = "" if series.drawn == "points" else _line(series.look)
    return _svg(series.look, line + ("" if series.drawn == "line" else '<circle cx="17" cy="7" r="3" fill="currentColor"/>'))


def _mark_swatch(mark: Mark) -> str:
    shapes = {
        "band": '<rect x="2" width="30" height="14" fill="currentColor" fill-opacity=".22" stroke="none"/>',
        "rate": _line(mark.look),
        "cross": '<path d="M12 2l10 10M22 2l-10 10" stroke-width="2.4"/>',
    }
    return _svg(mark.look, shapes[mark.kind])


def _line(look: Look) -> str:
    dash = f' stroke-dasharray="{" ".join(map(str, look.dash))}"' if look.dash else ""
    return f'<path d="M0 7h34" stroke-width="{look.width:g}"{dash}/>'


def _svg(look: Look, shapes: str) -> str:
    colour = look.colour if look.colour == "ink" else f"c{look.colour}"
    return f'<svg class="swatch {colour}" viewBox="0 0 34 14" aria-hidden="true">{shapes}</svg>'


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{_text(title)}</h2>\n{content}\n</section>"


def _details(summary: str, content: str, state: str = "") -> str:
    return f"<details{state}><summary>{_text(summary)}</summary>{content}</details>"


def _scrolled(content: str, name: str) -> str:
    """What may be wider or higher than the page, to be reached by keyboard too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(name)}">{content}</div>' if content else ""


def _facts(facts: Mapping[str, object]) -> str:
    rows = "".join(f'<tr><th scope="row">{_text(str(name))}</th><td>{_text(str(value))}</td></tr>' for name, value in facts.items())
    return f"<table><tbody>{rows}</tbody></table>"


def _text(text: str) -> str:
    return escape(printable(text))


def _json(value: object) -> str:
    """JSON that cannot end the element that it stands in: no ``</script>``, no comment can be in it."""
    document = json.dumps(value, default=_numbers, allow_nan=False, separators=(",", ":"))
    return document.replace("<", "\\u003c")


def _numbers(array: Any) -> list[float]:
    if not isinstance(array, np.ndarray):
        raise TypeError(type(array).__name__)
    return array.tolist() if array.dtype.kind == "i" else [float(f"{number:.{DIGITS}g}") for number in array.tolist()]


def _policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    return (
        f"default-src 'none'; script-src {_hashes(scripts)}; style-src {_hashes(styles)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hashes(texts: Iterable[str]) -> str:
    return " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}'" for text in texts)


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
