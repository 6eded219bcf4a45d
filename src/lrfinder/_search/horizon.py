"""The horizon of a search: a number of iterations, or of epochs where the learner knows the length of its data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lrfinder._arguments import number
from lrfinder.errors import RatesError

if TYPE_CHECKING:
    from lrfinder.learner import BaseLearner


class _Default(int):
    """A default that is told apart from an equal number that was given."""


DEFAULT_HORIZON: int = _Default(300)
LEAST_HORIZON = 3  # the first loss is untrained, and one more does not show whether a training falls


def check_epochs(horizon: int, epochs: float | None) -> None:
    """Check that the length of the training is given once, and that the epochs are a number above 0.

    Raises:
        RatesError: it is not so.
    """
    if epochs is None:
        return
    if horizon is not DEFAULT_HORIZON:
        message = f"horizon is {horizon!r} and epochs {epochs!r}, which are two lengths of one training; give one of them."
        raise RatesError(message)
    if not 0 < number(epochs) < math.inf:
        message = f"epochs is {epochs!r}; it is the length of the training in passes over the data, a number above 0."
        raise RatesError(message)


def horizon_of(learner: BaseLearner, horizon: int, epochs: float | None) -> int:
    """Return the iterations of a training of ``epochs``, or ``horizon`` where these are not given.

    Raises:
        RatesError: both are given, or the learner does not know the length of its data.
    """
    check_epochs(horizon, epochs)
    if epochs is None:
        return horizon
    per_epoch = learner.iterations_per_epoch()
    if per_epoch is None:
        message = f"epochs is {epochs!r}, but the length of the learner's data is unknown; give horizon=, in iterations."
        raise RatesError(message)
    return max(1, round(epochs * per_epoch))
