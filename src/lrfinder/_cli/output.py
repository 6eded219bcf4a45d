"""The output of the commands, which nothing else prints: results, files, progress and failures."""

from __future__ import annotations

import os
import traceback
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

import lrfinder
from lrfinder._factories import FactoryCallError
from lrfinder._results.atomic_file import is_special
from lrfinder._user_code import in_words
from lrfinder.errors import GridError, LRFinderError, RankError, RatesError
from lrfinder.learner import adapted
from lrfinder.views.text import printable

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from rich.console import Console

    from lrfinder._cli.destinations import Destination
    from lrfinder._results.results import Result
    from lrfinder.learner import Learner

DONE, FAILED, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130
EXIT_CODES = {
    DONE: "done, with a rate",
    FAILED: "failed, or there is no rate",
    WRONG_CALL: "a wrong call: nothing was run",
    INTERRUPTED: "interrupted by Ctrl-C",
}
"""The exit codes of every command. ``check`` and ``doctor`` exit with 1 where an answer is no."""

WRONG_CALLS = (RatesError, GridError, FactoryCallError)


class Consoles:
    """The consoles of the commands. Rich is imported with the first line: help and wrong calls need none of it."""

    @cached_property
    def out(self) -> Console:
        """Standard output."""
        return self._console()

    @cached_property
    def err(self) -> Console:
        """Standard error."""
        return self._console(stderr=True)

    @cached_property
    def silent(self) -> Console:
        """No output at all."""
        return self._console(quiet=True)

    @staticmethod
    def _console(*, stderr: bool = False, quiet: bool = False) -> Console:
        from rich.console import Console

        return Console(stderr=stderr, quiet=quiet)


consoles = Consoles()


def launched_rank() -> int:
    """Return the rank that a launcher such as torchrun has given to this process, 0 without one."""
    return int(os.environ.get("RANK", "0"))


def is_one_of_many() -> bool:
    """Return True if a launcher has started several processes."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def leads(learner: Learner[Any]) -> bool:
    """Return True if this process shows and writes the results of the learner: of several ranks, only the first does."""
    return adapted(learner).rank == 0


def show(result: Result, files: Sequence[Destination], *written: Path | None) -> None:
    """Write a result to all files that can be written, print it, and exit with 1 if one could not.

    Printed are the result, its verdict and, of a range test, the rates of other rules. They go to standard error where a
    file goes to standard output.

    Args:
        result: the result.
        files: where to write it.
        written: files that hold it already.
    """
    failures = list(filter(None, (_failure(result, file) for file in files)))
    console = consoles.err if any(file.is_standard_output for file in files) else consoles.out
    from lrfinder.views.describe import verdict
    from lrfinder.views.describe.range_test import other_rules_in_words
    from lrfinder.views.terminal import terminal_view

    console.print(terminal_view(result))
    texts = [verdict(result)]
    if isinstance(result, lrfinder.RangeTest) and len(result):
        texts.append(other_rules_in_words(result))
    for text in texts:
        console.print(f"\n{text}", highlight=False, markup=False)
    failed = {file.path for file, _ in failures}
    plain = [file.path for file in files if file.path not in failed and not is_special(file.path)]
    print_written(*filter(None, written), *plain, console=console)
    for file, error in failures:
        _print_failure(f"{file.path} was not written: {error}")
    if failures:
        raise typer.Exit(FAILED)


def _failure(result: Result, file: Destination) -> tuple[Destination, Exception] | None:
    try:
        file.write(result)
    except Exception as error:  # noqa: BLE001  (the other files are written, and the result is printed)
        return file, error
    return None


def has_rate(result: Result) -> bool:
    """Return True if the result answers the question of its command: with a rate, or with a training that ended lowest."""
    if isinstance(result, lrfinder.RangeTest):
        return result.suggestion.lr is not None
    if isinstance(result, lrfinder.Suggestion):
        return result.lr is not None
    if isinstance(result, lrfinder.Comparison):
        return result.best is not None
    return isinstance(result, lrfinder.Grid) and not result.pending and result.recommended is not None


def exit_without_rate(result: Result) -> None:
    """Exit with 1 if the result has no rate."""
    if not has_rate(result):
        raise typer.Exit(FAILED)


def print_written(*paths: Path, console: Console | None = None) -> None:
    """Print the name of each file that was written, to standard output by default."""
    console = console or consoles.out
    for path in paths:
        console.print(printable(f"written: {path}"), highlight=False, markup=False, soft_wrap=True)


@contextmanager
def reporting_errors(*, debug: bool) -> Generator[None]:
    """Report a failure in one sentence, and exit with the code that :data:`EXIT_CODES` gives.

    Args:
        debug: print the traceback instead.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except KeyboardInterrupt:
        consoles.err.print("Interrupted.")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001  (all are reported)
        if debug:
            consoles.err.print("".join(traceback.format_exception(error)), markup=False, highlight=False, soft_wrap=True)
        elif not (isinstance(error, RankError) and launched_rank() and error.rank != 0):  # if rank 0 lives, it reports
            _print_failure(_sentence(error))
        raise typer.Exit(WRONG_CALL if isinstance(error, WRONG_CALLS) else FAILED) from None


def _print_failure(sentence: str) -> None:
    consoles.err.print(printable(sentence), style="bold red", markup=False, highlight=False, soft_wrap=True)


def _sentence(error: Exception) -> str:
    """Return one line: the rank, the error, where it was raised, and how to see its traceback."""
    words = [f"Rank {launched_rank()}:"] if is_one_of_many() else []
    words.append(str(error) if isinstance(error, LRFinderError) else in_words(error))
    if error.__cause__ is not None or not isinstance(error, LRFinderError):
        words.append("Run it with --debug for the traceback.")
    return " ".join(words)
