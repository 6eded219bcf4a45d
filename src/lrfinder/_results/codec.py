"""Results as JSON that reads back bit for bit, and as CSV; :mod:`lrfinder._results.decoding` reads it.

A file is data, never code. It names its kind (``"result"``) and its version (``"schema"``).
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from lrfinder._results.atomic_file import write_atomically
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from os import PathLike

    from lrfinder._results.records import Probe

SCHEMA = 1

Document = dict[str, Any]
HEAD: Document = {"format": "lrfinder", "schema": SCHEMA}


def save(result: Result, path: str | PathLike[str]) -> None:
    """Write ``result`` to ``path`` as JSON."""
    write_atomically(as_line({**HEAD, **document_of(result)}), path)


def document_of(result: Result) -> Document:
    """Return a result as JSON-compatible values."""
    return {"result": type(result).__name__, **_document(result)}


@singledispatch
def _document(result: Result) -> Document:
    raise NotImplementedError(type(result).__name__)


@_document.register
def _range_test(result: RangeTest) -> Document:
    settings, stop = asdict(result.settings), result.stop.name
    curve = {"lrs": _numbers(result.lrs), "losses": _numbers(result.losses)}
    remarks = {**({"notes": result.notes} if result.notes else {}), **({} if result.has_effect else {"has_effect": False})}
    return {"stop": stop, "settings": settings, **curve, **remarks}


@_document.register
def _comparison(result: Comparison) -> Document:
    stops, losses = [stop.name for stop in result.stops], [_numbers(row) for row in result.losses]
    return {"stops": stops, "lrs": _numbers(result.lrs), "losses": losses}


@_document.register
def _suggestion(result: Suggestion) -> Document:
    names = ("lr", "low", "high", "confidence", "notes", "iterations", "horizon", "schedule", "extra_iterations")
    return {
        "status": result.status.name,
        **{name: getattr(result, name) for name in names},
        "curve": None if result.curve is None else _range_test(result.curve),
        "probes": [probe_document(probe) for probe in result.probes],
    }


def probe_document(probe: Probe) -> Document:
    """Return a probe as JSON-compatible values."""
    return {"lr": probe.lr, "losses": _numbers(probe.losses), "stop": probe.stop.name}


def _numbers(values: Iterable[float]) -> list[float | str]:
    """Return NaN and the infinities, which JSON lacks, as their names; JSON keeps every other float exactly."""
    return [float(value) if math.isfinite(value) else str(float(value)) for value in values]


def as_lines(documents: Iterable[Document]) -> Iterator[bytes]:
    """Yield the documents as JSON, one per line."""
    return map(as_line, documents)


def as_line(document: Document) -> bytes:
    """Return a document as JSON on one line."""
    return json.dumps(document, allow_nan=False).encode() + b"\n"


def write_csv(columns: Mapping[str, Sequence[object]], path: str | PathLike[str]) -> None:
    """Write a table, one line per row, with floats that read back exactly."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_atomically(table.getvalue().encode(), path)
