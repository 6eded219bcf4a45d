"""The few pieces of HTML that all parts of the page are made of; every text in them is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping


def text(words: str) -> str:
    """Text of anybody's, of which nothing is markup."""
    return escape(printable(words))


def section(title: str, content: str) -> str:
    """A part of the page; without a title it goes on from the one before."""
    heading = f"<h2>{text(title)}</h2>\n" if title else ""
    return f"<section>\n{heading}{content}\n</section>"


def details(summary: str, content: str, state: str = "") -> str:
    """What is seen when it is opened, or at once where ``state`` is ``" open"``."""
    return f"<details{state}><summary>{text(summary)}</summary>{content}</details>"


def scrolled(content: str, name: str) -> str:
    """What may be wider or higher than the page, to be reached by keyboard too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{text(name)}">{content}</div>' if content else ""


def facts(named: Mapping[str, object]) -> str:
    """A table of names and values."""
    rows = (f'<tr><th scope="row">{text(name)}</th><td>{text(str(value))}</td></tr>' for name, value in named.items())
    return f"<table><tbody>{''.join(rows)}</tbody></table>"
