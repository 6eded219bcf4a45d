"""Results from files: strict JSON, each document of which msgspec checks against a typed struct.

JSON lacks NaN and the infinities; losses may be the strings ``"nan"``, ``"inf"`` and ``"-inf"``. Importing this module
imports msgspec, so only reading a file does. Methods raise ``ValueError`` where parts contradict each other.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from lrfinder._results.codec import HEAD, SCHEMA, Document
from lrfinder._results.facts import TrainingFacts
from lrfinder._results.records import Probe, Record, Settings, Status, Stop
from lrfinder._results.results import Comparison, Confidence, RangeTest, Suggestion, frozen
from lrfinder.errors import ResultFileError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from os import PathLike

Kind = TypeVar("Kind")
Member = TypeVar("Member", bound=Enum)

LARGEST_LINE_BYTES = 1 << 27  # of a cell, a trial, or a file that other software wrote; three million records take less
LARGEST_RESULT_BYTES = 1 << 30  # of a result that is one line
PIECE_BYTES = 1 << 20
BEGINNING = json.dumps(HEAD)[:-1].encode()  # of every file that lrfinder writes
CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
LARGEST = sys.float_info.max  # JSON's 1e999 is parsed as an infinity
Finite = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Rate = Annotated[float, Meta(ge=0, le=LARGEST)]
Loss = Finite | Literal["nan", "inf", "-inf"]
Count = Annotated[int, Meta(ge=0, le=1 << 53)]  # up to here every reader of JSON counts exactly


class FactsDocument(Struct):
    optimizer: str | None = None
    batch_size: int | None = None
    trained: bool = False


class SettingsDocument(Struct):
    lr_start: Rate | None
    lr_multiplier: Rate | None
    lr_end: Rate | None
    max_iterations: int
    smoothing: Finite
    stopping: str
    facts: FactsDocument | None = None

    def settings(self) -> Settings:
        fields = msgspec.structs.asdict(self)
        if self.facts is not None:
            fields["facts"] = TrainingFacts(**msgspec.structs.asdict(self.facts))
        return Settings(**fields)


class CurveDocument(Struct):
    stop: str
    settings: SettingsDocument
    lrs: list[Rate]
    losses: list[Loss]
    notes: list[str] = []  # msgspec copies it; the first versions did not write it
    has_effect: bool = True  # as above

    def result(self) -> RangeTest:
        records = tuple(map(Record._make, zip(self.lrs, map(float, self.losses), strict=True)))
        stop, settings = _member(Stop, self.stop), self.settings.settings()
        return RangeTest(records, stop, settings, tuple(self.notes), self.has_effect)


class RangeTestDocument(CurveDocument, tag_field="result", tag="RangeTest"):
    pass


class ComparisonDocument(Struct, tag_field="result", tag="Comparison"):
    stops: list[str]
    lrs: list[Rate]
    losses: list[list[Loss]]

    def result(self) -> Comparison:
        same_number = len(self.lrs) == len(self.losses) == len(self.stops)
        if not same_number or len({len(row) for row in self.losses}) != 1 or not self.losses[0]:
            message = "lrs, losses and stops differ in length"
            raise ValueError(message)
        losses = frozen([list(map(float, row)) for row in self.losses])
        return Comparison(frozen(self.lrs), losses, tuple(_member(Stop, stop) for stop in self.stops))


class ProbeDocument(Struct):
    lr: Rate
    losses: list[Loss]
    stop: str

    def probe(self) -> Probe:
        return Probe(self.lr, tuple(map(float, self.losses)), _member(Stop, self.stop))


class SuggestionDocument(Struct, tag_field="result", tag="Suggestion", kw_only=True):
    status: str
    lr: Rate | None
    low: Rate | None
    high: Rate | None
    confidence: Confidence
    notes: list[str]
    iterations: Count
    horizon: Count | None
    schedule: str
    curve: CurveDocument | None
    extra_iterations: Count = 0  # the first versions did not write it
    probes: list[ProbeDocument]

    def result(self) -> Suggestion:
        status, rates = _member(Status, self.status), (self.low, self.lr, self.high)
        known = [rate for rate in rates if rate is not None]
        if len(known) != (len(rates) if status is Status.OK else 0) or known != sorted(known):
            message = f"lr, low and high contradict the status {self.status}"
            raise ValueError(message)
        converted: dict[str, Any] = {
            "status": status,
            "notes": tuple(self.notes),
            "curve": None if self.curve is None else self.curve.result(),
            "probes": tuple(probe.probe() for probe in self.probes),
        }
        return Suggestion(**msgspec.structs.asdict(self) | converted)


def convert(document: object, kind: type[Kind]) -> Kind:
    """Return parsed JSON as ``kind``; raise ``ValueError`` if a part is missing or has the wrong type."""
    try:
        return msgspec.convert(document, kind)
    except (msgspec.ValidationError, SystemError) as error:  # SystemError: old versions, of an integer that no float holds
        raise ValueError(str(error)) from error


def result_of(document: object) -> RangeTest | Comparison | Suggestion:
    """Return the result that a document holds; raise ``ValueError`` if it holds none."""
    kinds = cast("type[Any]", RangeTestDocument | ComparisonDocument | SuggestionDocument)
    return convert(document, kinds).result()


def probe_of(document: object) -> Probe:
    """Return the probe that a document holds; raise ``ValueError`` if it holds none."""
    return convert(document, ProbeDocument).probe()


@contextmanager
def reading(path: str | PathLike[str]) -> Generator[tuple[Document, Iterator[Document]]]:
    """Give the first document of a result file, and the others as they are read, line by line.

    A file that :mod:`lrfinder._results.codec` wrote may have any number of lines. Any other file must be smaller than
    ``LARGEST_LINE_BYTES``.

    Raises:
        OSError: the file cannot be read.
        ResultFileError: it is of another kind or of a newer version, it is too large, or the block finds a damaged document.
    """
    try:
        with _opened(path) as file:
            documents = _documents_of(file)
            head = next(documents, None)
            yield _checked_head(head), documents
    except ResultFileError:
        raise
    except _StrangerError as error:
        message = f"{path} {error}; give a file that to_json() wrote."
        raise ResultFileError(message) from error
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        message = f"{path} is damaged ({error!s:.120}); give a file that to_json() wrote."
        raise ResultFileError(message) from error


class _StrangerError(Exception):
    """A file that lrfinder has not written: the reason, after the name of the file."""


def _checked_head(head: Document | None) -> Document:
    if head is None or head.get("format") != "lrfinder":
        message = "holds no result of lrfinder"
        raise _StrangerError(message)
    schema: object = head.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        shown = str(schema) if type(schema) is int else f"a {type(schema).__name__}"
        message = f"has schema {shown:.40}, and this version reads {SCHEMA}: is a newer lrfinder needed? If not"
        raise _StrangerError(message)
    return head


def _member(kind: type[Member], name: str) -> Member:
    if name not in kind.__members__:
        message = f"{name!r:.40} is not a {kind.__name__}"
        raise ValueError(message)
    return kind[name]


def _opened(path: str | PathLike[str]) -> BinaryIO:
    """Open a plain file; reading a pipe could block, and ``/dev/zero`` never ends."""
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a folder raises the error that says so
        message = "is not a plain file"
        raise _StrangerError(message)
    return Path(path).open("rb")


def _documents_of(file: BinaryIO) -> Iterator[Document]:
    """Yield the documents of a file, one per line. A last line without its end was cut off, and is left out."""
    if file.read(len(BEGINNING)) != BEGINNING:
        file.seek(0)
        yield from _of_stranger(file)
        return
    file.seek(0)
    yield _parsed(_line(file, LARGEST_RESULT_BYTES))
    while line := _line(file, LARGEST_LINE_BYTES):
        if line.endswith(b"\n") and not line.isspace():
            yield _parsed(line)


def _of_stranger(file: BinaryIO) -> Iterator[Document]:
    """Yield what a file holds that other software wrote again: one document, or one per line."""
    too_large = os.fstat(file.fileno()).st_size > LARGEST_LINE_BYTES
    content = b"" if too_large else file.read(LARGEST_LINE_BYTES + 1)
    if too_large or len(content) > LARGEST_LINE_BYTES:
        limit = f"{LARGEST_LINE_BYTES >> 20} MiB"
        message = f"does not begin as a file of lrfinder does, and has more than {limit}, the limit for such files"
        raise _StrangerError(message)
    first, *more = content.split(b"\n")
    try:
        yield _parsed(content)
    except _StrangerError:
        if not more:
            raise
        yield from map(_parsed, (first, *more[:-1]))


def _line(file: BinaryIO, limit: int) -> bytes:
    """Return the next line; refuse one that is too long as soon as that shows, or that holds bytes that no JSON has."""
    pieces: list[bytes] = []
    length = 0
    while piece := file.readline(PIECE_BYTES):
        pieces.append(piece)
        length += len(piece)
        if piece.endswith(b"\n"):
            break
        if CONTROL_BYTES.search(piece):
            message = "is not a JSON file (it holds control characters)"
            raise _StrangerError(message)
        if length > limit:
            message = f"has a line of more than {limit >> 20} MiB, the limit for one result"
            raise _StrangerError(message)
    return b"".join(pieces)


def _parsed(content: bytes) -> Document:
    try:
        document = _json(content)
    except (ValueError, RecursionError, MemoryError) as error:
        message = f"is not a JSON file ({type(error).__name__})"
        raise _StrangerError(message) from error
    if not isinstance(document, dict):
        message = "holds no result of lrfinder"
        raise _StrangerError(message)
    return cast("Document", document)


def _json(content: bytes) -> object:
    """Parse strictly. The parser of msgspec is not used: it accepts repeated names and refuses unpaired surrogates."""
    return _DECODER.decode(content.decode("utf-8"))


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


_DECODER = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_without_repetition)
