"""Results on disk, a line of JSON each, added as they come: a run that is killed goes on where it was."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True)
class Row:
    """What one finder answered on one task at one seed, and where the training at its rate ends.

    Attributes:
        finder: its name.
        code: a hash of what it is made of; results of other code are not used.
        task: the task's name.
        seed: the seed.
        horizon: iterations of the training that the rate is for.
        fingerprint: the task's hash.
        lr: the rate, or None.
        low: lower end of its interval.
        high: upper end.
        steps: iterations used.
        says: status and notes.
        loss: mean loss of the last tenth of the training at ``lr``; infinite where it did not get there; None without one.
        held_out: held-out loss at its end.
        seconds: how long it all took, with what could be looked up.
    """

    finder: str
    code: str
    task: str
    seed: int
    horizon: int
    fingerprint: str
    lr: float | None
    low: float | None
    high: float | None
    steps: int
    says: str
    loss: float | None
    held_out: float | None
    seconds: float

    @property
    def key(self) -> tuple[str, str, str, int, int, str]:
        """What makes it the same result."""
        return self.finder, self.code, self.task, self.seed, self.horizon, self.fingerprint


def append(file: Path, rows: Iterable[Row]) -> None:
    """Add rows; several processes may at once, for each row is written in one piece."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        for row in rows:
            os.write(descriptor, (json.dumps(asdict(row)) + "\n").encode())
    finally:
        os.close(descriptor)


def read(file: Path) -> list[Row]:
    """All rows; a line that was cut off is left out. Of two with one key the later counts."""
    if not file.is_file():
        return []
    rows: dict[object, Row] = {}
    for line in file.read_text().splitlines():
        try:
            row = Row(**json.loads(line))
        except (json.JSONDecodeError, TypeError):
            continue
        rows[row.key] = row
    return list(rows.values())
