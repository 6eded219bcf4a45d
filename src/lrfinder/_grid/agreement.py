"""The agreement of processes that train each cell of a grid together: all are at the same cell, or none trains it.

Before a cell is trained, every process reports its settings, and whether its factory returned a learner. The reports lie on
a board of the framework whose processes they are.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Protocol

from lrfinder.errors import RankError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lrfinder._grid.result import SettingValue

PATIENCE_SECONDS = 600.0  # of a process that waits for the factories of the others
FAILED_PATIENCE_SECONDS = 30.0  # of one whose factory raised: the others may wait for it inside theirs, in vain
END = "The process group is broken; end all processes and start them again."

_grids = count()  # of this process: the same number in each of those that train together


class Board(Protocol):
    """A place where each process of a group leaves texts for the others."""

    rank: int
    size: int

    def post(self, key: str, text: str) -> None:
        """Leave a text of this process under a key, in place of an earlier one."""
        ...

    def read(self, key: str, seconds: float) -> Mapping[int, str]:
        """Wait for the texts of all processes under a key; return those that came in time, by rank."""
        ...


boards: list[Callable[[], Board | None]] = []
"""Functions that return the board of this process, if it is one of several; each framework adds its own."""


def current_board() -> Board | None:
    """Return the board of this process, None where it is not one of several."""
    return next((board for known in boards if (board := known()) is not None), None)


@dataclass(frozen=True)
class Report:
    """The report of one process about a cell.

    Attributes:
        settings: of the cell.
        cells: the number of cells of the grid.
        ranks: how many processes train the learner together; 0 where the factory raised.
        error: what it raised.
        has_left: True where the process has ended the grid.
    """

    settings: Mapping[str, SettingValue]
    cells: int
    ranks: int
    error: str = ""
    has_left: bool = False


@dataclass
class Agreement:
    """The agreement on each cell of one grid.

    Attributes:
        cells: the number of cells of the grid.
        grid: the number of the grid in this process.
        is_alone: True after a cell that this process trained by itself.
    """

    cells: int
    grid: int
    is_alone: bool = False

    @classmethod
    def on(cls, cells: int) -> Agreement:
        """Return the agreement for the next grid of this process."""
        return cls(cells, next(_grids))

    def reach(self, number: int, settings: Mapping[str, SettingValue], ranks: int, error: str) -> str:
        """Report a cell, and return why it cannot be trained: what this factory or that of another process raised, or "".

        Raises:
            RankError: the processes are at different cells, or some wait in vain.
        """
        board = current_board()
        self.is_alone = self.is_alone or ranks == 1
        mine = Report(settings, self.cells, ranks, error)
        if board is not None:
            board.post(self._key(number), _text(mine))
            return error if self.is_alone else self._agreed(board, number, mine)
        if error and not self.is_alone and os.environ.get("WORLD_SIZE", "1") != "1":
            message = f"{error} No other process can know of it, since the process group did not exist yet. {END}"
            raise RankError(message)
        return error

    def _agreed(self, board: Board, number: int, mine: Report) -> str:
        if 1 < mine.ranks < board.size:  # several groups of processes, each with a grid of its own
            return ""
        seconds = FAILED_PATIENCE_SECONDS if mine.error else PATIENCE_SECONDS
        reports = {rank: Report(**json.loads(text)) for rank, text in board.read(self._key(number), seconds).items()}
        if mine.error and any(0 < report.ranks < board.size for report in reports.values()):
            self.is_alone = True
            return mine.error
        left = next((rank for rank, report in reports.items() if report.has_left), None)
        if left is not None:
            message = f"Rank {left} ended the grid at cell {number + 1}: {reports[left].error} {END}"
            raise RankError(message, left)
        missing = [rank for rank in range(board.size) if rank not in reports]
        if missing:
            board.post(self._key(number), _text(replace(mine, has_left=True)))
            raise _missing(missing, number, mine, seconds)
        _require_same(reports)
        return mine.error or next(
            (f"RankError: Rank {rank}: {report.error}" for rank, report in reports.items() if report.error), ""
        )

    def _key(self, number: int) -> str:
        return f"lrfinder/grid/{self.grid}/{number}"


def _text(report: Report) -> str:
    return json.dumps(asdict(report))


def _missing(ranks: list[int], number: int, mine: Report, seconds: float) -> RankError:
    names = " and ".join(map(str, ranks))
    who = f"Rank {names} has" if len(ranks) == 1 else f"Ranks {names} have"
    where = ", and may wait for this one inside the factory" if mine.error else ""
    return RankError(f"{mine.error} {who} not reached cell {number + 1} in {seconds:.0f} s{where}. {END}".strip(), ranks[0])


def _require_same(reports: Mapping[int, Report]) -> None:
    """Require that all processes are at the same cell of the same grid, and that their learners train together."""
    first = reports[0]
    for rank, report in sorted(reports.items()):
        if (report.settings, report.cells) != (first.settings, first.cells):
            message = (
                f"Rank 0 is at {first.settings} of {first.cells} cells, and rank {rank} at {report.settings} of "
                f"{report.cells}. Give every rank the same axes, and the same file or none."
            )
            raise RankError(message)
        if report.ranks and first.ranks and report.ranks != first.ranks:
            message = (
                f"The learner of rank 0 is trained by {first.ranks} processes, and that of rank {rank} by {report.ranks}. "
                "Wrap the model in the same way on every rank."
            )
            raise RankError(message)
