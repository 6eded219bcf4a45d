"""Results as a piece of HTML for notebooks: the verdict, the picture and tables. It needs no network and no script."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

from lrfinder.views.describe import describe
from lrfinder.views.describe.description import Table
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lrfinder._check.report import Check
    from lrfinder._results.results import Result


def html(result: Result) -> str:
    """Return the result as one ``<div>`` in which all text is escaped."""
    from lrfinder.views.matplotlib import picture

    shown = describe(result)
    words = escaped(shown.verdict())
    png = b64encode(picture(result, "png")).decode("ascii")
    image = f'<img src="data:image/png;base64,{png}" alt="{words}" style="max-width: 100%">'
    return f'<div class="lrfinder"><p style="max-width: 45em">{words}</p>{image}{tables(shown.tables())}</div>'


def check_html(check: Check) -> str:
    """Return the answer of a check and its table as one ``<div>``."""
    from lrfinder.views.diagnosis import MARKS, answer, check_rows

    rows = [(MARKS[outcome][0], what, detail) for outcome, what, detail in check_rows(check)]
    below = check.deterministic.detail and f'<p style="max-width: 45em">{escaped(check.deterministic.detail)}</p>'
    table = tables([Table(("restored", "what", ""), rows)])
    return f'<div class="lrfinder"><p><strong>{escaped(answer(check))}</strong></p>{table}{below}</div>'


def escaped(text: object) -> str:
    """Return text of any origin without markup or control characters."""
    return escape(printable(str(text)))


def tables(shown: Iterable[Table]) -> str:
    """Return tables of escaped texts."""
    parts: list[str] = []
    for table in shown:
        head = "".join(f'<th scope="col">{escaped(text)}</th>' for text in table.header)
        body = "".join("<tr>" + "".join(f"<td>{escaped(text)}</td>" for text in row) + "</tr>" for row in table.rows)
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    return "".join(parts)
