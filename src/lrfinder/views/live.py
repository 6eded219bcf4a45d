"""Curves that are drawn while they are measured, and bars of progress.

For users: ``with live_curve() as live: finder.find(on_record=live)``.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live as Screen
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from lrfinder._optional import require
from lrfinder.views.describe.grid import settings_in_words
from lrfinder.views.describe.range_test import sweep_so_far
from lrfinder.views.terminal import FigureView
from lrfinder.views.text import number

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from rich.console import RenderableType
    from rich.progress import TaskID

    from lrfinder._grid.result import Cell
    from lrfinder._results.records import Record

    Draw = Callable[[Sequence[Record]], object]

SECONDS = 0.1  # between two drawings, at least
SHOWN_AFTER_SECONDS = 2.0  # shorter work shows no bar in a script
DRAWING_FRACTION = 0.05  # of the time, at most
COLUMNS = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), "{task.fields[at]}")


class Live:
    """A callback for ``on_record=``, which draws all records so far: at most 10 times a second, and once at the end.

    For example::

        with live_curve() as live:
            finder.find(on_record=live)

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
    """Draw a sweep while it runs: in the terminal ``console``; without one in the cell of a notebook, or in a terminal.

    Pass the context's value as ``on_record=`` of ``find`` or ``suggest``; the curve of a search is that of its sweep. The
    curve stays in a notebook, and disappears from a terminal at the end. Elsewhere, nothing is drawn.
    """
    ipython = sys.modules.get("IPython")
    is_notebook = console is None and ipython is not None and hasattr(ipython.get_ipython(), "kernel")
    with _in_notebook() if is_notebook else _in_terminal(console) as draw:
        live = Live(draw)
        try:
            yield live
        finally:
            live.draw()


def view_so_far(records: Sequence[Record]) -> FigureView:
    """Return the curve so far as rich prints it."""
    return FigureView(sweep_so_far(records))


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
    terminal = Console(stderr=True) if console is None else console
    if not terminal.is_terminal:
        yield lambda _: None
        return
    with Screen(console=terminal, auto_refresh=False, transient=True) as screen:
        yield lambda records: screen.update(view_so_far(records), refresh=True)


class CurveAndBar(Progress):
    """A progress bar below a curve, if there is one."""

    above: RenderableType | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the curve and the bar; rich calls this for each drawing."""
        if self.above is not None:
            yield self.above
        yield from super().get_renderables()


@contextmanager
def progress(
    console: Console, what: str, total: int, above: Callable[[Sequence[Record]], RenderableType] | None = None
) -> Generator[Callable[[Record], object]]:
    """Show a bar in a terminal, and above it ``above(records so far)``; elsewhere show nothing.

    The context's value is to be called with each record. It draws at most 10 times a second.
    """
    with CurveAndBar(*COLUMNS, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total, at="")

        def draw(records: Sequence[Record]) -> None:
            bar.above = above(records) if above is not None else None

        live = Live(draw)

        def advance(record: Record) -> None:
            bar.update(task, advance=1, at=f"rate {record.lr:.2g}  loss {number(record.loss, digits=4)}")
            if console.is_terminal:
                live(record)

        yield advance


class LateBar:
    """A callback for ``on_record=`` that shows a bar once the work has lasted for 2 seconds.

    It draws at most 10 times a second, starts no thread and redirects no output: a training cannot see it.
    """

    def __init__(
        self,
        bar: Progress,
        what: str,
        total: int,
        leads: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bar, self._what, self._total, self._leads, self._clock = bar, what, total, leads, clock
        self._due = clock() + SHOWN_AFTER_SECONDS
        self._task: TaskID | None = None
        self._records = 0

    def __call__(self, record: Record) -> None:
        """Count a record; show the bar if it is time to, and this process is the first of several."""
        self._records += 1
        if self._clock() < self._due or not self._leads():
            return
        self._due = self._clock() + SECONDS
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=self._total, at="")
        at = f"rate {record.lr:.2g}  loss {record.loss:.4g}"
        self._bar.update(self._task, completed=self._records, at=at)
        self._bar.refresh()


@contextmanager
def late_progress(what: str, total: int, leads: Callable[[], bool], console: Console | None = None) -> Generator[LateBar]:
    """Show a bar on the terminal of the error output while the block runs, if it lasts for more than 2 seconds.

    Args:
        what: the name of the work.
        total: how many records it has at most.
        leads: returns whether this process is the one of several that shows a bar.
        console: the terminal, for tests.
    """
    shown = Console(stderr=True) if console is None else console
    bar = Progress(*COLUMNS, console=shown, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
    try:
        yield LateBar(bar, what, total, leads)
    finally:
        bar.stop()


@contextmanager
def cells_progress(console: Console, total: int) -> Generator[Callable[[Cell], object]]:
    """Show a bar of the cells of a grid in a terminal; the context's value is to be called with each cell."""
    with Progress(*COLUMNS, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("cells", total=total, at="")

        def advance(cell: Cell) -> None:
            bar.update(task, advance=1, at=settings_in_words(cell.settings) + ("" if cell.error is None else ": failed"))

        yield advance
