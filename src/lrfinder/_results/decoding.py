"""Results from files: strict JSON, each document of which msgspec checks against a typed struct.

JSON lacks NaN and the infinities; losses may be the strings ``"nan"``, ``"inf"`` and ``"-inf"``. Importing this module
imports msgspec, so only reading a file does. Methods raise ``ValueError`` where parts contradict each other.
"""

from __future__ import annotations

import json
import stat
import sys
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from lrfinder._results.codec import SCHEMA, Document
from lrfinder._results.facts import TrainingFacts
from lrfinder._results.records import Probe, Record, Settings, Status, Stop
from lrfinder._results.results import Comparison, Confidence, RangeTest, Suggestion, frozen
from lrfinder.errors import ResultFileError

if TYPE_CHECKING:
    from collections.abc import Generator
    from os import PathLike

Kind = TypeVar("Kind")
Member = TypeVar("Member", bound=Enum)

LARGEST_FILE_BYTES = 1 << 27  # three million records take less
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
        records = tuple(Record(lr, float(loss)) for lr, loss in zip(self.lrs, self.losses, strict=True))
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


def read(path: str | PathLike[str]) -> list[Document]:
    """Return the documents of a result file, one per line; refuse a file of another kind, or of a newer version."""
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


@contextmanager
def naming_file(path: str | PathLike[str]) -> Generator[None]:
    """Raise a :class:`ResultFileError`, which names the file, if the block finds a damaged document."""
    try:
        yield
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        message = f"{path} is damaged ({error!s:.120}); give a file that to_json() wrote."
        raise ResultFileError(message) from error


def _member(kind: type[Member], name: str) -> Member:
    if name not in kind.__members__:
        message = f"{name!r:.40} is not a {kind.__name__}"
        raise ValueError(message)
    return kind[name]


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
    """Parse one document, or one per line. A last line without its end was cut off, and is left out."""
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
