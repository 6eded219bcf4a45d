"""The line of the user's own code that raised an exception, for a report of one line."""

from __future__ import annotations

import os
import re
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOREIGN = (
    *(f"{os.path.realpath(path)}{os.sep}" for path in (Path(__file__).parent, sysconfig.get_path("stdlib"))),
    *(f"{os.sep}{name}-packages{os.sep}" for name in ("site", "dist")),
)
_TRACEBACK_LINE = re.compile(r'^  File "(.+)", line (\d+)', re.MULTILINE)

Place = tuple[str, int]  # a file and a line


def in_words(error: BaseException) -> str:
    """Return the type and the message of an exception, its notes, and the line of the user's code that raised it.

    An exception of a worker process carries the traceback of that process as text. It is given by its last line.
    """
    message = str(error)
    own = _TRACEBACK_LINE.findall(message)
    if own:
        message = f"{message.splitlines()[0].rstrip('.')}: {message.rstrip().splitlines()[-1]}"
    places = [(name, int(line)) for name, line in own] or _places(error)
    words = [f"{type(error).__name__}: {message}"]
    if places and not isinstance(error, SyntaxError):  # whose message names the line
        words.append(f"({_in_words(_last_own(places))})")
    return " ".join([*words, *getattr(error, "__notes__", [])])


def _places(error: BaseException) -> list[Place]:
    return [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]


def _last_own(places: Sequence[Place]) -> Place:
    """Return the innermost place outside of lrfinder, installed packages and the standard library; else the innermost."""
    own = [place for place in places if not any(part in os.path.realpath(place[0]) for part in _FOREIGN)]
    return (own or places)[-1]


def _in_words(place: Place) -> str:
    path, line = place
    here = f"{Path.cwd()}{os.sep}"
    return f"{path.removeprefix(here)}, line {line}"
