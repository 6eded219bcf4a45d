"""Results on disk: JSON that comes back bit for bit, and CSV.

A file is data, never code. It says what it holds (``"result"``) and in which version (``"schema"``); numbers that JSON lacks
(NaN, the infinities) stand in it as strings.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import asdict
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np

from lrfinder.errors import MissingExtraError, ResultFileError
from lrfinder.records import (
    Comparison,
    Confidence,
    Probe,
    RangeTest,
    Record,
    Result,
    Settings,
    Status,
    Stop,
    Suggestion,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from os import PathLike

    import pandas as pd

SCHEMA = 1

Document = dict[str, Any]


def save(result: Result, path: str | PathLike[str]) -> None:
    """Write ``result`` to ``path`` as JSON."""
    document = {"format": "lrfinder", "schema": SCHEMA, "result": type(result).__name__, **_document(result)}
    Path(path).write_text(json.dumps(document, allow_nan=False) + "\n", encoding="utf-8")


def load(path: str | PathLike[str]) -> Result:
    """Read a result, whichever the file says it is.

    Raises:
        OSError: the file cannot be read.
        ResultFileError: it holds no result of ours, or one of a newer version.
    """
    try:
        document: object = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        message = f"{path} is no JSON file ({type(error).__name__}); give a file that to_json() wrote."
        raise ResultFileError(message) from error
    if not isinstance(document, dict) or cast("Document", document).get("format") != "lrfinder":
        message = f"{path} holds no result of lrfinder; give a file that to_json() wrote."
        raise ResultFileError(message)
    document = cast("Document", document)
    if document.get("schema") != SCHEMA:
        message = (
            f"{path} has schema {document.get('schema')!r:.40}; this version reads {SCHEMA}. Is a newer lrfinder needed?"
        )
        raise ResultFileError(message)
    kinds: dict[object, Callable[[Document], Result]] = {
        "RangeTest": _range_test,
        "Comparison": _comparison,
        "Suggestion": _suggestion,
    }
    try:
        return kinds[document["result"]](document)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        message = f"{path} is damaged: its part {str(error)!s:.80} cannot be read; give a file that to_json() wrote."
        raise ResultFileError(message) from error


def write_csv(columns: Mapping[str, Sequence[float]], path: str | PathLike[str]) -> None:
    """Write a table, one line a row, floats so that they read back exactly."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def data_frame(columns: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """A table as a pandas ``DataFrame``."""
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(error.name or "pandas", "pandas") from error
    return pd.DataFrame(dict(columns))


@singledispatch
def _document(result: Result) -> Document:
    """What a file holds of a result, beside what it is."""
    raise NotImplementedError(type(result).__name__)


@_document.register(RangeTest)
def _range_test_document(result: RangeTest) -> Document:
    return {
        "stop": result.stop.name,
        "settings": asdict(result.settings),
        "lrs": _numbers(result.lrs),
        "losses": _numbers(result.losses),
    }


def _range_test(document: Document) -> RangeTest:
    lrs, losses = _floats(document["lrs"]), _floats(document["losses"])
    records = tuple(Record(lr, loss) for lr, loss in zip(lrs, losses, strict=True))
    return RangeTest(records, Stop[document["stop"]], _settings(document["settings"]))


def _settings(document: Document) -> Settings:
    return Settings(
        *(None if document[name] is None else _float(document[name]) for name in ("lr_start", "lr_multiplier", "lr_end")),
        max_iterations=int(document["max_iterations"]),
        smoothing=_float(document["smoothing"]),
        stopping=str(document["stopping"]),
    )


@_document.register(Comparison)
def _comparison_document(result: Comparison) -> Document:
    return {
        "stops": [stop.name for stop in result.stops],
        "lrs": _numbers(result.lrs),
        "losses": [_numbers(row) for row in result.losses],
    }


def _comparison(document: Document) -> Comparison:
    lrs = np.array(_floats(document["lrs"]))
    rows = [_floats(row) for row in document["losses"]]
    stops = tuple(Stop[name] for name in document["stops"])
    if not len(lrs) == len(rows) == len(stops) or len({len(row) for row in rows}) != 1:
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
        "curve": None if curve is None else _range_test_document(curve),
        "probes": [
            {"lr": probe.lr, "losses": _numbers(probe.losses), "stop": probe.stop.name} for probe in suggestion.probes
        ],
    }


def _suggestion(document: Document) -> Suggestion:
    status = Status[document["status"]]
    rates = [None if document[name] is None else _float(document[name]) for name in ("low", "lr", "high")]
    low, lr, high = rates
    if (status is Status.OK) == (None in rates) or (lr, low, high).count(None) not in {0, 3}:
        message = "status"
        raise ValueError(message)
    if lr is not None and low is not None and high is not None and not 0 <= low <= lr <= high < math.inf:
        message = "lr"
        raise ValueError(message)
    curve, horizon = document["curve"], document["horizon"]
    return Suggestion(
        lr,
        low,
        high,
        _confidence(document["confidence"]),
        status,
        tuple(_text(note) for note in _list(document["notes"])),
        _count(document["iterations"]),
        None if horizon is None else _count(horizon),
        None if curve is None else _range_test(curve),
        tuple(_probe(probe) for probe in _list(document["probes"])),
    )


def _probe(document: Document) -> Probe:
    return Probe(_float(document["lr"]), tuple(_floats(document["losses"])), Stop[document["stop"]])


def _confidence(value: object) -> Confidence:
    if value in get_args(Confidence):
        return cast("Confidence", value)
    message = repr(value)[:40]
    raise ValueError(message)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    message = repr(value)[:40]
    raise TypeError(message)


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    message = repr(value)[:40]
    raise TypeError(message)


def _list(values: object) -> list[Any]:
    if isinstance(values, list):
        return cast("list[Any]", values)
    message = repr(values)[:40]
    raise TypeError(message)


def _numbers(values: Iterable[float]) -> list[float | str]:
    """JSON has no NaN and no infinities: those become their names; every other float its shortest exact decimal."""
    return [float(value) if math.isfinite(value) else str(float(value)) for value in values]


def _floats(values: object) -> list[float]:
    return [_float(value) for value in _list(values)]


def _float(value: object) -> float:
    if value in ("nan", "inf", "-inf") or (isinstance(value, int | float) and not isinstance(value, bool)):
        return float(cast("float | str", value))
    message = repr(value)[:40]
    raise TypeError(message)
