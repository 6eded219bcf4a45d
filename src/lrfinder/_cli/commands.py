"""The command line: the only place that prints."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from itertools import cycle, islice
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

import lrfinder
from lrfinder._cli import options
from lrfinder._cli.options import (
    PICTURES,
    SCHEDULES,
    Csv,
    Debug,
    Factory,
    Json,
    LrEnd,
    LrMultiplier,
    LrStart,
    MaxIterations,
    NumCpus,
    NumGpus,
    Picture,
    RayAddress,
    Resume,
    ScheduleName,
    Smoothing,
)
from lrfinder._factories import FileFactory
from lrfinder._results.codec import write_whole
from lrfinder.errors import LRFinderError, RankError, RatesError
from lrfinder.rates import geometric
from lrfinder.testing import LRS
from lrfinder.views.live import view_so_far
from lrfinder.views.progress import cells_progress, progress
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Generator

    from lrfinder._grid.result import Grid, Value
    from lrfinder._grid.run import Each
    from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
    from lrfinder.executors import Executor
    from lrfinder.learner import Learner
    from lrfinder.schedules import Schedule

app = typer.Typer(
    help="Find a learning rate, and leave no trace.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console()
err = Console(stderr=True)


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
        from lrfinder._cli.demo import digits_learner

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
        options.require_folders(json, csv, picture)
        journal = options.journal(json, resume=resume)
        if json is not None and journal is not None and resume and json.exists() and not journal.exists():
            message = f"{json} is there and complete: show it with `lrfinder plot {json}`."
            raise typer.BadParameter(message)
        with progress(err, "sweep and probes", max_iterations, view_so_far) as advance:
            suggestion = lrfinder.suggest(
                FileFactory.named(factory),
                horizon,
                max_iterations=max_iterations,
                schedule=SCHEDULES[schedule],
                executor=options.executor(ray_address, num_cpus, num_gpus),
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
        options.require_folders(output, csv, picture)
        leads = _rank() == 0
        if _is_of_many():
            _require_alone(resume or ray_address)
        if leads:
            options.require_no_other(output, resume=resume)
        asked = options.axes_of(axes or [], seeds)
        made = _grid(
            FileFactory.named(factory),
            asked,
            options.each(horizon, max_iterations, lrfinder.LRFinder.suggest if with_suggest else lrfinder.LRFinder.find),
            options.executor(ray_address, num_cpus, num_gpus),
            output if leads else None,
        )
        if leads:
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
        rates = options.rates(lrs)
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
        options.require_folders(csv, picture)
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
        options.require_folders(page)
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
    from lrfinder._cli.doctor import examine
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
    options.require_folders(*paths)
    with closing(FileFactory.named(factory)()) as learner:
        yield learner


def _grid(
    factory: FileFactory, axes: dict[str, list[Value]], each: Each, executor: Executor | None, output: Path | None
) -> Grid:
    with cells_progress(err if _rank() == 0 else Console(quiet=True), prod(map(len, axes.values()))) as advance:
        return lrfinder.grid(factory, axes, each=each, executor=executor, path=output, on_cell=advance)


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
    _require_alone(alone)
    with _made(factory, *paths) as learner:
        suggestion = _suggest(lrfinder.LRFinder(learner), horizon, max_iterations, SCHEDULES[schedule])
        _conclude(learner, suggestion, *paths)


def _require_alone(alone: object) -> None:
    if alone:
        message = "--resume and --ray-address are for a command in one process, not for one of several ranks."
        raise typer.BadParameter(message)


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
