"""The commands: one function each."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import cycle, islice
from math import prod
from pathlib import Path
from typing import Annotated

import typer

import lrfinder
from lrfinder._cli import options
from lrfinder._cli.destinations import destinations, json_of
from lrfinder._cli.options import ScheduleName
from lrfinder._cli.output import (
    EXIT_CODES,
    FAILED,
    INTERRUPTED,
    consoles,
    exit_without_rate,
    is_one_of_many,
    launched_rank,
    leads,
    print_written,
    reporting_errors,
    show,
)
from lrfinder._factories import FileFactory
from lrfinder._search.horizon import DEFAULT_HORIZON
from lrfinder._sweep import DEFAULTS, RangeTestSettings
from lrfinder.testing import LRS

CODES = "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
EPILOG = f"Exit codes: {CODES}."

app = typer.Typer(
    help="Find a learning rate, and leave no trace.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to load than all the rest of the help
    context_settings={"help_option_names": ["-h", "--help"]},
)
command = partial(app.command, epilog=EPILOG)


def main() -> None:
    """Run the command line; :data:`lrfinder._cli.output.EXIT_CODES` lists its exit codes."""
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def _version(requested: bool) -> None:
    if requested:
        consoles.out.print(f"lrfinder {lrfinder.__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Find a learning rate, and leave no trace."""


@command(short_help="Show a search and its check on handwritten digits.")
def demo(
    directory: options.Folder = Path("lrfinder-demo"),
    iterations: Annotated[int, typer.Option(min=1, help="Iterations of each training, and the horizon.")] = 300,
    debug: options.Debug = False,
) -> None:
    """Show a range test, a suggestion, and a check of it, with a small network on handwritten digits.

    Example:  lrfinder demo
    """
    with reporting_errors(debug=debug):
        from lrfinder._cli.demo import run_demo

        run_demo(directory, iterations)


@command(short_help="Run a range test: its curve, and a rate from it.")
def find(
    factory: options.Factory,
    lr_start: options.LrStart = DEFAULTS.lr_start,
    lr_multiplier: options.LrMultiplier = DEFAULTS.lr_multiplier,
    lr_end: options.LrEnd = DEFAULTS.lr_end,
    count: options.Count = None,
    smoothing: options.Smoothing = DEFAULTS.smoothing,
    max_iterations: options.MaxIterations = DEFAULTS.max_iterations,
    output: options.Output = None,
    json: options.Json = None,
    csv: options.Csv = None,
    picture: options.Picture = None,
    debug: options.Debug = False,
) -> None:
    """Run a range test of your learner: its curve, and the rate that the curve suggests.

    Example:  lrfinder find train.py:make_learner -o curve.png
    """
    with reporting_errors(debug=debug):
        from lrfinder.views.live import progress, view_so_far

        files = destinations(output, json, csv, picture)
        settings = RangeTestSettings(
            lr_start=lr_start,
            lr_multiplier=lr_multiplier,
            smoothing=smoothing,
            lr_end=lr_end,
            count=count,
            max_iterations=max_iterations,
        )
        with closing(FileFactory.named(factory)()) as learner:
            console = consoles.err if leads(learner) else consoles.silent
            with progress(console, "range test", len(settings.plan().lrs), view_so_far) as advance:
                result = lrfinder.LRFinder(learner).find(**vars(settings), on_record=advance)
            if leads(learner):
                show(result, files)
                exit_without_rate(result)


@command(short_help="Suggest the rate at which your training ends lowest.")
def suggest(
    factory: options.Factory,
    horizon: options.Horizon = None,
    epochs: options.Epochs = None,
    max_iterations: options.SearchIterations = 650,
    schedule: options.SearchSchedule = ScheduleName.CONSTANT,
    output: options.Output = None,
    json: options.Json = None,
    csv: options.Csv = None,
    picture: options.Picture = None,
    ray_address: options.RayAddress = None,
    num_cpus: options.NumCpus = 1,
    num_gpus: options.NumGpus = 0,
    resume: options.Resume = False,
    debug: options.Debug = False,
) -> None:
    """Suggest the rate at which your training ends lowest: a sweep, then probes at a few rates on the same batches.

    With -o FILE.json, an unfinished search is stored next to that file, so that --resume can continue it.

    Example:  lrfinder suggest train.py:make_learner --horizon 1000 -o curve.png
    """
    with reporting_errors(debug=debug):
        from lrfinder.views.live import progress, view_so_far

        _require_one_process(resume, ray_address)
        files = destinations(output, json, csv, picture)
        first = launched_rank() == 0
        console = consoles.err if first else consoles.silent
        with progress(console, "sweep and probes", max_iterations, view_so_far) as advance:
            suggestion = lrfinder.suggest(
                FileFactory.named(factory),
                DEFAULT_HORIZON if horizon is None else horizon,
                epochs=epochs,
                max_iterations=max_iterations,
                schedule=options.SCHEDULES[schedule],
                executor=options.executor(ray_address, num_cpus, num_gpus),
                path=None if is_one_of_many() else options.search_checkpoint(json_of(files), resume=resume),
                on_record=advance,
            )
        if first:
            show(suggestion, files)
            exit_without_rate(suggestion)


@command(short_help="Run a range test at each combination of settings.")
def grid(
    factory: options.Factory,
    axes: options.Axes = None,
    seeds: options.Seeds = None,
    with_suggest: options.WithSuggest = False,
    horizon: options.CellHorizon = None,
    max_iterations: options.CellIterations = None,
    output: options.Output = None,
    json: options.Json = None,
    csv: options.Csv = None,
    picture: options.Picture = None,
    ray_address: options.RayAddress = None,
    num_cpus: options.NumCpus = 1,
    num_gpus: options.NumGpus = 0,
    resume: options.Resume = False,
    debug: options.Debug = False,
) -> None:
    """Run a range test at every combination of settings that your factory takes as keyword arguments.

    If a cell fails, the other cells still run, and the command exits with 1.

    Example:  lrfinder grid train.py:make_learner --set momentum=0.8,0.9
    """
    with reporting_errors(debug=debug):
        from lrfinder.views.live import cells_progress

        _require_one_process(resume, ray_address)
        files = destinations(output, json, csv, picture)
        first = launched_rank() == 0
        grows = options.grid_file(json_of(files), resume=resume) if first else None
        values = options.grid_axes(axes or [], seeds)
        with cells_progress(consoles.err if first else consoles.silent, prod(map(len, values.values()))) as advance:
            cells = lrfinder.grid(
                FileFactory.named(factory),
                values,
                each=options.experiment(horizon, max_iterations, suggest=with_suggest),
                executor=options.executor(ray_address, num_cpus, num_gpus),
                path=grows,
                on_cell=advance,
            )
        if first:
            show(cells, [file for file in files if file.path != grows], grows)
            exit_without_rate(cells)


@command(short_help="Train at a few rates from one start.")
def compare(
    factory: options.Factory,
    lrs: options.Rates,
    iterations: options.CompareIterations = 300,
    output: options.Output = None,
    json: options.Json = None,
    csv: options.Csv = None,
    picture: options.Picture = None,
    debug: options.Debug = False,
) -> None:
    """Train at a few rates, each from the same start and on the same batches.

    Example:  lrfinder compare train.py:make_learner --lrs 0.005,0.05,0.5
    """
    with reporting_errors(debug=debug):
        from lrfinder.views.live import progress

        files = destinations(output, json, csv, picture)
        rates = options.rates(lrs)
        with closing(FileFactory.named(factory)()) as learner:
            console = consoles.err if leads(learner) else consoles.silent
            with progress(console, "comparison", len(rates) * iterations) as advance:
                comparison = lrfinder.LRFinder(learner).compare(rates, iterations, on_record=advance)
            if leads(learner):
                show(comparison, files)
                exit_without_rate(comparison)


@command(short_help="Check that your learner is restored completely.")
def check(
    factory: options.Factory, iterations: options.CheckIterations = options.CHECK_ITERATIONS, debug: options.Debug = False
) -> None:
    """Check that your learner is restored completely, and name what is not. Exits with 1 if anything is not restored.

    Example:  lrfinder check train.py:make_learner
    """
    with reporting_errors(debug=debug), closing(FileFactory.named(factory)()) as learner:
        found = lrfinder.check(learner, tuple(islice(cycle(LRS), iterations)))
        from lrfinder.views.diagnosis import check_view

        if leads(learner):
            consoles.out.print(check_view(found))
            if not found.ok:
                raise typer.Exit(FAILED)


@command()
def plot(
    result: options.ResultFile,
    output: options.Output = None,
    csv: options.Csv = None,
    picture: options.Picture = None,
    debug: options.Debug = False,
) -> None:
    """Show a saved result again, in the terminal and as a picture.

    Example:  lrfinder plot curve.json -o curve.png
    """
    with reporting_errors(debug=debug):
        show(lrfinder.load(result), destinations(output, None, csv, picture))


@command(short_help="Write results as a page to explore and send.")
def report(results: options.ResultFiles, page: options.Page, debug: options.Debug = False) -> None:
    """Write a page to explore, send and print: interactive figures, overlaid results, and code that uses the rate.

    Example:  lrfinder report adam.json sgd.json -o page.html
    """
    with reporting_errors(debug=debug):
        from lrfinder.views.report import write_report

        names = [path.stem for path in results]
        unique = names if len(set(names)) == len(names) else [str(path) for path in results]
        write_report({name: lrfinder.load(path) for name, path in zip(unique, results, strict=True)}, page)
        print_written(page)


@command(short_help="Show versions, frameworks and devices.")
def doctor(import_them: options.Import = False) -> None:
    """Show versions, frameworks, and how to install what is missing.

    With --import, show the devices of each framework, and exit with 1 if one is broken.

    Example:  lrfinder doctor --import
    """
    from lrfinder._cli.doctor import examine, imported
    from lrfinder.views.diagnosis import examination_view

    found = examine()
    if import_them:
        with consoles.err.status("importing the installed frameworks"):
            found = imported(found)
    consoles.out.print(examination_view(found))
    if not found.ok:
        raise typer.Exit(FAILED)


def _require_one_process(resume: bool, ray_address: str | None) -> None:
    if is_one_of_many() and (resume or ray_address):
        message = "--resume and --ray-address are for a command in one process, not for one of several ranks."
        raise typer.BadParameter(message)
