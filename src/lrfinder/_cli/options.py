"""The options of the commands: their help, their checks, and the objects that their texts stand for."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import lrfinder
from lrfinder._cli.destinations import as_page, as_picture, as_result, checked
from lrfinder._results.atomic_file import is_special
from lrfinder._search.horizon import DEFAULT_HORIZON
from lrfinder.executors import Ray
from lrfinder.testing import LRS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lrfinder._grid.result import SettingValue
    from lrfinder._grid.run import Each
    from lrfinder.executors import Executor
    from lrfinder.schedules import Schedule

CHECK_ITERATIONS = len(LRS)


class ScheduleName(StrEnum):
    """Names of the schedules for which ``suggest`` can search."""

    CONSTANT = "constant"
    ONE_CYCLE = "one-cycle"
    COSINE = "cosine"
    LINEAR_DECAY = "linear-decay"
    WARMUP_COSINE = "warmup-cosine"
    WARMUP_LINEAR = "warmup-linear"


SCHEDULES: dict[ScheduleName, Schedule] = {
    ScheduleName.CONSTANT: lrfinder.constant,
    ScheduleName.ONE_CYCLE: lrfinder.one_cycle,
    ScheduleName.COSINE: lrfinder.cosine,
    ScheduleName.LINEAR_DECAY: lrfinder.linear_decay,
    ScheduleName.WARMUP_COSINE: lrfinder.warmup_cosine(),
    ScheduleName.WARMUP_LINEAR: lrfinder.warmup_linear(),
}

Factory = Annotated[
    str, typer.Argument(metavar="FILE.py:FACTORY", help="Python file, and its function that returns a learner.")
]
LrStart = Annotated[float, typer.Option(help="First learning rate.")]
LrMultiplier = Annotated[float, typer.Option(help="Factor from each rate to the next.")]
LrEnd = Annotated[float, typer.Option(help="Highest rate allowed.")]
Count = Annotated[int | None, typer.Option(help="Number of rates, in place of --lr-multiplier; both ends are exact.")]
Smoothing = Annotated[float, typer.Option(help="Weight of past losses in the running mean that stops the sweep.")]
MaxIterations = Annotated[int, typer.Option(help="Maximum number of iterations.")]
SearchIterations = Annotated[int, typer.Option(help="Maximum number of iterations, sweep and probes together.")]
Horizon = Annotated[
    int | None,
    typer.Option(show_default=str(int(DEFAULT_HORIZON)), help="Iterations of the training for which the rate is suggested."),
]
Epochs = Annotated[float | None, typer.Option(help="The same length in passes over the data, in place of --horizon.")]
SearchSchedule = Annotated[
    ScheduleName, typer.Option(help="How the rate changes during that training; a warm-up takes its first tenth.")
]
Rates = Annotated[str, typer.Option(help="Rates, separated by commas.")]
CompareIterations = Annotated[int, typer.Option(help="Iterations at each rate.")]
CheckIterations = Annotated[int, typer.Option(min=2, help="Iterations of each training.")]
Axes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=V1,V2,…", help="An axis: a keyword of the factory and its values. Repeatable."),
]
Seeds = Annotated[int | None, typer.Option(min=1, help="Number of seeds: the factory is called with seed=0, 1, …")]
WithSuggest = Annotated[bool, typer.Option("--suggest", help="Run a whole suggest in each cell instead of a range test.")]
CellHorizon = Annotated[int | None, typer.Option(help="With --suggest: iterations of the training; default 300.")]
CellIterations = Annotated[int | None, typer.Option(help="Maximum number of iterations in a cell.")]
_saved = typer.Argument(metavar="RESULT.json", exists=True, dir_okay=False, help="Written by --json or to_json().")
ResultFile = Annotated[Path, _saved]
ResultFiles = Annotated[list[Path], _saved]
Page = Annotated[Path, typer.Option("-o", "--output", callback=as_page, help="Write the page to this file.")]
Output = Annotated[
    list[Path] | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        callback=as_result,
        help="Write the result to this file: .json, .csv, .png, .pdf, .svg or .html. Repeatable. A pipe or - gets JSON.",
    ),
]
Folder = Annotated[Path, typer.Option("-o", "--output", "--out", help="Folder for pictures and results.")]
Json = Annotated[Path | None, typer.Option(callback=checked, help="As -o, but JSON whatever the name.")]
Csv = Annotated[Path | None, typer.Option(callback=checked, help="As -o, but CSV whatever the name.")]
Picture = Annotated[
    Path | None,
    typer.Option("--picture", "--png", callback=as_picture, help="As -o, but for pictures alone."),
]
RayAddress = Annotated[
    str | None, typer.Option(help="Run on Ray: HOST:PORT of a cluster, auto for that of this machine, local to start one.")
]
NumCpus = Annotated[float, typer.Option(help="With Ray: processors reserved for each cell or worker.")]
NumGpus = Annotated[float, typer.Option(help="With Ray: accelerators reserved for each cell or worker; fractions allowed.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue where the same command was interrupted.")]
Import = Annotated[bool, typer.Option("--import", help="Import each framework, which takes seconds, and list its devices.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")]


def experiment(horizon: int | None, max_iterations: int | None, *, suggest: bool) -> Each:
    """Return the experiment that runs in each cell of a grid, with the settings that were given."""
    given = {"horizon": horizon, "max_iterations": max_iterations}
    settings = {name: value for name, value in given.items() if value is not None}
    if horizon is not None and not suggest:
        message = "--horizon is for --suggest: a range test has none."
        raise typer.BadParameter(message)
    run = lrfinder.LRFinder.suggest if suggest else lrfinder.LRFinder.find
    return partial(run, **settings) if settings else run


def executor(ray_address: str | None, num_cpus: float, num_gpus: float) -> Executor | None:
    """Return the executor of cells or probes, or None for this process."""
    if ray_address is None:
        return None
    return Ray(address=None if ray_address == "local" else ray_address, num_cpus=num_cpus, num_gpus=num_gpus)


def search_checkpoint(json: Path | None, *, resume: bool) -> Path | None:
    """Return the file in which an unfinished search is stored, next to that of its result; None where that is a pipe."""
    if json is None or is_special(json):
        if resume:
            message = "--resume needs -o FILE.json: an unfinished search is stored next to that file."
            raise typer.BadParameter(message)
        return None
    path = json.with_name(f"{json.name}.part")
    if path.exists() and not resume:
        message = f"{path} holds an interrupted search: continue it with --resume, or remove the file."
        raise typer.BadParameter(message)
    if resume and json.exists() and not path.exists():
        message = f"{json} exists and is complete: show it with `lrfinder plot {json}`."
        raise typer.BadParameter(message)
    return path


def grid_file(json: Path | None, *, resume: bool) -> Path | None:
    """Return the file that grows with each cell of a grid, which is new or to be continued; None where that is a pipe."""
    if json is None or is_special(json):
        if resume:
            message = "--resume needs -o FILE.json: the file with the finished cells."
            raise typer.BadParameter(message)
        return None
    if json.exists() and not resume:
        message = f"{json} exists already: continue it with --resume, or give another file."
        raise typer.BadParameter(message)
    return json


def grid_axes(texts: Sequence[str], seeds: int | None) -> dict[str, list[SettingValue]]:
    """Return the values of each keyword of the factory, from texts such as ``"momentum=0.8,0.9"`` and a number of seeds."""
    axes = list(map(_axis, texts))
    if seeds is not None:
        axes.append(("seed", list(range(seeds))))
    names = [name for name, _ in axes]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        message = f"{twice[0]} is set twice; give each axis once, with all of its values (--seeds 3 is --set seed=0,1,2)."
        raise typer.BadParameter(message)
    return dict(axes)


def _axis(text: str) -> tuple[str, list[SettingValue]]:
    name, equals, values = text.partition("=")
    if not (name.isidentifier() and equals and values):
        message = f"--set is {text!r}; give a name and its values, as in weight_decay=0,1e-4,1e-3."
        raise typer.BadParameter(message)
    return name, [_value(value.strip()) for value in values.split(",")]


def _value(text: str) -> SettingValue:
    """Return the number, ``true``, ``false`` or ``none`` (in any case) that the text stands for, or the text itself."""
    words: dict[str, SettingValue] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def rates(lrs: str) -> list[float]:
    """Return the numbers of a text such as ``"0.005,0.05"``."""
    try:
        return [float(lr) for lr in lrs.split(",")]
    except ValueError:
        message = f"--lrs is {lrs!r}; give numbers separated by commas: 0.005,0.05,0.5."
        raise typer.BadParameter(message) from None
