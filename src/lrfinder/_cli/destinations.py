"""The files that a command writes: each is checked before the first iteration, and written after the last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lrfinder._results.atomic_file import is_special, obstacle, open_descriptor, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lrfinder._results.results import Result
    from lrfinder.views.matplotlib import Kind

PICTURES: dict[str, Kind] = {".png": "png", ".pdf": "pdf", ".svg": "svg"}
JSON_ENDINGS = ("", ".json", ".jsonl")
ENDINGS = (*JSON_ENDINGS, ".csv", *PICTURES, ".html")
STANDARD_OUTPUT = Path("/dev/stdout")


@dataclass(frozen=True)
class Destination:
    """A file, a pipe or standard output, and the ending that tells what is written to it."""

    path: Path
    ending: str

    @property
    def is_standard_output(self) -> bool:
        """True where it is the stream that a command otherwise prints to."""
        return open_descriptor(self.path) == 1

    def write(self, result: Result) -> None:
        """Write the result; a file is replaced as a whole, a pipe is opened now."""
        if self.ending in PICTURES:
            from lrfinder.views import matplotlib

            write_atomically(matplotlib.picture(result, PICTURES[self.ending]), self.path)
        elif self.ending == ".csv":
            result.to_csv(self.path)
        elif self.ending == ".html":
            result.report(self.path)
        else:
            result.to_json(self.path)


def destinations(
    outputs: Iterable[Path] | None, json: Path | None, csv: Path | None, picture: Path | None
) -> list[Destination]:
    """Return all that the options of a command name; refuse one that is named twice."""
    found = [Destination(path, _ending(path)) for path in outputs or ()]
    found += [Destination(path, ending) for path, ending in ((json, ".json"), (csv, ".csv")) if path is not None]
    if picture is not None:
        found.append(Destination(picture, picture.suffix.lower() or ".png"))
    places: set[Path] = set()
    for one in found:
        before = len(places)
        places.add(one.path.resolve())
        if len(places) == before and (open_descriptor(one.path) is not None or not is_special(one.path)):
            message = f"{one.path} is named twice, and would be overwritten; give each output its own file."
            raise typer.BadParameter(message)
    return found


def json_of(files: Iterable[Destination]) -> Path | None:
    """Return the first destination of the result as JSON, which an interrupted command can be continued from."""
    return next((one.path for one in files if one.ending in JSON_ENDINGS), None)


def checked(path: Path | None) -> Path | None:
    """Return a path that can be written; raise typer's error otherwise. ``-`` is standard output."""
    if path is None:
        return None
    path = STANDARD_OUTPUT if str(path) == "-" else path
    if reason := obstacle(path):
        message = f"{path} cannot be written: {reason}."
        raise typer.BadParameter(message)
    return path


def as_result(paths: list[Path] | None) -> list[Path]:
    """Return the paths of ``-o``: those that can be written, with an ending that is known."""
    found = [path for path in map(checked, paths or ()) if path is not None]
    for path in found:
        if _ending(path) not in ENDINGS:
            known = ", ".join(filter(None, ENDINGS))
            message = f"{path} ends with {path.suffix}; the ending tells what to write: {known}."
            raise typer.BadParameter(message)
    return found


def as_picture(path: Path | None) -> Path | None:
    """Return the path of a picture, which can be written."""
    if path is not None and path.suffix.lower() not in (*PICTURES, ""):
        message = f"{path} ends with {path.suffix}; a picture ends with .png, .pdf or .svg."
        raise typer.BadParameter(message)
    return checked(path)


def as_page(path: Path) -> Path:
    """Return the path of a page, which can be written, whatever its name."""
    return checked(path) or path


def _ending(path: Path) -> str:
    return "" if is_special(path) else path.suffix.lower()
