"""Rows of results in a file, one line of JSON each, appended as they are measured, so that a stopped run continues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]
FILE = Path(__file__).parent / "results" / "rows.jsonl"


def append(file: str | Path, row: Row) -> None:
    """Append a row, in one write."""
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    with Path(file).open("a") as lines:
        lines.write(json.dumps(row) + "\n")


def read(file: str | Path, **wanted: object) -> list[Row]:
    """Return the rows with these values; a line that was cut off is left out."""
    found: list[Row] = []
    for line in Path(file).read_text().splitlines() if Path(file).is_file() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if wanted.items() <= row.items():
            found.append(row)
    return found


def drop(file: str | Path, **unwanted: object) -> None:
    """Remove the rows with these values."""
    kept = [row for row in read(file) if not unwanted.items() <= row.items()]
    Path(file).write_text("".join(json.dumps(row) + "\n" for row in kept))
