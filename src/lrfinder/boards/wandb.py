"""Weights & Biases, through the user's own run: ``log(result, wandb.init(...))``."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from lrfinder import _optional
from lrfinder.boards import require_methods

if TYPE_CHECKING:
    from lrfinder._results.results import Result


def log(result: Result, run: Any, *, name: str = "lrfinder") -> None:
    """Log the table of the result, its figure and its page under ``name/``, and the outcome in the summary of the run.

    All of it belongs to the current step of the run, which does not advance: the steps of a training keep their numbers.

    Raises:
        BoardError: ``run`` is not a run of ``wandb.init()``.
        MissingExtraError: Weights & Biases is not installed.
    """
    wandb = _optional.require("wandb", "wandb")
    require_methods(run, "log", "summary", expected="the run that wandb.init() returns")
    from PIL import Image

    from lrfinder.views.describe import describe
    from lrfinder.views.matplotlib import picture
    from lrfinder.views.report import report_page

    described = describe(result)
    logged = {"table": _table(wandb, result)}
    if described.sweep is not None and described.sweep is not result:
        logged["sweep"] = _table(wandb, described.sweep)
    logged["figure"] = wandb.Image(Image.open(BytesIO(picture(result, "png"))))
    logged["report"] = wandb.Html(report_page({"": result}), inject=False)
    run.log({f"{name}/{title}": one for title, one in logged.items()}, commit=False)
    outcome = {**described.outcome, "in_words": described.verdict()}
    run.summary.update({f"{name}/{title}": value for title, value in outcome.items()})


def _table(wandb: Any, result: Result) -> Any:
    columns = result.to_columns()
    return wandb.Table(list(columns), list(zip(*columns.values(), strict=True)), allow_mixed_types=True)
