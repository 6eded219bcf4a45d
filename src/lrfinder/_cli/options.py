"""The options of the command line: what is typed for them, and what it means."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lrfinder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lrfinder._grid.result import Value
    from lrfinder._grid.run import Each
    from lrfinder.executors import Executor
    from lrfinder.schedules import Schedule
    from lrfinder.views.matplotlib import Kind

PICTURES: dict[str, Kind] = {".png": "png", ".pdf": "pdf", ".svg": "svg", "": "png"}


def _picture(path: Path | None) -> Path | None:
    """The path, which says by its ending what picture it is."""
    if path is not None and path.suffix.lower() not in PICTURES:
        message = f"{path} ends with {path.suffix}; a picture ends with .png, .pdf or .svg."
        raise typer.BadParameter(message)
    return path


class ScheduleName(StrEnum):
    """The words for the schedules that a rate can be suggested for."""

    CONSTANT = "constant"
    ONE_CYCLE = "one-cycle"


SCHEDULES: dict[ScheduleName, Schedule] = {
    ScheduleName.CONSTANT: lrfinder.constant,
    ScheduleName.ONE_CYCLE: lrfinder.one_cycle,
}

Factory = Annotated[
    str, typer.Argument(metavar="FILE.py:FACTORY", help="A Python file, and the function in it that returns a learner.")
]
LrStart = Annotated[float, typer.Option(help="The first rate.")]
LrMultiplier = Annotated[float, typer.Option(help="Each rate is this many times the one before.")]
LrEnd = Annotated[float, typer.Option(help="No rate goes above this.")]
Smoothing = Annotated[float, typer.Option(help="Weight of the past in the running mean that stops the sweep.")]
MaxIterations = Annotated[int, typer.Option(help="No more iterations than this.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the result here, for `lrfinder plot` and lrfinder.load().")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write iteration, lr, loss here.")]
RayAddress = Annotated[
    str | None,
    typer.Option(help="Work on Ray: HOST:PORT of a cluster, auto for this machine's, local to start one here."),
]
NumCpus = Annotated[float, typer.Option(help="With Ray: processors reserved for each cell or worker.")]
NumGpus = Annotated[float, typer.Option(help="With Ray: accelerators reserved for each, fractions too.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the same command was interrupted.")]
Picture = Annotated[
    Path | None,
    typer.Option("--picture", "--png", callback=_picture, help="Write the picture here; it ends with .png, .pdf or .svg."),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")]


def require_folders(*paths: Path | None) -> None:
    """What could not be written later is told before anything is made."""
    for path in paths:
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            message = f"{path} cannot be written: its folder must exist, and it must be no folder itself."
            raise typer.BadParameter(message)


def each(horizon: int | None, max_iterations: int | None, experiment: Each) -> Each:
    """What is made in each cell of a grid, with the settings that were given."""
    asked = {"horizon": horizon, "max_iterations": max_iterations}
    settings = {name: value for name, value in asked.items() if value is not None}
    if "horizon" in settings and experiment is lrfinder.LRFinder.find:
        message = "--horizon is for --suggest: a range test has none."
        raise typer.BadParameter(message)
    return partial(experiment, **settings) if settings else experiment


def executor(ray_address: str | None, num_cpus: float, num_gpus: float) -> Executor | None:
    """Where cells or probes are made; None is here."""
    if ray_address is None:
        return None
    return lrfinder.grid.Ray(address=None if ray_address == "local" else ray_address, num_cpus=num_cpus, num_gpus=num_gpus)


def journal(json: Path | None, *, resume: bool) -> Path | None:
    """Where a search is kept until it ends: beside its result."""
    if json is None:
        if resume:
            message = "--resume needs --json: what was found is kept beside that file."
            raise typer.BadParameter(message)
        return None
    path = json.with_name(f"{json.name}.part")
    if path.exists() and not resume:
        message = f"{path} is what a search found that was interrupted: go on with it by --resume, or remove it."
        raise typer.BadParameter(message)
    return path


def require_no_other(output: Path | None, *, resume: bool) -> None:
    """A grid's file that is there is gone on from, where that is asked for, and never written over."""
    if resume and output is None:
        message = "--resume needs -o: the file whose cells are there already."
        raise typer.BadParameter(message)
    if output is not None and output.exists() and not resume:
        message = f"{output} is there already: go on with it by --resume, or give another file."
        raise typer.BadParameter(message)


def axes_of(texts: Sequence[str], seeds: int | None) -> dict[str, list[Value]]:
    """Keywords of the factory and their values: ``"momentum=0.8,0.9"``; and as many of ``seed``, if it is asked for."""
    axes = list(map(_axis, texts))
    if seeds is not None:
        axes.append(("seed", list(range(seeds))))
    names = [name for name, _ in axes]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        message = f"{twice[0]} is set twice; give each axis once, with all of its values (--seeds 3 is --set seed=0,1,2)."
        raise typer.BadParameter(message)
    return dict(axes)


def _axis(text: str) -> tuple[str, list[Value]]:
    name, equals, values = text.partition("=")
    if not (name.isidentifier() and equals and values):
        message = f"--set is {text!r}; give a name and its values, as in weight_decay=0,1e-4,1e-3."
        raise typer.BadParameter(message)
    return name, [_value(value.strip()) for value in values.split(",")]


def _value(text: str) -> Value:
    """A number where it is one; ``true``, ``false`` and ``none``, whatever their case; or the text itself."""
    words: dict[str, Value] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def rates(lrs: str) -> list[float]:
    """Numbers with commas between."""
    try:
        return [float(lr) for lr in lrs.split(",")]
    except ValueError:
        message = f"--lrs is {lrs!r}; give numbers with commas between: 0.005,0.05,0.5."
        raise typer.BadParameter(message) from None
