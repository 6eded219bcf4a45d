"""Results on disk, one line of JSON each, appended as they are computed, so that a killed run can resume."""

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
    """The answer of one finder on one task at one seed, and the end of the run at its rate.

    Attributes:
        finder: its name.
        code: a hash of its code; results of other code are not used.
        task: the task's name.
        seed: the seed.
        horizon: iterations of the run that the rate is for.
        fingerprint: the task's hash.
        lr: the rate, or None.
        low: lower end of its interval.
        high: upper end.
        steps: iterations used.
        says: status and notes.
        loss: mean loss of the last tenth of the run at ``lr``; infinite if the run diverged; None without a run.
        held_out: held-out loss at the end of the run.
        seconds: total time, with cached runs.
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
        """Return the key of the result: rows with the same key replace each other."""
        return self.finder, self.code, self.task, self.seed, self.horizon, self.fingerprint


def append(file: Path, rows: Iterable[Row]) -> None:
    """Append rows. Several processes may do so at once, because each row is one write."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        for row in rows:
            os.write(descriptor, (json.dumps(asdict(row)) + "\n").encode())
    finally:
        os.close(descriptor)


def read(file: Path) -> list[Row]:
    """Read all rows without truncated lines; of two rows with one key, the later one counts."""
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
