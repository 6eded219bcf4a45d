"""TensorBoard, through a ``SummaryWriter``: PyTorch's own, or that of tensorboardX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrfinder.boards.content import content, require

if TYPE_CHECKING:
    from lrfinder._results.results import Result


def log(result: Result, writer: Any, *, name: str = "lrfinder") -> None:
    """Write losses and rates as scalars, the figure as an image and what came of it as text, under ``name/``.

    The step is the iteration within the sweep or the probe; a training's own scalars are not touched.

    Raises:
        BoardError: ``writer`` is no ``SummaryWriter``.
    """
    require(writer, "add_scalar", "add_figure", "add_text", what="a SummaryWriter")
    from lrfinder.views.matplotlib import figure

    logged = content(result)
    for line, values in logged.lines.items():
        for iteration, value in enumerate(values):
            writer.add_scalar(f"{name}/{line}", value, iteration)
    for number, value in logged.numbers.items():
        writer.add_scalar(f"{name}/{number}", value, 0)
    for title, words in logged.words.items():
        writer.add_text(f"{name}/{title}", words, 0)
    writer.add_figure(f"{name}/figure", figure(result), 0)
