"""The output of the commands, which nothing else prints: results, files, progress and failures."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

import lrfinder
from lrfinder._cli.options import PICTURE_KINDS
from lrfinder._results.atomic_file import write_atomically
from lrfinder.errors import LRFinderError, RankError, RatesError
from lrfinder.learner import adapted
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from lrfinder._results.results import Result
    from lrfinder.learner import Learner

out = Console()
err = Console(stderr=True)
silent = Console(quiet=True)


def launched_rank() -> int:
    """Return the rank that a launcher such as torchrun has given to this process, 0 without one."""
    return int(os.environ.get("RANK", "0"))


def is_one_of_many() -> bool:
    """Return True if a launcher has started several processes."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def leads(learner: Learner[Any]) -> bool:
    """Return True if this process shows and writes the results of the learner: of several ranks, only the first does."""
    return adapted(learner).rank == 0


def present(result: Result, json: Path | None, csv: Path | None, picture: Path | None) -> None:
    """Print a result, its verdict and, of a range test, the rates of other rules; write it to the files that are given."""
    from lrfinder.views.describe import verdict
    from lrfinder.views.describe.range_test import other_rules_in_words
    from lrfinder.views.terminal import terminal_view

    out.print(terminal_view(result))
    texts = [verdict(result)]
    if isinstance(result, lrfinder.RangeTest) and len(result):
        texts.append(other_rules_in_words(result))
    for text in texts:
        out.print(f"\n{text}", highlight=False, markup=False)
    if json is not None:
        result.to_json(json)
    if csv is not None:
        result.to_csv(csv)
    if picture is not None:
        from lrfinder.views import matplotlib

        write_atomically(matplotlib.picture(result, PICTURE_KINDS[picture.suffix.lower()]), picture)
    print_written(json, csv, picture)


def print_written(*paths: Path | None) -> None:
    """Print the name of each file that was written."""
    for path in filter(None, paths):
        out.print(printable(f"written: {path}"), highlight=False, markup=False, soft_wrap=True)


@contextmanager
def reporting_errors(*, debug: bool) -> Generator[None]:
    """Report a failure in one sentence and exit with 1, or with 2 where an option is out of range.

    Args:
        debug: raise the failure itself instead.
    """
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
        if not (isinstance(error, RankError) and launched_rank() and error.rank != 0):  # if rank 0 lives, it reports
            err.print(_sentence(error), style="bold red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2 if isinstance(error, RatesError) else 1) from None


def _sentence(error: Exception) -> str:
    """Return one printable line: the rank, the error, and where in a training it was raised."""
    words = [f"Rank {launched_rank()}:"] if is_one_of_many() else []
    if isinstance(error, LRFinderError):
        words.append(str(error))
    else:
        words += [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])]
    return printable(" ".join(words))
