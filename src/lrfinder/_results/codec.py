"""Results on disk: JSON that reads back bit for bit, and CSV.

A file is data, never code. It names its kind (``"result"``) and its version (``"schema"``). A file from elsewhere is read
where it holds such data, and refused otherwise.
"""

from __future__ import annotations

import csv
import io
import json
import math
import stat
from dataclasses import asdict
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lrfinder._results.atomic_file import write_atomically
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.errors import ResultFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from os import PathLike

    from lrfinder._results.records import Probe

SCHEMA = 1
LARGEST_FILE_BYTES = 1 << 27  # three million records take less

Document = dict[str, Any]
Built = TypeVar("Built")
HEAD: Document = {"format": "lrfinder", "schema": SCHEMA}


def save(result: Result, path: str | PathLike[str]) -> None:
    """Write ``result`` to ``path`` as JSON."""
    write_atomically(as_lines([{**HEAD, **document_of(result)}]), path)


def load(path: str | PathLike[str]) -> Result:
    """Read a result of any kind.

    Raises:
        OSError: the file cannot be read.
        ResultFileError: it does not hold a result, or holds one of a newer version.
    """
    document, *lines = read(path)
    return naming_file(lambda: result_of(document, lines), path)


def result_of(document: Document, lines: Sequence[Document] = ()) -> Result:
    """Return the result that a document and the lines after it hold; raise ``ValueError`` where they do not."""
    if document.get("result") == "Grid":
        from lrfinder._grid.storage import grid_of

        return grid_of(document, lines)
    from lrfinder._results import decoding

    return decoding.result_of(document)


def probe_of(document: object) -> Probe:
    """Return the probe that a document holds; raise ``ValueError`` where it does not."""
    from lrfinder._results import decoding

    return decoding.convert(document, decoding.ProbeDocument).probe()


def document_of(result: Result) -> Document:
    """Return a result as what JSON can hold."""
    return {"result": type(result).__name__, **_document(result)}


@singledispatch
def _document(result: Result) -> Document:
    raise NotImplementedError(type(result).__name__)


@_document.register
def _range_test(result: RangeTest) -> Document:
    settings, stop = asdict(result.settings), result.stop.name
    return {"stop": stop, "settings": settings, "lrs": _numbers(result.lrs), "losses": _numbers(result.losses)}


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
    """Return a probe as what JSON can hold."""
    return {"lr": probe.lr, "losses": _numbers(probe.losses), "stop": probe.stop.name}


def _numbers(values: Iterable[float]) -> list[float | str]:
    """Return NaN and the infinities, which JSON lacks, as their names; JSON keeps every other float exactly."""
    return [float(value) if math.isfinite(value) else str(float(value)) for value in values]


def read(path: str | PathLike[str]) -> list[Document]:
    """Return the documents of a result file: one, or one a line.

    The last line may have been cut off while it was written; then it is left out.

    Raises:
        OSError: the file cannot be read.
        ResultFileError: it is not a result file, or one of a newer version.
    """
    try:
        documents = _documents(_content(path))
    except (ValueError, RecursionError, MemoryError) as error:
        message = f"{path} is not a JSON file ({type(error).__name__}); give a file that to_json() wrote."
        raise ResultFileError(message) from error
    if not all(isinstance(document, dict) for document in documents) or documents[0].get("format") != "lrfinder":
        message = f"{path} holds no result of lrfinder; give a file that to_json() wrote."
        raise ResultFileError(message)
    schema: object = documents[0].get("schema")
    if type(schema) is not int or schema != SCHEMA:
        shown = str(schema) if type(schema) is int else f"a {type(schema).__name__}"
        message = f"{path} has schema {shown:.40}; this version reads {SCHEMA}. Is a newer lrfinder needed?"
        raise ResultFileError(message)
    return documents


def naming_file(build: Callable[[], Built], path: str | PathLike[str]) -> Built:
    """Return what ``build`` returns; raise :class:`ResultFileError` where it meets a damaged document."""
    try:
        return build()
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        message = f"{path} is damaged ({error!s:.120}); give a file that to_json() wrote."
        raise ResultFileError(message) from error


def as_lines(documents: Iterable[Document]) -> bytes:
    """Return the documents as JSON, one a line."""
    return "".join(json.dumps(document, allow_nan=False) + "\n" for document in documents).encode()


def write_csv(columns: Mapping[str, Sequence[object]], path: str | PathLike[str]) -> None:
    """Write a table, one line a row, with floats that read back exactly."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_atomically(table.getvalue().encode(), path)


def _content(path: str | PathLike[str]) -> bytes:
    """Return the bytes of a plain file of limited size; reading a pipe could block, and ``/dev/zero`` never ends."""
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a folder raises the error that says so
        message = "not a plain file"
        raise ValueError(message)
    with Path(path).open("rb") as file:
        content = file.read(LARGEST_FILE_BYTES + 1)
    if len(content) > LARGEST_FILE_BYTES:
        message = f"more than {LARGEST_FILE_BYTES} bytes"
        raise ValueError(message)
    return content


def _documents(content: bytes) -> list[Any]:
    """Parse one document, or one a line. A last line without its end was cut off, and is left out."""
    try:
        return [_json(content)]
    except ValueError:
        first, *more = content.split(b"\n")
        if not more or not isinstance(_json(first), dict):
            raise
        return [_json(line) for line in (first, *more[:-1])]


def _json(content: bytes) -> object:
    """Parse strictly. The parser of msgspec is not used: it accepts repeated names and refuses unpaired surrogates."""
    return json.loads(content.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_without_repetition)


def _refuse(name: str) -> object:
    message = f"{name} is not JSON"
    raise ValueError(message)


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a name that occurs twice: two readers could take it for different things."""
    unique = dict(pairs)
    if len(unique) != len(pairs):
        message = "a name occurs twice"
        raise ValueError(message)
    return unique
