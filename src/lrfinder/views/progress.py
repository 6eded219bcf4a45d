"""The progress of an experiment in a terminal: the curve so far and a bar."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lrfinder.views.describe.grid import settings_in_words
from lrfinder.views.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from rich.console import Console, RenderableType

    from lrfinder._grid.result import Cell
    from lrfinder._results.records import Record

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TextColumn("{task.fields[at]}"),
)


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
            bar.update(task, advance=1, at=f"rate {record.lr:.2g}  loss {record.loss:.4g}")
            if console.is_terminal:
                live(record)

        yield advance


@contextmanager
def cells_progress(console: Console, total: int) -> Generator[Callable[[Cell], object]]:
    """Show a bar of the cells of a grid in a terminal; the context's value is to be called with each cell."""
    with Progress(*COLUMNS, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("cells", total=total, at="")

        def advance(cell: Cell) -> None:
            bar.update(task, advance=1, at=settings_in_words(cell.settings) + ("" if cell.error is None else ": failed"))

        yield advance
