"""A curve that is drawn while it is measured: ``with live_curve() as live: finder.find(on_record=live)``."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lrfinder._optional import require
from lrfinder.views.describe.sweep import sweep_so_far

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from rich.console import Console

    from lrfinder._results.records import Record
    from lrfinder.views.terminal_figure import FigureView

    Draw = Callable[[Sequence[Record]], object]

SECONDS = 0.1  # between two drawings, at least
DRAWING_FRACTION = 0.05  # of the time, at most


class Live:
    """A callback for ``on_record=``, which draws all records so far: at most 10 times a second, and once at the end.

    Slow drawing happens less often, so that it takes at most one twentieth of the time.
    """

    def __init__(self, draw: Draw, clock: Callable[[], float] = time.monotonic) -> None:
        self._draw, self._clock = draw, clock
        self._records: list[Record] = []
        self._due = clock()
        self._drawn = 0

    def __call__(self, record: Record) -> None:
        """Add a record, and draw if it is time to."""
        self._records.append(record)
        now = self._clock()
        if now >= self._due:
            self.draw()
            done = self._clock()
            self._due = max(now + SECONDS, done + (done - now) * (1 / DRAWING_FRACTION - 1))

    def draw(self) -> None:
        """Draw, unless there is nothing new."""
        if self._drawn < len(self._records):
            self._draw(self._records)
            self._drawn = len(self._records)


@contextmanager
def live_curve(console: Console | None = None) -> Generator[Live]:
    """Draw a sweep while it runs: in the cell of a notebook, else in a terminal, else nowhere.

    Pass the context's value as ``on_record=`` of ``find`` or ``suggest``; the curve of a search is that of its sweep. The
    curve stays in a notebook, and disappears from a terminal at the end.

    Args:
        console: the terminal to draw in.
    """
    with _in_notebook() if console is None and _is_notebook() else _in_terminal(console) as draw:
        live = Live(draw)
        try:
            yield live
        finally:
            live.draw()


def view_so_far(records: Sequence[Record]) -> FigureView:
    """Return the curve so far as rich prints it."""
    from lrfinder.views.terminal_figure import FigureView

    return FigureView(sweep_so_far(records))


def _is_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


@contextmanager
def _in_notebook() -> Generator[Draw]:
    from lrfinder.views.matplotlib import png

    notebook = require("IPython.display", "notebook")
    handle = notebook.DisplayHandle()
    show = handle.display

    def draw(records: Sequence[Record]) -> None:
        nonlocal show
        show(notebook.Image(png(sweep_so_far(records))))
        show = handle.update

    yield draw


@contextmanager
def _in_terminal(console: Console | None) -> Generator[Draw]:
    from rich.console import Console
    from rich.live import Live as Screen

    terminal = Console(stderr=True) if console is None else console
    if not terminal.is_terminal:
        yield lambda _: None
        return
    with Screen(console=terminal, auto_refresh=False, transient=True) as screen:
        yield lambda records: screen.update(view_so_far(records), refresh=True)
