"""The command line: the only place that prints."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import closing, contextmanager
from enum import StrEnum
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

import lrfinder
from lrfinder.errors import FactoryError, LRFinderError, RatesError
from lrfinder.files import write_whole
from lrfinder.rates import geometric
from lrfinder.testing import LRS
from lrfinder.views.live import view_so_far
from lrfinder.views.plain import printable
from lrfinder.views.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

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
    """Range test, three-rate check and suggestion for a small network on handwritten digits: under a minute, nothing needed.

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
        _show(result)
        _write(result, json, csv, picture)


@app.command()
def suggest(  # noqa: PLR0913, PLR0917  (as above)
    factory: Factory,
    horizon: Annotated[int, typer.Option(help="Iterations of the training that the rate is for.")] = 300,
    max_iterations: Annotated[int, typer.Option(help="No more iterations than this, sweep and probes together.")] = 650,
    schedule: Annotated[ScheduleName, typer.Option(help="How the rate moves in that training.")] = ScheduleName.CONSTANT,
    json: Json = None,
    csv: Csv = None,
    picture: Picture = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """The rate at which a training of yours ends lowest: a sweep, then probes at a few rates on the same batches.

    Example:  lrfinder suggest train.py:make_learner --horizon 1000 --png suggestion.png
    """
    with _told(debug), _made(factory, json, csv, picture) as learner:
        suggestion = _suggest(lrfinder.LRFinder(learner), horizon, max_iterations, SCHEDULES[schedule])
        _show(suggestion)
        _write(suggestion, json, csv, picture)


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
            _show(comparison)
            _write(comparison, json, csv, picture)


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
        told = printable(" ".join([said, *notes]))
        err.print(told, style="bold red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2 if isinstance(error, RatesError) else 1) from None


@contextmanager
def _made(factory: str, *paths: Path | None) -> Generator[Learner[Any]]:
    """The factory's learner, closed at the end. What could not be written later is told before it is made."""
    _require_folders(*paths)
    with closing(_learner(factory)) as learner:
        yield learner


def _require_folders(*paths: Path | None) -> None:
    for path in paths:
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            message = f"{path} cannot be written: its folder must exist, and it must be no folder itself."
            raise typer.BadParameter(message)


def _learner(factory: str) -> Learner[Any]:
    """Run ``FILE.py``, as python would, and call ``FACTORY`` of it.

    Raises:
        FactoryError: there is no such file or function, one of them raises, or what comes back is no learner.
    """
    path, colon, name = factory.rpartition(":")
    file = Path(path)
    if not colon or not file.is_file():
        message = (
            f"{factory} names no factory: {path or factory} is no file; give FILE.py:FACTORY, as in train.py:make_learner."
        )
        raise FactoryError(message)
    module_name = file.stem if file.stem not in sys.modules else f"_{file.stem}"
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        message = f"{file} is no Python file; give FILE.py:FACTORY."
        raise FactoryError(message)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.resolve().parent))  # what the file imports lies beside it
    sys.modules[module_name] = module  # worker processes look its classes up there
    try:
        spec.loader.exec_module(module)
        make: Callable[[], Any] | None = getattr(module, name, None)
        made = make() if callable(make) else None
    except (Exception, SystemExit) as error:
        message = f"{factory} raised {type(error).__name__}: {error}"
        raise FactoryError(message) from error
    if not callable(make):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        message = f"{file} has no function {name!r}; it has {', '.join(names[:8]) or 'none'}."
        raise FactoryError(message)
    lacking = [verb for verb in ("iteration", "snapshot", "restore", "close") if not callable(getattr(made, verb, None))]
    if lacking:
        message = f"{factory} returned a {type(made).__name__}, which is no learner: it lacks {', '.join(lacking)}()."
        raise FactoryError(message)
    return made  # type: ignore[return-value]  # pyright: ignore[reportReturnType]  (checked by its verbs, just above)


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
    with progress(err, "range test", most, view_so_far) as advance:
        return finder.find(
            lr_start, lr_multiplier, smoothing, lr_end=lr_end, max_iterations=max_iterations, on_record=advance
        )


def _suggest(
    finder: lrfinder.LRFinder, horizon: int, max_iterations: int, schedule: Schedule = lrfinder.constant
) -> Suggestion:
    with progress(err, "sweep and probes", max_iterations, view_so_far) as advance:
        return finder.suggest(horizon, max_iterations=max_iterations, schedule=schedule, on_record=advance)


def _compare(finder: lrfinder.LRFinder, lrs: list[float], iterations: int) -> Comparison:
    with progress(err, "comparison", len(lrs) * iterations) as advance:
        return finder.compare(lrs, iterations, on_record=advance)


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
