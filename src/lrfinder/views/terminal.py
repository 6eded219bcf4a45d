"""Results as rich prints them in a terminal: never wider than the console, and readable without colors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lrfinder.views.describe import describe
from lrfinder.views.terminal_figure import FigureView

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lrfinder._results.results import Result
    from lrfinder.views.describe import description


def terminal_view(result: Result) -> RenderableType:
    """Return a result of any kind as a figure of text, or as tables under its title."""
    shown = describe(result)
    if shown.sketch is not None:
        return FigureView(replace(shown.sketch(), title=shown.title))
    return Group(Text(shown.title, style="bold"), *map(_table, shown.tables()))


def _table(shown: description.Table) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    *numbers, outcome = shown.header
    for header in numbers:
        table.add_column(Text(header), justify="right", overflow="fold")
    table.add_column(Text(outcome), overflow="fold")
    for row, cells in enumerate(shown.rows):
        table.add_row(*map(Text, cells), style="bold" if row == shown.best else None)
    return table
