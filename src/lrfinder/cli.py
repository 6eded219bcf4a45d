"""The command line: the only place that prints."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager, suppress
from enum import StrEnum
from functools import partial
from itertools import cycle, islice
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

import lrfinder
from lrfinder.errors import LRFinderError, RankError, RatesError
from lrfinder.factories import FileFactory
from lrfinder.files import write_whole
from lrfinder.rates import geometric
from lrfinder.testing import LRS
from lrfinder.views.live import view_so_far
from lrfinder.views.plain import printable
from lrfinder.views.progress import cells_progress, progress

if TYPE_CHECKING:
    from collections.abc import Generator

    from lrfinder.cells import Grid, Value
    from lrfinder.executors import Executor
    from lrfinder.gridding import Each
    from lrfinder.learner import Learner
    from lrfinder.records import Comparison, RangeTest, Result, Suggestion
    from lrfinder.schedules import Schedule
    from lrfinder.views.matplotlib import Kind

app = typer.Typer(
    help="Find a learning rate, and leave no trace.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console()
err = Console(stderr=True)


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


def main() -> None:
    """Run the command line. Exit codes: 0; 1 a failure, told in one sentence; 2 a call that is not understood."""
    app()


def _version(asked: bool) -> None:  # noqa: FBT001  (typer calls it with the option's value)
    if asked:
        out.print(f"lrfinder {lrfinder.__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,  # noqa: FBT002
) -> None:
    """Find a learning rate, and leave no trace."""


@app.command()
def demo(
    directory: Annotated[Path, typer.Option("--out", help="Where picture and results go.")] = Path("lrfinder-demo"),
    iterations: Annotated[int, typer.Option(min=1, help="Iterations of each training, and so the horizon.")] = 300,
    debug: Debug = False,  # noqa: FBT002  (an option of the command line)
) -> None:
    """Range test, three-rate check and suggestion for a small network on handwritten digits: under a minute.

    Example:  lrfinder demo
    """
    with _told(debug):
        from lrfinder.demo import digits_learner

        with closing(digits_learner()) as learner:
            directory.mkdir(parents=True, exist_ok=True)
            finder = lrfinder.LRFinder(learner)
            out.print("A small convolutional network on 1,797 handwritten digits, SGD with momentum 0.9.\n")
            result = _find(finder)
            _show(result)
            _write(result, directory / "range-test.json", None, directory / "range-test.png")
            lr = result.suggestion.lr
            if lr is not None:
                out.print(f"\nThe check: {iterations} iterations each from the same start, on the same batches.\n")
                comparison = _compare(finder, [lr / 10, lr, lr * 10], iterations)
                _show(comparison)
                _write(comparison, directory / "check.json", None, directory / "check.png")
            out.print(f"\nThe suggestion: a sweep and probes, for a training of {iterations} iterations.\n")
            suggestion = _suggest(finder, iterations, 650)
            _show(suggestion)
            _write(suggestion, directory / "suggestion.json", None, directory / "suggestion.png")


@app.command()
def find(  # noqa: PLR0913, PLR0917  (the options of the command)
    factory: Factory,
    lr_start: LrStart = 1e-6,
    lr_multiplier: LrMultiplier = 1.1,
    lr_end: LrEnd = 10.0,
    smoothing: Smoothing = 0.3,
    max_iterations: MaxIterations = 1000,
    json: Json = None,
    csv: Csv = None,
    picture: Picture = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """The range test of a learner of yours: the curve, and the rate that it suggests.

    Example:  lrfinder find train.py:make_learner --png curve.png
    """
    with _told(debug), _made(factory, json, csv, picture) as learner:
        result = _find(
            lrfinder.LRFinder(learner),
            lr_start=lr_start,
            lr_multiplier=lr_multiplier,
            smoothing=smoothing,
            lr_end=lr_end,
            max_iterations=max_iterations,
        )
        _conclude(learner, result, json, csv, picture)


@app.command()
def suggest(  # noqa: PLR0913, PLR0917  (as above)
    factory: Factory,
    horizon: Annotated[int, typer.Option(help="Iterations of the training that the rate is for.")] = 300,
    max_iterations: Annotated[int, typer.Option(help="No more iterations than this, sweep and probes together.")] = 650,
    schedule: Annotated[ScheduleName, typer.Option(help="How the rate moves in that training.")] = ScheduleName.CONSTANT,
    json: Json = None,
    csv: Csv = None,
    picture: Picture = None,
    ray_address: RayAddress = None,
    num_cpus: NumCpus = 1,
    num_gpus: NumGpus = 0,
    resume: Resume = False,  # noqa: FBT002
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """The rate at which a training of yours ends lowest: a sweep, then probes at a few rates on the same batches.

    With --json, what is found is kept beside that file until the search ends, for --resume.

    Example:  lrfinder suggest train.py:make_learner --horizon 1000 --png suggestion.png
    """
    with _told(debug):
        if _is_of_many():
            _suggest_on_all(factory, horizon, max_iterations, schedule, (json, csv, picture), alone=resume or ray_address)
            return
        _require_folders(json, csv, picture)
        journal = _journal(json, resume=resume)
        if json is not None and journal is not None and resume and json.exists() and not journal.exists():
            message = f"{json} is there and complete: show it with `lrfinder plot {json}`."
            raise typer.BadParameter(message)
        with progress(err, "sweep and probes", max_iterations, view_so_far) as advance:
            suggestion = lrfinder.suggest(
                FileFactory.named(factory),
                horizon,
                max_iterations=max_iterations,
                schedule=SCHEDULES[schedule],
                executor=_executor(ray_address, num_cpus, num_gpus),
                path=journal,
                on_record=advance,
            )
        _show(suggestion)
        _write(suggestion, json, csv, picture)


@app.command()
def grid(  # noqa: PLR0913, PLR0917  (as above)
    factory: Factory,
    axes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=V1,V2,…", help="An axis: a keyword of the factory, and its values. Repeatable."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Call the factory with so many seeds: seed=0, 1, …")] = None,
    with_suggest: Annotated[bool, typer.Option("--suggest", help="A whole suggest in each cell, not a range test.")] = False,  # noqa: FBT002
    horizon: Annotated[
        int | None, typer.Option(help="With --suggest: iterations of the training, 300 if not given.")
    ] = None,
    max_iterations: Annotated[int | None, typer.Option(help="No more iterations in a cell than this.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write each cell here as it finishes.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write a line for each cell here.")] = None,
    picture: Picture = None,
    ray_address: RayAddress = None,
    num_cpus: NumCpus = 1,
    num_gpus: NumGpus = 0,
    resume: Resume = False,  # noqa: FBT002
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """A range test at every combination of some settings, which your factory takes as keyword arguments.

    Exits with 1 where a cell failed; the others are made all the same.

    Example:  lrfinder grid train.py:make_learner --set weight_decay=0,1e-4 --set momentum=0.8,0.9 --seeds 3 -o grid.json
    """
    with _told(debug):
        _require_folders(output, csv, picture)
        _require_no_other(output, resume=resume)
        asked = dict(map(_axis, axes or []))
        if seeds is not None:
            asked["seed"] = list(range(seeds))
        made = _grid(
            FileFactory.named(factory),
            asked,
            _each(horizon, max_iterations, lrfinder.LRFinder.suggest if with_suggest else lrfinder.LRFinder.find),
            _executor(ray_address, num_cpus, num_gpus),
            output,
        )
        _show(made)
        _write(made, None, csv, picture)
        if output is not None:
            _say_written(output)
        if len(made.pending):
            raise typer.Exit(1)


@app.command()
def compare(  # noqa: PLR0913, PLR0917  (as above)
    factory: Factory,
    lrs: Annotated[str, typer.Option(help="The rates, with commas between.")],
    iterations: Annotated[int, typer.Option(help="Iterations at each rate.")] = 300,
    json: Json = None,
    csv: Csv = None,
    picture: Picture = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Train at a few rates from the same start on the same batches.

    Example:  lrfinder compare train.py:make_learner --lrs 0.005,0.05,0.5 --iterations 300
    """
    with _told(debug):
        rates = _rates(lrs)
        with _made(factory, json, csv, picture) as learner:
            comparison = _compare(lrfinder.LRFinder(learner), rates, iterations)
            _conclude(learner, comparison, json, csv, picture)


@app.command()
def check(
    factory: Factory,
    iterations: Annotated[int, typer.Option(min=2, help="Iterations of each of the trainings, about 20.")] = len(LRS),
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Whether a learner of yours comes back whole, and what of it does not. Exits with 1 if anything does not.

    Example:  lrfinder check train.py:make_learner
    """
    with _told(debug), _made(factory) as learner:
        found = lrfinder.check(learner, tuple(islice(cycle(LRS), iterations)))
        from lrfinder.views.check import check_view

        if _leads(learner):
            out.print(check_view(found))
        if not found.ok:
            raise typer.Exit(1)


@app.command()
def plot(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT.json", exists=True, dir_okay=False, help="What --json or to_json() wrote.")
    ],
    picture: Picture = None,
    csv: Csv = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Show a result again, in the terminal and as a picture.

    Example:  lrfinder plot curve.json --png curve.png
    """
    with _told(debug):
        _require_folders(csv, picture)
        loaded = lrfinder.load(result)
        _show(loaded)
        _write(loaded, None, csv, picture)


@app.command()
def report(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULT.json...", exists=True, dir_okay=False, help="What --json or to_json() wrote."),
    ],
    page: Annotated[Path, typer.Option("--output", "-o", help="Write the page here.")],
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """A page to look at, to send and to print: figures to move in, several results over one another, code for the rate.

    Example:  lrfinder report adam.json sgd.json -o page.html
    """
    with _told(debug):
        _require_folders(page)
        from lrfinder.views.report import write_report

        names = [path.stem for path in results]
        unique = names if len(set(names)) == len(names) else [str(path) for path in results]
        write_report({name: lrfinder.load(path) for name, path in zip(unique, results, strict=True)}, page)
        _say_written(page)


@app.command()
def doctor() -> None:
    """What of lrfinder works here: versions, frameworks, devices, and how to get what is missing. Exits with 1 if one fails.

    Example:  lrfinder doctor
    """
    from lrfinder.doctor import examine
    from lrfinder.views.doctor import examination_view

    with err.status("looking at the frameworks that are installed"):
        found = examine()
    out.print(examination_view(found))
    if not found.ok:
        raise typer.Exit(1)


@contextmanager
def _told(debug: bool) -> Generator[None]:  # noqa: FBT001  (the option's value)
    """Tell a failure in one sentence and exit with 1, or with 2 where an option's value is out of range."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except KeyboardInterrupt:
        err.print("Interrupted.")
        raise typer.Exit(1) from None
    except Exception as error:
        if debug:
            raise
        said = str(error) if isinstance(error, LRFinderError) else f"{type(error).__name__}: {error}"
        notes: list[str] = [] if isinstance(error, LRFinderError) else getattr(error, "__notes__", [])
        told = printable(" ".join([*_of_rank(), said, *notes]))
        if isinstance(error, RankError) and _rank() and error.rank != 0:  # the first process tells it, if it is there
            raise typer.Exit(1) from None
        err.print(told, style="bold red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2 if isinstance(error, RatesError) else 1) from None


def _rank() -> int:
    """The number that a launcher, torchrun say, has given this process."""
    return int(os.environ.get("RANK", "0"))


def _is_of_many() -> bool:
    """Whether a launcher has started several processes."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def _of_rank() -> list[str]:
    return [f"Rank {_rank()}:"] if _is_of_many() else []


@contextmanager
def _made(factory: str, *paths: Path | None) -> Generator[Learner[Any]]:
    """The factory's learner, closed at the end. What could not be written later is told before it is made."""
    _require_folders(*paths)
    with closing(FileFactory.named(factory)()) as learner:
        yield learner


def _require_folders(*paths: Path | None) -> None:
    for path in paths:
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            message = f"{path} cannot be written: its folder must exist, and it must be no folder itself."
            raise typer.BadParameter(message)


def _grid(
    factory: FileFactory, axes: dict[str, list[Value]], each: Each, executor: Executor | None, output: Path | None
) -> Grid:
    with cells_progress(err, prod(map(len, axes.values()))) as advance:
        return lrfinder.grid(factory, axes, each=each, executor=executor, path=output, on_cell=advance)


def _each(horizon: int | None, max_iterations: int | None, experiment: Each) -> Each:
    asked = {"horizon": horizon, "max_iterations": max_iterations}
    settings = {name: value for name, value in asked.items() if value is not None}
    if "horizon" in settings and experiment is lrfinder.LRFinder.find:
        message = "--horizon is for --suggest: a range test has none."
        raise typer.BadParameter(message)
    return partial(experiment, **settings) if settings else experiment


def _executor(ray_address: str | None, num_cpus: float, num_gpus: float) -> Executor | None:
    if ray_address is None:
        return None
    return lrfinder.grid.Ray(address=None if ray_address == "local" else ray_address, num_cpus=num_cpus, num_gpus=num_gpus)


def _journal(json: Path | None, *, resume: bool) -> Path | None:
    """Where a search is kept until it ends: beside its result."""
    if json is None:
        if resume:
            message = "--resume needs --json: what was found is kept beside that file."
            raise typer.BadParameter(message)
        return None
    journal = json.with_name(f"{json.name}.part")
    if journal.exists() and not resume:
        message = f"{journal} is what a search found that was interrupted: go on with it by --resume, or remove it."
        raise typer.BadParameter(message)
    return journal


def _require_no_other(output: Path | None, *, resume: bool) -> None:
    if resume and output is None:
        message = "--resume needs -o: the file whose cells are there already."
        raise typer.BadParameter(message)
    if output is not None and output.exists() and not resume:
        message = f"{output} is there already: go on with it by --resume, or give another file."
        raise typer.BadParameter(message)


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


def _rates(lrs: str) -> list[float]:
    try:
        return [float(lr) for lr in lrs.split(",")]
    except ValueError:
        message = f"--lrs is {lrs!r}; give numbers with commas between: 0.005,0.05,0.5."
        raise typer.BadParameter(message) from None


def _find(  # noqa: PLR0913  (those of find)
    finder: lrfinder.LRFinder,
    *,
    lr_start: float = 1e-6,
    lr_multiplier: float = 1.1,
    smoothing: float = 0.3,
    lr_end: float = 10.0,
    max_iterations: int = 1000,
) -> RangeTest:
    most = sum(1 for _ in zip(geometric(lr_start, lr_multiplier, lr_end), range(max_iterations), strict=False))
    with progress(_progress_on(finder.learner), "range test", most, view_so_far) as advance:
        return finder.find(
            lr_start, lr_multiplier, smoothing, lr_end=lr_end, max_iterations=max_iterations, on_record=advance
        )


def _suggest(
    finder: lrfinder.LRFinder, horizon: int, max_iterations: int, schedule: Schedule = lrfinder.constant
) -> Suggestion:
    with progress(_progress_on(finder.learner), "sweep and probes", max_iterations, view_so_far) as advance:
        return finder.suggest(horizon, max_iterations=max_iterations, schedule=schedule, on_record=advance)


def _suggest_on_all(  # noqa: PLR0913  (the options of the command)
    factory: str,
    horizon: int,
    max_iterations: int,
    schedule: ScheduleName,
    paths: tuple[Path | None, Path | None, Path | None],
    *,
    alone: object,
) -> None:
    """The search that the processes of one training make together."""
    if alone:
        message = "--resume and --ray-address are for a search in one process, not for one of several ranks."
        raise typer.BadParameter(message)
    with _made(factory, *paths) as learner:
        suggestion = _suggest(lrfinder.LRFinder(learner), horizon, max_iterations, SCHEDULES[schedule])
        _conclude(learner, suggestion, *paths)


def _compare(finder: lrfinder.LRFinder, lrs: list[float], iterations: int) -> Comparison:
    with progress(_progress_on(finder.learner), "comparison", len(lrs) * iterations) as advance:
        return finder.compare(lrs, iterations, on_record=advance)


def _leads(learner: Learner[Any]) -> bool:
    """Whether this process tells: of several that train together the first does."""
    return getattr(learner, "rank", 0) == 0


def _progress_on(learner: Learner[Any]) -> Console:
    return err if _leads(learner) else Console(quiet=True)


def _conclude(learner: Learner[Any], result: Result, json: Path | None, csv: Path | None, picture: Path | None) -> None:
    if _leads(learner):
        _show(result)
        _write(result, json, csv, picture)


def _show(result: Result) -> None:
    from lrfinder.views.terminal import terminal_view
    from lrfinder.views.verdict import other_rules_in_words, verdict

    out.print(terminal_view(result))
    out.print()
    out.print(verdict(result), highlight=False, markup=False)
    if isinstance(result, lrfinder.RangeTest) and len(result):
        out.print()
        out.print(other_rules_in_words(result), highlight=False, markup=False)


def _write(result: Result, json: Path | None, csv: Path | None, picture: Path | None) -> None:
    if json is not None:
        result.to_json(json)
    if csv is not None:
        result.to_csv(csv)
    if picture is not None:
        from lrfinder.views import matplotlib

        write_whole(matplotlib.picture(result, PICTURES[picture.suffix.lower()]), picture)
    for path in filter(None, (json, csv, picture)):
        _say_written(path)


def _say_written(path: Path) -> None:
    out.print(printable(f"written: {path}"), highlight=False, markup=False, soft_wrap=True)
