"""The frame of a figure: the box that the page's script draws in, its buttons, and a legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder.views.html import escaped

if TYPE_CHECKING:
    from lrfinder.views.describe.figure import Figure, Look, Mark, Series

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
