"""Results on disk: JSON that comes back bit for bit, and CSV.

A file is data, never code. It says what it holds (``"result"``) and in which version (``"schema"``); numbers that JSON lacks
(NaN, the infinities) stand in it as strings. What a stranger wrote is read as far as it is such data, or refused.

A file is whole or it is not there: it is written beside its place under the name ``.lrfinder-….tmp`` and then put into it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import asdict
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

import numpy as np

from lrfinder._optional import require
from lrfinder._results.records import Confidence, Probe, Record, Settings, Status, Stop
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.errors import ResultFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from os import PathLike

    import pandas as pd

SCHEMA = 1
LARGEST_FILE = 1 << 27  # bytes; three million records take less
LARGEST_COUNT = 1 << 53  # iterations; up to here every reader of JSON counts exactly

Document = dict[str, Any]
Made = TypeVar("Made")
HEAD: Document = {"format": "lrfinder", "schema": SCHEMA}


def save(result: Result, path: str | PathLike[str]) -> None:
    """Write ``result`` to ``path`` as JSON."""
    write_whole(as_lines([{**HEAD, **document_of(result)}]), path)


def load(path: str | PathLike[str]) -> Result:
    """Read a result, whichever the file says it is.

    Raises:
        OSError: the file cannot be read.
        ResultFileError: it holds no result of ours, or one of a newer version.
    """
    document, *lines = read(path)
    return told_where(lambda: result_of(document, lines), path)


def document_of(result: Result) -> Document:
    """A result as what JSON can hold."""
    return {"result": type(result).__name__, **_document(result)}


def result_of(document: Document, lines: Sequence[Document] = ()) -> Result:
    """The result that a document holds, with the lines that follow it in its file.

    Raises:
        ValueError, KeyError, TypeError, OverflowError: it holds none.
    """
    kinds: dict[object, Callable[[Document], Result]] = {
        "RangeTest": _range_test,
        "Comparison": _comparison,
        "Suggestion": _suggestion,
        "Grid": lambda document: _grid(document, lines),
    }
    return kinds[document["result"]](document)


def read(path: str | PathLike[str]) -> list[Document]:
    """The documents of a file of ours: one, or one a line, the last of which may have been cut off as it was written.

    Raises:
        OSError: the file cannot be read.
        ResultFileError: it is none of ours, or of a newer version.
    """
    try:
        documents = _documents(_content(path))
    except (ValueError, RecursionError, MemoryError) as error:
        message = f"{path} is no JSON file ({type(error).__name__}); give a file that to_json() wrote."
        raise ResultFileError(message) from error
    if not all(isinstance(document, dict) for document in documents) or documents[0].get("format") != "lrfinder":
        message = f"{path} holds no result of lrfinder; give a file that to_json() wrote."
        raise ResultFileError(message)
    schema: object = documents[0].get("schema")
    if type(schema) is not int or schema != SCHEMA:
        said = str(schema) if type(schema) is int else f"a {type(schema).__name__}"
        message = f"{path} has schema {said:.40}; this version reads {SCHEMA}. Is a newer lrfinder needed?"
        raise ResultFileError(message)
    return documents


def told_where(made: Callable[[], Made], path: str | PathLike[str]) -> Made:
    """What ``made`` returns; what it raises of a document that is none, told with the file's name.

    Raises:
        ResultFileError: the document cannot be read.
    """
    try:
        return made()
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        message = f"{path} is damaged: its part {str(error)!s:.80} cannot be read; give a file that to_json() wrote."
        raise ResultFileError(message) from error


def as_lines(documents: Iterable[Document]) -> bytes:
    """The documents as JSON, one a line."""
    return "".join(json.dumps(document, allow_nan=False) + "\n" for document in documents).encode()


def append_line(document: Document, path: str | PathLike[str]) -> None:
    """Add a document to a file of ours, so that a crash leaves all lines before it as they were."""
    with Path(path).open("ab") as file:
        file.write(as_lines([document]))
        file.flush()
        os.fsync(file.fileno())


def write_csv(columns: Mapping[str, Sequence[object]], path: str | PathLike[str]) -> None:
    """Write a table, one line a row, floats so that they read back exactly."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_whole(table.getvalue().encode(), path)


def write_whole(content: bytes, path: str | PathLike[str]) -> None:
    """Write a file so that a full disk, a crash or Ctrl-C leaves the old one as it was, and nothing beside it.

    A link goes on pointing where it points, and an old file's permissions stay. What is no plain file (``/dev/stdout``) is
    written to directly.

    Raises:
        OSError: it cannot be written; in its folder, a new file must be possible.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    beside = target.with_name(f".lrfinder-{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # a disk that is full may say so only now
        if target.exists():
            beside.chmod(stat.S_IMODE(target.stat().st_mode))
        beside.replace(target)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


def data_frame(columns: Mapping[str, Sequence[object]]) -> pd.DataFrame:
    """A table as a pandas ``DataFrame``."""
    frame: pd.DataFrame = require("pandas", "pandas").DataFrame(dict(columns))
    return frame


def _content(path: str | PathLike[str]) -> bytes:
    """The bytes of a plain file of bearable length; a pipe could keep us waiting, ``/dev/zero`` never ends."""
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # what a folder is, opening it says
        message = "no plain file"
        raise ValueError(message)
    with Path(path).open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        message = f"more than {LARGEST_FILE} bytes"
        raise ValueError(message)
    return content


def _documents(content: bytes) -> list[Any]:
    """One document, or one a line. A last line without its end was cut off, and is not there."""
    try:
        return [_json(content)]
    except ValueError:
        first, *more = content.split(b"\n")
        if not more or not isinstance(_json(first), dict):
            raise
        return [_json(line) for line in (first, *more[:-1])]


def _json(content: bytes) -> object:
    return json.loads(content.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_without_repetition)


def _refuse(name: str) -> object:
    message = f"{name} is no JSON"
    raise ValueError(message)


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Two readers could take a name that stands twice for different things."""
    unique = dict(pairs)
    if len(unique) != len(pairs):
        message = "a name stands twice"
        raise ValueError(message)
    return unique


@singledispatch
def _document(result: Result) -> Document:
    """What a file holds of a result, beside what it is."""
    raise NotImplementedError(type(result).__name__)


def _grid(document: Document, lines: Sequence[Document]) -> Result:
    from lrfinder._grid.storage import grid_of

    return grid_of(document, lines)


@_document.register(RangeTest)
def _range_test_document(result: RangeTest) -> Document:
    return {
        "stop": result.stop.name,
        "settings": asdict(result.settings),
        "lrs": _numbers(result.lrs),
        "losses": _numbers(result.losses),
    }


def _range_test(document: Document) -> RangeTest:
    lrs, losses = _rates(document["lrs"]), _floats(document["losses"])
    records = tuple(Record(lr, loss) for lr, loss in zip(lrs, losses, strict=True))
    return RangeTest(records, Stop[document["stop"]], _settings(document["settings"]))


def _settings(document: Document) -> Settings:
    return Settings(
        *(None if document[name] is None else _rate(document[name]) for name in ("lr_start", "lr_multiplier", "lr_end")),
        max_iterations=_exactly(int, document["max_iterations"]),
        smoothing=_float(document["smoothing"]),
        stopping=_exactly(str, document["stopping"]),
    )


@_document.register(Comparison)
def _comparison_document(result: Comparison) -> Document:
    return {
        "stops": [stop.name for stop in result.stops],
        "lrs": _numbers(result.lrs),
        "losses": [_numbers(row) for row in result.losses],
    }


def _comparison(document: Document) -> Comparison:
    lrs = np.array(_rates(document["lrs"]))
    rows = [_floats(row) for row in _exactly(list, document["losses"])]
    stops = tuple(Stop[name] for name in _exactly(list, document["stops"]))
    if not len(lrs) == len(rows) == len(stops) or len({len(row) for row in rows}) != 1 or not rows[0]:
        message = "losses"
        raise ValueError(message)
    losses = np.array(rows)
    for array in (lrs, losses):
        array.setflags(write=False)
    return Comparison(lrs, losses, stops)


@_document.register(Suggestion)
def _suggestion_document(suggestion: Suggestion) -> Document:
    curve = suggestion.curve
    return {
        "status": suggestion.status.name,
        "lr": suggestion.lr,
        "low": suggestion.low,
        "high": suggestion.high,
        "confidence": suggestion.confidence,
        "notes": list(suggestion.notes),
        "iterations": suggestion.iterations,
        "horizon": suggestion.horizon,
        "schedule": suggestion.schedule,
        "curve": None if curve is None else _range_test_document(curve),
        "extra_iterations": suggestion.extra_iterations,
        "probes": [probe_document(probe) for probe in suggestion.probes],
    }


def _suggestion(document: Document) -> Suggestion:
    status, known = Status[document["status"]], ("lr", "low", "high")
    lr, low, high = (None if document[name] is None else _rate(document[name]) for name in known)
    in_order = lr is not None and low is not None and high is not None and low <= lr <= high
    if in_order != (status is Status.OK) or (not in_order and not lr is low is high is None):
        message = "status"
        raise ValueError(message)
    curve, horizon = document["curve"], document["horizon"]
    return Suggestion(
        lr,
        low,
        high,
        _confidence(document["confidence"]),
        status,
        tuple(_exactly(str, note) for note in _exactly(list, document["notes"])),
        _count(document["iterations"]),
        None if horizon is None else _count(horizon),
        None if curve is None else _range_test(curve),
        tuple(probe_of(probe) for probe in _exactly(list, document["probes"])),
        _exactly(str, document["schedule"]),
        _count(document.get("extra_iterations", 0)),  # files of a day when there were none lack it
    )


def probe_document(probe: Probe) -> Document:
    """A probe as what JSON can hold."""
    return {"lr": probe.lr, "losses": _numbers(probe.losses), "stop": probe.stop.name}


def probe_of(document: Document) -> Probe:
    """The probe that a document holds."""
    return Probe(_rate(document["lr"]), tuple(_floats(document["losses"])), Stop[document["stop"]])


def _confidence(value: object) -> Confidence:
    if _exactly(str, value) not in get_args(Confidence):
        raise ValueError(_said(value))
    return cast("Confidence", value)


def _count(value: object) -> int:
    if not 0 <= _exactly(int, value) <= LARGEST_COUNT:
        raise ValueError(_said(value))
    return cast("int", value)


def _numbers(values: Iterable[float]) -> list[float | str]:
    """JSON has no NaN and no infinities: those become their names; every other float its shortest exact decimal."""
    return [float(value) if math.isfinite(value) else str(float(value)) for value in values]


def _rates(values: object) -> list[float]:
    return [_rate(value) for value in _exactly(list, values)]


def _rate(value: object) -> float:
    rate = _float(value)
    if not (rate >= 0 and math.isfinite(rate)):
        raise TypeError(_said(value))
    return rate


def _floats(values: object) -> list[float]:
    return [_float(value) for value in _exactly(list, values)]


def _float(value: object) -> float:
    if type(value) is str and value in ("nan", "inf", "-inf"):
        return float(value)
    if type(value) in (int, float) and math.isfinite(cast("float", value)):  # 1e999 is read as an infinity
        return float(cast("float", value))
    raise TypeError(_said(value))


def _exactly(kind: type[Any], value: object) -> Any:
    """The value, if it is of this very type: ``True`` is no number, whatever Python says."""
    if type(value) is not kind:
        raise TypeError(_said(value))
    return value


def _said(value: object) -> str:
    return repr(value)[:40]
