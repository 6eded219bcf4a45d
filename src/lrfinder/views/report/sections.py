"""The sections of the page: one for each result, and one for all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder.views.html import escaped, tables
from lrfinder.views.report.overlay import differences
from lrfinder.views.report.usage import usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lrfinder._results.results import Suggestion
    from lrfinder.views.describe.description import Description


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
