"""Weights & Biases, through the user's own run: ``log(result, wandb.init(...))``."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from lrfinder import _optional
from lrfinder.boards.content import content, require

if TYPE_CHECKING:
    from lrfinder._results.results import Result


def log(result: Result, run: Any, *, name: str = "lrfinder") -> None:
    """Write the table of the result, its figure and its page under ``name/``, and what came of it to the run's summary.

    They go with the step that the run is at, which does not move: a training counts its steps as if nothing had been logged.

    Raises:
        BoardError: ``run`` is none of ``wandb.init()``.
        MissingExtraError: Weights & Biases is not installed.
    """
    wandb = _optional.require("wandb", "wandb")
    require(run, "log", "summary", what="the run that wandb.init() returns")
    from PIL import Image

    from lrfinder.views.matplotlib import figure_png
    from lrfinder.views.report import report_page

    sweep = getattr(result, "curve", None)
    tables = {"table": result.to_columns(), **({} if sweep is None else {"sweep": sweep.to_columns()})}
    shown = {
        **{
            title: wandb.Table(list(table), list(zip(*table.values(), strict=True)), allow_mixed_types=True)
            for title, table in tables.items()
        },
        "figure": wandb.Image(Image.open(BytesIO(figure_png(result)))),
        "report": wandb.Html(report_page({"": result}), inject=False),
    }
    run.log({f"{name}/{what}": one for what, one in shown.items()}, commit=False)
    logged = content(result)
    run.summary.update({f"{name}/{what}": value for what, value in {**logged.numbers, **logged.words}.items()})
