"""The rows of the benchmark: how they are stored as they are measured, and the table of them."""

from __future__ import annotations

import json
import statistics
import sys
import traceback
from typing import TYPE_CHECKING, NamedTuple

from devices import NotRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

HEAD = ("part", "case", "measured", "the limit", "over the limit")


class Figure(NamedTuple):
    """One line of the table.

    Attributes:
        what: the quantity, for example "find".
        measured: its value with the unit.
        limit: the value that it is compared with, and which that is.
        ratio: the first over the second, with an interval where there were rounds.
        numbers: everything that was measured.
    """

    what: str
    measured: str
    limit: str = ""
    ratio: str = ""
    numbers: Mapping[str, object] = {}


Cases = dict[str, "Callable[[], list[Figure]]"]


def measure(part: str, cases: Cases, file: Path) -> None:
    """Measure the cases of a part, and append a row for each figure; a case that fails is a row with the reason."""
    for case, run in cases.items():
        try:
            figures = run()
        except NotRunError as reason:
            figures = [Figure("", f"not run: {reason}")]
        except Exception as error:  # noqa: BLE001  (any reason is a row)
            traceback.print_exc(file=sys.stderr)
            figures = [Figure("", f"failed: {one_line(error)}")]
        append(file, part, case, figures)


def one_line(error: BaseException) -> str:
    """Return the class and the first line of an exception."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def append(file: Path, part: str, case: str, figures: Iterable[Figure]) -> None:
    """Append the figures of a case to a file of JSON lines."""
    with file.open("a") as lines:
        for figure in figures:
            lines.write(json.dumps({"part": part, "case": case, **figure._asdict()}) + "\n")


def read(file: Path) -> list[dict[str, object]]:
    """Return the rows of a file; a line that a killed process left unfinished is dropped."""
    rows = []
    for line in file.read_text().splitlines() if file.is_file() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """Return the table."""
    lines = [HEAD, ("---",) * len(HEAD)]
    for row in rows:
        case = ": ".join(str(row[name]) for name in ("case", "what") if row[name])
        lines.append((row["part"], case, row["measured"], row["limit"], row["ratio"]))  # type: ignore[arg-type]
    cells = [[str(cell).replace("|", "/") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def with_range(values: Sequence[float], digits: int = 2) -> str:
    """Format as ``median (lowest to highest)``."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
