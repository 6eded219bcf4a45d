"""TensorBoard, through a ``SummaryWriter`` of PyTorch or tensorboardX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrfinder.boards import require_methods

if TYPE_CHECKING:
    from lrfinder._results.results import Result


def log(result: Result, writer: Any, *, name: str = "lrfinder") -> None:
    """Log losses and rates as scalars, the figure as an image, and the outcome as text, under ``name/``.

    The step is the iteration within the sweep or the training. Scalars of the user's own training are not touched.

    Raises:
        BoardError: ``writer`` is not a ``SummaryWriter``.
    """
    require_methods(writer, "add_scalar", "add_figure", "add_text", expected="a SummaryWriter")
    from lrfinder.views.describe import describe
    from lrfinder.views.matplotlib import figure

    described = describe(result)
    for title, values in described.curves().items():
        for iteration, value in enumerate(values):
            writer.add_scalar(f"{name}/{title}", value, iteration)
    for title, value in {**described.outcome, "in_words": described.verdict()}.items():
        add = writer.add_text if isinstance(value, str) else writer.add_scalar
        add(f"{name}/{title}", value, 0)
    writer.add_figure(f"{name}/figure", figure(result), 0)
