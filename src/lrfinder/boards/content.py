"""What is logged of a result, worked out apart from any board."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING

from lrfinder._grid.result import Grid
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Lines = dict[str, "Sequence[float]"]


@dataclass(frozen=True)
class Content:
    """``lines`` have a number for each iteration, ``numbers`` are single ones, ``words`` say what came of it."""

    lines: Mapping[str, Sequence[float]]
    numbers: Mapping[str, float]
    words: Mapping[str, str]


def content(result: Result) -> Content:
    """What there is to log; names have no characters but letters, digits, ``_``, ``.`` and ``-``."""
    from lrfinder.views.verdict import verdict

    numbers, words = _outcome(result)
    return Content(_lines(result), numbers, {**words, "in_words": verdict(result)})


def require(there: object, *verbs: str, what: str) -> None:
    """Tell before anything is logged that this is no board.

    Raises:
        BoardError: it lacks one of the verbs.
    """
    if not all(hasattr(there, verb) for verb in verbs):
        message = f"log() was given {there!r:.60}; give {what}."
        raise BoardError(message)


@singledispatch
def _lines(result: Result) -> Lines:
    raise NotImplementedError(type(result).__name__)


@_lines.register(RangeTest)
def _of_range_test(result: RangeTest) -> Lines:
    return {"sweep_loss": result.losses.tolist(), "sweep_lr": result.lrs.tolist()}


@_lines.register(Suggestion)
def _of_suggestion(result: Suggestion) -> Lines:
    swept = {} if result.curve is None else _of_range_test(result.curve)
    return {**swept, **_at_rates("probe", ((probe.lr, probe.losses) for probe in result.probes))}


@_lines.register(Comparison)
def _of_comparison(result: Comparison) -> Lines:
    return _at_rates("loss", zip(result.lrs.tolist(), result.losses.tolist(), strict=True))


@_lines.register(Grid)
def _of_grid(result: Grid) -> Lines:
    """The range test, or the sweep of the search, of each cell."""
    lines: Lines = {}
    for number, cell in enumerate(result.cells):
        swept = cell.result if isinstance(cell.result, RangeTest) or cell.result is None else cell.result.curve
        if swept is not None:
            lines |= {f"{name}_of_cell_{number}": values for name, values in _of_range_test(swept).items()}
    return lines


def _at_rates(what: str, rows: Iterable[tuple[float, Sequence[float]]]) -> Lines:
    lines: Lines = {}
    for lr, losses in rows:
        name = f"{what}_at_{lr:.6g}".replace("+", "")
        again = sum(known.partition("_again_")[0] == name for known in lines)
        lines[f"{name}_again_{again}" if again else name] = losses
    return lines


def _outcome(result: Result) -> tuple[dict[str, float], dict[str, str]]:
    if isinstance(result, Comparison):
        return ({} if result.best is None else {"best_lr": result.best}), {}
    if isinstance(result, Grid):
        told = result.recommended
        return ({} if told is None else {"recommended_lr": told.lr}), {"cells": f"{len(result)} of {result.size}"}
    suggestion = result.suggestion if isinstance(result, RangeTest) else result
    assert isinstance(suggestion, Suggestion)
    told = {"suggested_lr": suggestion.lr, "lowest_lr": suggestion.low, "highest_lr": suggestion.high}
    numbers = {name: lr for name, lr in told.items() if lr is not None}
    return numbers, {"status": str(suggestion.status), "confidence": suggestion.confidence}
