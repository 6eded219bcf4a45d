"""The losses of a training against its iterations, as views draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lrfinder.views.describe.figure import Look, Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

SMOOTHED_FRACTION = 20  # the running mean spans one twentieth of a training


def training_series(group: str, losses: NDArray[np.float64], look: Look) -> tuple[Series, Series]:
    """Return the losses before the first that is not finite, and their running mean."""
    finite = finite_beginning(losses)
    iterations = np.arange(len(finite), dtype=np.float64)
    smoothed = running_mean(finite, max(1, len(losses) // SMOOTHED_FRACTION))
    return (
        Series("loss of a batch", group, "raw", "line", Look(look.color, width=0.7, opacity=0.25), iterations, finite),
        Series("smoothed", group, "smoothed", "line", look, iterations, smoothed),
    )


def finite_beginning(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the losses before the first that is not finite."""
    broken = np.flatnonzero(~np.isfinite(losses))
    return losses[: int(broken[0])] if len(broken) else losses


def running_mean(losses: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return centered means over ``window`` losses, and over fewer toward both ends, so that no mean lags."""
    last = len(losses) - 1
    reaches = [min(window // 2, at, last - at) for at in range(len(losses))]
    # divided before they are summed, since the sum of a diverging training may overflow
    means = [(losses[at - reach : at + reach + 1] / (2 * reach + 1)).sum() for at, reach in enumerate(reaches)]
    return np.array(means, dtype=np.float64)


def curves_by_rate(name: str, trainings: Iterable[tuple[float, Sequence[float]]]) -> dict[str, Sequence[float]]:
    """Return the losses of trainings by the names that boards log them under; a repeated rate gets a number."""
    curves: dict[str, Sequence[float]] = {}
    for lr, losses in trainings:
        rate = f"{name}_at_{lr:.6g}".replace("+", "")
        again = sum(known.partition("_again_")[0] == rate for known in curves)
        curves[f"{rate}_again_{again}" if again else rate] = losses
    return curves
