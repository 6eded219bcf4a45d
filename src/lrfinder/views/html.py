"""Results as a piece of HTML, for notebooks: the verdict, the figure and a small table. Needs no network and no script."""

from __future__ import annotations

from base64 import b64encode
from functools import singledispatch
from html import escape
from typing import TYPE_CHECKING

from lrfinder._grid.result import Grid
from lrfinder._results.results import Comparison, RangeTest, Result, Suggestion
from lrfinder.views.describe.comparison import trainings
from lrfinder.views.describe.grid import settings_told
from lrfinder.views.describe.probes import probe_ends
from lrfinder.views.verdict import other_rules, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable


def html(result: Result) -> str:
    """The result as one ``<div>``; every text in it is escaped."""
    from lrfinder.views.matplotlib import figure_png

    words = escape(verdict(result))
    png = b64encode(figure_png(result)).decode("ascii")
    image = f'<img src="data:image/png;base64,{png}" alt="{words}" style="max-width: 100%">'
    return f'<div class="lrfinder"><p style="max-width: 45em">{words}</p>{image}{tables(result)}</div>'


@singledispatch
def tables(result: Result) -> str:
    """The numbers of a result, as one or more tables."""
    raise NotImplementedError(type(result).__name__)


@tables.register(RangeTest)
def _of_range_test(result: RangeTest) -> str:
    return _landmarks(result) + _rules(result)


@tables.register(Suggestion)
def _probes(suggestion: Suggestion) -> str:
    header = ("learning rate", "iterations", "mean loss of the last third", "how it ended")
    ends = probe_ends(suggestion)
    rows = (
        (f"{end.lr:.3g}", str(end.length), "-" if end.diverged else f"{end.loss:.4g}", "lowest" if end.lowest else end.ended)
        for end in ends
    )
    return table(header, rows) if ends else ""


def _landmarks(result: RangeTest) -> str:
    marks = result.landmarks
    rows = (
        ("starts to fall", marks.falls_from),
        ("falls fastest", marks.steepest),
        ("is lowest", marks.lowest),
        ("diverges", marks.diverges),
    )
    return table(("the loss", "at learning rate"), ((what, "not seen" if lr is None else f"{lr:.3g}") for what, lr in rows))


def _rules(result: RangeTest) -> str:
    rows = (("suggested", result.suggestion.lr), *other_rules(result).items())
    return table(("rule", "learning rate"), ((name, "none" if lr is None else f"{lr:.3g}") for name, lr in rows))


@tables.register(Comparison)
def _ends(comparison: Comparison) -> str:
    rows = zip(trainings(comparison), comparison.final(), strict=True)
    header = ("learning rate", "mean loss of the last tenth", "above the lowest", "how it ended")
    return table(
        header,
        (
            (f"{training.lr:.3g}", f"{final:.4g}", training.distance, "lowest" if training.best else training.ended)
            for training, final in rows
        ),
    )


@tables.register(Grid)
def _combinations(grid: Grid) -> str:
    header = ("settings", "cells", "learning rate", "lowest loss", "standard deviation over seeds")
    rows = (
        (
            settings_told(one.settings),
            str(len(one.cells)),
            "none" if one.lr is None else f"{one.lr:.3g}",
            f"{one.lowest:.4g}",
            f"{one.spread:.2g}",
        )
        for one in grid.combinations
    )
    return table(header, rows)


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of texts, which are escaped; the columns are named by ``header``."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
