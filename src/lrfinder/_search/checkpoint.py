"""What a search has found so far, on disk: one that is interrupted goes on from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lrfinder._results.atomic_file import append, write_atomically
from lrfinder._results.codec import (
    HEAD,
    as_lines,
    document_of,
    naming_file,
    probe_document,
    probe_of,
    read,
    result_of,
)
from lrfinder._results.results import RangeTest
from lrfinder._search.search import Ask
from lrfinder.errors import ResultFileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from lrfinder._results.codec import Document
    from lrfinder._results.records import Probe


class Journal:
    """The sweep and the finished probes of one search, a line each; without a path, nothing is kept.

    Attributes:
        curve: the sweep, where an earlier run made it.
    """

    def __init__(self, path: str | PathLike[str] | None, asked: Mapping[str, object]) -> None:
        self._path = None if path is None else Path(path)
        self._asked = dict(asked)
        self._probes: dict[Ask, Probe] = {}
        self.curve: RangeTest | None = None
        if self._path is not None and self._path.exists():
            head, *lines = read(self._path)
            self._require_same(head, self._path)
            naming_file(lambda: self._take(lines), self._path)

    def probe(self, ask: Ask) -> Probe | None:
        """The probe, where an earlier run made it."""
        return self._probes.get(ask)

    def swept(self, curve: RangeTest) -> None:
        """Keep the sweep: the file begins with it."""
        if self._path is not None:
            head = {**HEAD, "result": "Search", "asked": self._asked}
            probes = [_line(ask, probe) for ask, probe in self._probes.items()]
            write_atomically(as_lines([head, document_of(curve), *probes]), self._path)

    def made(self, ask: Ask, probe: Probe) -> None:
        """Keep a probe."""
        if self._path is not None:
            append(as_lines([_line(ask, probe)]), self._path)

    def remove(self) -> None:
        """The search has ended."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _require_same(self, head: Document, path: Path) -> None:
        if head.get("result") != "Search":
            message = f"{path} holds a {head.get('result')!s:.40} and no part of a search; give another path."
            raise ResultFileError(message)
        held = naming_file(lambda: dict(head["asked"]), path)
        differing = [name for name, value in self._asked.items() if held.get(name) != value]
        if differing:
            message = (
                f"{path} holds the first part of a search with another {', '.join(differing)}; go on with that one, give "
                "another path, or remove the file."
            )
            raise ResultFileError(message)

    def _take(self, lines: Sequence[Document]) -> None:
        curve, *probes = map(dict, lines)
        swept = result_of(curve)
        if not isinstance(swept, RangeTest):
            raise TypeError(type(swept).__name__)
        self.curve = swept
        self._probes = {Ask(float(line["probe"]["lr"]), int(line["length"])): probe_of(line["probe"]) for line in probes}


def _line(ask: Ask, probe: Probe) -> Document:
    return {"length": ask.length, "probe": probe_document(probe)}
