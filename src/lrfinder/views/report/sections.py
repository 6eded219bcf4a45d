"""The sections of the page: one for each result, and one for all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder.views.html import escaped, tables
from lrfinder.views.report.overlay import differences
from lrfinder.views.report.usage import usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lrfinder._results.results import Suggestion
    from lrfinder.views.describe.description import Description, Figure, Look, Mark, Series


def one_run(run: Description, frames: Sequence[str]) -> str:
    """Return everything about one result; ``frames`` are those of its figures."""
    parts = [
        "" if run.rate is None else _answer(run.rate),
        f"<p>{escaped(run.verdict())}</p>",
        f'<div class="frames">{"".join(frames)}</div>',
        f"<h3>In numbers</h3>{_scrolled(tables(run.tables()), 'In numbers')}",
        "" if run.rate is None else _how_to_use(run.rate),
        _details("Settings", facts(run.settings)),
    ]
    return "\n".join(parts)


def all_runs(runs: Mapping[str, Description], frames: Sequence[str]) -> str:
    """Return the figures of several results, overlaid, and the table of their differences."""
    differ = _scrolled(tables([differences(runs)]), "How the runs differ")
    return "\n".join([*frames, f"<h3>How they differ</h3>{differ}"])


def section(title: str, content: str) -> str:
    """Return a section of the page; without a title it continues the one before."""
    heading = f"<h2>{escaped(title)}</h2>\n" if title else ""
    return f"<section>\n{heading}{content}\n</section>"


def facts(named: Mapping[str, object]) -> str:
    """Return a table of names and values."""
    rows = (f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(value)}</td></tr>' for name, value in named.items())
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _details(summary: str, content: str, state: str = "") -> str:
    """Return content that a reader can unfold; with the state ``" open"`` it is unfolded."""
    return f"<details{state}><summary>{escaped(summary)}</summary>{content}</details>"


def _scrolled(content: str, name: str) -> str:
    """Return content that may be larger than the page, in a box that scrolls, by keyboard too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">{content}</div>' if content else ""


def _answer(rate: Suggestion) -> str:
    """Return the number that readers look for, in large type."""
    if rate.lr is None:
        return f'<dl class="answer"><div><dt>no suggestion</dt><dd>{escaped(rate.status)}</dd></div></dl>'
    shown = {
        "suggested rate": f"{rate.lr:.3g}",
        "interval": f"{rate.low:.3g} to {rate.high:.3g}",
        "confidence": rate.confidence,
    }
    entries = (f"<div><dt>{name}</dt><dd>{escaped(value)}</dd></div>" for name, value in shown.items())
    return f'<dl class="answer">{"".join(entries)}</dl>'


def _how_to_use(rate: Suggestion) -> str:
    codes = usage(rate)
    heading = "<h3>How to use the rate</h3>"
    if rate.lr and not codes:
        return f"{heading}<p>Give {rate.lr:.3g} to the schedule {escaped(rate.schedule)} as its highest rate.</p>"
    shown = (
        _details(name, f"<pre tabindex=0>{escaped(code)}</pre>", " open" if row == 0 else "")
        for row, (name, code) in enumerate(codes.items())
    )
    return heading + "".join(shown) if codes else ""


HINT = "Point at the figure, or step through its points with the arrow keys."
LAYERS = {"raw": "single batches", "smoothed": "smoothed", "seeds": "lowest and highest seed"}


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
<output aria-hidden="true">{HINT}</output>
<ul class="legend">{_legend(figure)}</ul>
<details class="points"><summary>The points as a table</summary></details>
</figure>"""


def _tools(figure: Figure) -> str:
    spaced = [(which, axis) for which, axis in (("x", figure.x), ("y", figure.y)) if len(axis.scales) > 1]
    buttons = [
        *(_button(f'data-layer="{layer}" aria-pressed="true"', LAYERS[layer]) for layer in figure.layers if layer in LAYERS),
        *(
            _button(
                f'data-scale="{which}" aria-pressed="{str(axis.scales[0] != "linear").lower()}"', f"logarithmic {axis.label}"
            )
            for which, axis in spaced
        ),
        '<span class="gap"></span>',
        _button('data-zoom="2" aria-label="Zoom in"', "+"),
        _button('data-zoom="0.5" aria-label="Zoom out"', "\N{MINUS SIGN}"),
        _button('data-zoom="whole"', "whole"),
    ]
    return "".join(buttons)


def _button(attributes: str, label: str, swatch: str = "") -> str:
    return f'<button type="button" {attributes}>{swatch}{escaped(label)}</button>'


def _legend(figure: Figure) -> str:
    """Return the entries of the series and the marks; the entry of a group is a button that shows or hides it."""
    if figure.by_group:
        entries = [
            _button(f'data-group="{escaped(group)}" aria-pressed="true"', group, _swatch(series))
            for group, series in figure.legend.items()
        ]
    else:
        entries = [_swatch(series) + escaped(name) for name, series in figure.legend.items()]
    marks = {mark.label: mark for mark in figure.marks if mark.label and mark.kind != "place"}
    entries += [_mark_swatch(mark) + escaped(label) for label, mark in marks.items()]
    return "".join(f"<li>{entry}</li>" for entry in entries)


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
    dash = f' stroke-dasharray="{" ".join(f"{length * look.width:.3g}" for length in look.dash)}"' if look.dash else ""
    return f'<path d="M0 7h34" stroke-width="{look.width:g}"{dash}/>'


def _svg(look: Look, shapes: str) -> str:
    color = look.color if look.color == "ink" else f"c{look.color}"
    return f'<svg class="swatch {color}" viewBox="0 0 34 14" aria-hidden="true">{shapes}</svg>'
