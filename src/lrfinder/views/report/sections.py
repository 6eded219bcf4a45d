"""The sections of the page: one for each result, one of several results overlaid; and the frames of figures.

A frame is the box that the script of the page draws in, with its buttons and a legend.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.results import Comparison
from lrfinder.views.describe.comparison import comparison_axis
from lrfinder.views.describe.curves import MARGIN, common_loss_axis, loss_axis_around, rate_axis
from lrfinder.views.describe.description import MARKERS as MARKER_NAMES
from lrfinder.views.describe.description import Figure, Look, Mark, Series, Table
from lrfinder.views.describe.range_test import sweep_lines
from lrfinder.views.html import escaped, tables
from lrfinder.views.report.usage import usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lrfinder._results.results import Result, Suggestion
    from lrfinder.views.describe.description import Description, Marker

HINT = "Point at the figure, or step through its points with the arrow keys."
HEADER = ("run", "rate", "interval", "ratio to the first", "lowest loss", "at rate", "diverges at")
LAYERS = {"raw": "single batches", "smoothed": "smoothed", "joined": "joined", "seeds": "lowest and highest seed"}
MARKERS: Mapping[Marker, str] = {
    "circle": '<circle cx="17" cy="7" r="4" fill="currentColor"/>',
    "diamond": '<path d="M17 1l6 6-6 6-6-6z" fill="currentColor"/>',
    "square": '<path d="M13 3h8v8h-8z" fill="currentColor"/>',
    "triangle": '<path d="M12 3h10l-5 9z" fill="currentColor"/>',
}


def one_run(run: Description, frames: Sequence[str]) -> str:
    """Return everything about one result; ``frames`` are those of its figures."""
    answer, how_to_use = ("", "") if run.rate is None else (_answer(run.rate), _how_to_use(run.rate))
    words, figures = f"<p>{escaped(run.verdict())}</p>", f'<div class="frames">{"".join(frames)}</div>'
    numbers = f"<h3>In numbers</h3>{_scrolled(tables(run.tables()), 'In numbers')}"
    return "\n".join([answer, words, figures, numbers, how_to_use, _details("Settings", facts(run.settings))])


def all_runs(runs: Mapping[str, Description], frames: Sequence[str]) -> str:
    """Return the figures of several results, overlaid, and the table of their differences."""
    differ = _scrolled(tables([differences(runs)]), "How the runs differ")
    return "\n".join([*frames, f"<h3>How they differ</h3>{differ}"])


def section(title: str, content: str, anchor: str = "") -> str:
    """Return a section of the page, which links find by its anchor; without a title it continues the one before."""
    heading = f"<h2>{escaped(title)}</h2>\n" if title else ""
    identity = f' id="{anchor}"' if anchor else ""
    return f"<section{identity}>\n{heading}{content}\n</section>"


def contents(titles: Mapping[str, str]) -> str:
    """Return a list of links to sections, whose titles are given by their anchors."""
    links = (f'<li><a href="#{anchor}">{escaped(title)}</a></li>' for anchor, title in titles.items())
    return f'<nav aria-label="Contents"><ol>{"".join(links)}</ol></nav>'


def facts(named: Mapping[str, object]) -> str:
    """Return a table of names and values."""
    rows = (f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(value)}</td></tr>' for name, value in named.items())
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _details(summary: str, content: str) -> str:
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>"


def _scrolled(content: str, name: str) -> str:
    """Return content that may be larger than the page, in a scrollable box that the keyboard can scroll too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">{content}</div>' if content else ""


def _answer(rate: Suggestion) -> str:
    """Return the number that readers look for, in large type."""
    shown = {"no suggestion": str(rate.status)}
    if rate.lr is not None:
        interval = f"{rate.low:.3g} to {rate.high:.3g}"
        shown = {"suggested rate": f"{rate.lr:.3g}", "interval": interval, "confidence": rate.confidence}
    entries = (f"<div><dt>{name}</dt><dd>{escaped(value)}</dd></div>" for name, value in shown.items())
    return f'<dl class="answer">{"".join(entries)}</dl>'


def _how_to_use(rate: Suggestion) -> str:
    if not rate.lr:
        return ""
    codes = [_details(name, f"<pre tabindex=0>{escaped(code)}</pre>") for name, code in usage(rate).items()]
    shown = "".join(codes).replace("<details>", "<details open>", 1)
    by_hand = f"<p>Give {rate.lr:.3g} to the schedule {escaped(rate.schedule)} as its highest rate.</p>"
    return f"<h3>How to use the rate</h3>{shown or by_hand}"


def frame(figure: Figure, number: int) -> str:
    """Return the frame of the figure with that number in the data of the page."""
    name, words = escaped(figure.title), escaped(figure.words)
    small = ' class="small"' if figure.small else ""
    return f"""<figure data-figure="{number}"{small}>
<figcaption>{name}</figcaption>
<p class="note" id="words-{number}">{words}</p>
<div class="tools" role="group" aria-label="View of: {name}">{_tools(figure)}</div>
<div class="plot" tabindex="0" role="slider" aria-label="Points of: {name}" aria-describedby="words-{number}"
 aria-valuenow="0" aria-valuetext="{HINT}"></div>
<p class="hint">{HINT}</p>
<output aria-hidden="true"></output>
<ul class="legend">{_legend(figure)}</ul>
<details class="points"><summary>The points as a table</summary></details>
</figure>"""


def _tools(figure: Figure) -> str:
    shown = [layer for layer in figure.layers if layer in LAYERS]
    buttons = [_button(f'data-layer="{layer}" aria-pressed="true"', LAYERS[layer]) for layer in shown]
    for which, axis in (("x", figure.x), ("y", figure.y)):
        if len(axis.scales) > 1:
            pressed = "false" if axis.scale == "linear" else "true"
            buttons.append(
                _button(f'data-scale="{which}" aria-pressed="{pressed}"', f"logarithmic {axis.label.partition(',')[0]}")
            )
    zoom_in, zoom_out = 'data-zoom="2" aria-label="Zoom in"', 'data-zoom="0.5" aria-label="Zoom out"'
    zooms = _button(zoom_in, "+") + _button(zoom_out, "\N{MINUS SIGN}") + _button('data-zoom="reset"', "Reset zoom")
    return f'{"".join(buttons)}<span class="gap"></span>{zooms}'


def _button(attributes: str, label: str, swatch: str = "") -> str:
    return f'<button type="button" {attributes}>{swatch}{escaped(label)}</button>'


def _legend(figure: Figure) -> str:
    """Return the entries of the series and the marks; the entry of a group is a button that shows or hides it."""
    entries: list[str] = []
    for label, series in figure.legend.items():
        swatch = _swatch(series.look, series.drawn)
        button = _button(f'data-group="{escaped(label)}" aria-pressed="true"', label, swatch)
        entries.append(button if figure.by_group else swatch + escaped(label))
    marks = {mark.label: mark for mark in figure.marks if mark.label and mark.kind != "place"}
    looks = {
        label: Look() if mark.kind == "error" else mark.look for label, mark in marks.items()
    }  # a bar has its line's color
    entries += [_swatch(looks[label], mark.kind) + escaped(label) for label, mark in marks.items()]
    return "".join(f"<li>{entry}</li>" for entry in entries)


def _swatch(look: Look, what: str) -> str:
    """Return a small drawing of a mark of the kind ``what``, or of a series that is drawn like that."""
    dash = f' stroke-dasharray="{" ".join(f"{length * look.width:.3g}" for length in look.dash)}"' if look.dash else ""
    line = f'<path d="M0 7h34" stroke-width="{look.width:g}"{dash}/>'
    point = MARKERS[look.marker]
    shapes = {
        "line": line,
        "points": point,
        "both": line + point,
        "rate": line,
        "band": '<rect x="2" width="30" height="14" fill="currentColor" fill-opacity=".22" stroke="none"/>',
        "error": '<path d="M17 1v12M13 1h8M13 13h8"/><circle cx="17" cy="7" r="3" fill="currentColor"/>',
        "cross": '<path d="M12 2l10 10M22 2l-10 10" stroke-width="2.4"/>',
    }
    color = look.color if look.color == "ink" else f"c{look.color}"
    return f'<svg class="swatch {color}" viewBox="0 0 34 14" aria-hidden="true">{shapes[what]}</svg>'


def overlay(runs: Mapping[str, Result], described: Mapping[str, Description]) -> list[Figure]:
    """Return one figure of all sweeps and one of the ends of all comparisons, where there are at least two."""
    sweeps = {name: run for name, run in described.items() if run.sweep is not None}
    comparisons = {name: run for name, run in runs.items() if isinstance(run, Comparison)}
    figures = [_sweeps(sweeps)] if len(sweeps) > 1 else []
    return [*figures, _ends(comparisons)] if len(comparisons) > 1 else figures


def differences(runs: Mapping[str, Description]) -> Table:
    """Return a table with a row for each run, which compares its rate with the first that was suggested."""
    rates = (run.rate for run in runs.values())
    first = next((rate for rate in rates if rate is not None and rate.lr is not None), None)
    return Table(HEADER, [(name, *run.summary(first)) for name, run in runs.items()])


def _sweeps(runs: Mapping[str, Description]) -> Figure:
    figures = {name: sweep_lines(run.sweep) for name, run in runs.items() if run.sweep is not None}
    series: list[Series] = []
    marks: list[Mark] = []
    for row, (name, figure) in enumerate(figures.items()):
        look, rate = Look.of(row, width=2.2), runs[name].rate
        raw, smoothed = figure.series
        series += [replace(raw, group=name, look=Look(look.color, opacity=0.5)), replace(smoothed, group=name, look=look)]
        if rate is not None and rate.lr is not None:
            marks.append(Mark("rate", f"{name}: {rate.lr:.3g} suggested", rate.lr, look=look, group=name))
    words = f"The sweeps of {len(runs)} runs, overlaid: {', '.join(runs)}."
    x = rate_axis([limit for figure in figures.values() for limit in figure.x.limits])
    y = common_loss_axis([figure.y for figure in figures.values()])
    return Figure("The sweeps, overlaid", words, x, y, series, marks)


def _ends(comparisons: Mapping[str, Comparison]) -> Figure:
    series: list[Series] = []
    for row, (name, comparison) in enumerate(comparisons.items()):
        final = comparison.final()
        shown = np.flatnonzero(np.isfinite(final) & (comparison.lrs > 0))
        rising = shown[np.argsort(comparison.lrs[shown], kind="stable")]
        look = replace(Look.of(row), size=6, marker=MARKER_NAMES[row % len(MARKER_NAMES)])
        series.append(Series(name, name, "ends", "both", look, comparison.lrs[rising], final[rising]))
    top = common_loss_axis([comparison_axis(comparison) for comparison in comparisons.values()]).limits[1]
    x = rate_axis(np.concatenate([one.x for one in series]), MARGIN)
    y = loss_axis_around(np.concatenate([one.y[one.y <= top] for one in series]))
    words = "The mean loss of the last tenth of each training, against its learning rate."
    return Figure("Where the trainings ended", words, x, y, series)
