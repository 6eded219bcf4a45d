"""From parsed JSON to results: msgspec checks each document against a typed struct.

JSON lacks NaN and the infinities; losses may be the strings ``"nan"``, ``"inf"`` and ``"-inf"``. Importing this module
imports msgspec, so only reading a file does. Methods raise ``ValueError`` where parts contradict each other.
"""

from __future__ import annotations

import sys
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, cast

import msgspec
import numpy as np
from msgspec import Meta, Struct

from lrfinder._results.records import Confidence, Probe, Record, Settings, Status, Stop
from lrfinder._results.results import Comparison, RangeTest, Suggestion

Kind = TypeVar("Kind")
Member = TypeVar("Member", bound=Enum)

LARGEST = sys.float_info.max  # JSON's 1e999 is parsed as an infinity
Finite = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Rate = Annotated[float, Meta(ge=0, le=LARGEST)]
Loss = Finite | Literal["nan", "inf", "-inf"]
Count = Annotated[int, Meta(ge=0, le=1 << 53)]  # up to here every reader of JSON counts exactly


class SettingsDocument(Struct):
    lr_start: Rate | None
    lr_multiplier: Rate | None
    lr_end: Rate | None
    max_iterations: int
    smoothing: Finite
    stopping: str


class CurveDocument(Struct):
    stop: str
    settings: SettingsDocument
    lrs: list[Rate]
    losses: list[Loss]

    def result(self) -> RangeTest:
        records = tuple(Record(lr, float(loss)) for lr, loss in zip(self.lrs, self.losses, strict=True))
        return RangeTest(records, _member(Stop, self.stop), Settings(**msgspec.structs.asdict(self.settings)))


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
        lrs, losses = np.array(self.lrs), np.array([list(map(float, row)) for row in self.losses])
        for array in (lrs, losses):
            array.setflags(write=False)
        return Comparison(lrs, losses, tuple(_member(Stop, stop) for stop in self.stops))


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
    """Return parsed JSON as ``kind``; raise ``ValueError`` where a part is missing or has another type."""
    try:
        return msgspec.convert(document, kind)
    except (msgspec.ValidationError, SystemError) as error:  # SystemError: old versions, of an integer that no float holds
        raise ValueError(str(error)) from error


def result_of(document: object) -> RangeTest | Comparison | Suggestion:
    """Return the result that a document holds; raise ``ValueError`` where it does not hold one."""
    kinds = cast("type[Any]", RangeTestDocument | ComparisonDocument | SuggestionDocument)
    return convert(document, kinds).result()


def _member(kind: type[Member], name: str) -> Member:
    if name not in kind.__members__:
        message = f"{name!r:.40} is not a {kind.__name__}"
        raise ValueError(message)
    return kind[name]
