"""A curve while it comes: ``with live_curve() as live: finder.find(on_record=live)``, in a notebook or a terminal."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lrfinder._optional import require
from lrfinder.views.describe.curve import curve_so_far

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from rich.console import Console

    from lrfinder._results.records import Record
    from lrfinder.views.terminal import RangeTestView

    Draw = Callable[[Sequence[Record]], object]

SECONDS = 0.1  # between two drawings at least
PART = 0.05  # of the time that drawing may take


class Live:
    """Called with each record as it comes, draws all that have: at most 10 times a second, and once more at the end.

    Where drawing is slow it is done less often, so that it takes a twentieth of the time at most.
    """

    def __init__(self, draw: Draw, clock: Callable[[], float] = time.monotonic) -> None:
        self._draw, self._clock = draw, clock
        self._records: list[Record] = []
        self._due = clock()
        self._drawn = 0

    def __call__(self, record: Record) -> None:
        """Take the next record; this is what ``on_record=`` calls."""
        self._records.append(record)
        now = self._clock()
        if now >= self._due:
            self.draw()
            done = self._clock()
            self._due = max(now + SECONDS, done + (done - now) * (1 / PART - 1))

    def draw(self) -> None:
        """Draw, if anything has come since the last time."""
        if self._drawn < len(self._records):
            self._draw(self._records)
            self._drawn = len(self._records)


@contextmanager
def live_curve(console: Console | None = None) -> Generator[Live]:
    """Draw a sweep while it runs: in the cell of a notebook, else in a terminal, else nowhere.

    Give what comes to ``on_record=`` of ``find`` or ``suggest``; of a search, the curve is the sweep that it begins with.
    The curve in a notebook stays; that in a terminal is gone at the end.

    Args:
        console: the terminal to draw in.
    """
    with _in_notebook() if console is None and _has_cells() else _in_terminal(console) as draw:
        live = Live(draw)
        try:
            yield live
        finally:
            live.draw()


def _has_cells() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


@contextmanager
def _in_notebook() -> Generator[Draw]:
    from lrfinder.views.matplotlib import curve_png

    notebook = require("IPython.display", "notebook")
    handle = notebook.DisplayHandle()
    show = handle.display

    def draw(records: Sequence[Record]) -> None:
        nonlocal show
        show(notebook.Image(curve_png(curve_so_far(records))))
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


def view_so_far(records: Sequence[Record]) -> RangeTestView:
    """The curve so far as rich prints it."""
    from lrfinder.views.terminal import HEIGHT, RangeTestView

    return RangeTestView(curve_so_far(records), None, HEIGHT)
