"""Warnings of trainings from one state that do not repeat, as far as their losses show."""

from __future__ import annotations

import math
import warnings
from contextlib import suppress
from itertools import combinations
from typing import TYPE_CHECKING, Any

from lrfinder._search.trial import is_same_loss
from lrfinder.errors import DataEndedError, LRFinderWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lrfinder.learner import BaseLearner

ADVICE = "lrfinder.check(learner) names what does not come back"


def warn_unless_repeatable(learner: BaseLearner, state: object, lrs: Sequence[float], losses: NDArray[np.float64]) -> None:
    """Warn if trainings from ``state`` at one rate differ.

    Where the first losses at different rates differ, which some steps do on purpose, one iteration is trained once more.

    Args:
        learner: the learner; it is left anywhere.
        state: the state from which all were trained.
        lrs: their rates.
        losses: their losses, shape ``(rates, iterations)``.
    """
    found = _difference_at_one_rate(lrs, losses)
    firsts = [(lr, first) for lr, first in zip(lrs, losses[:, 0].tolist(), strict=True) if math.isfinite(first)]
    if found is None and not all(is_same_loss(first, firsts[0][1]) for _, first in firsts):
        learner.restore(state)
        with suppress(DataEndedError):
            lr, first = firsts[0]
            again = float(learner.iteration(lr))
            if not is_same_loss(again, first):
                found = f"the first loss at the rate {lr:.4g} was {first:.6g}, and after a restore {again:.6g}"
    if found is not None:
        message = f"Not repeatable: {found}, so that the trainings cannot be compared; {ADVICE}."
        warnings.warn(message, LRFinderWarning, stacklevel=3)


def _difference_at_one_rate(lrs: Sequence[float], losses: NDArray[Any]) -> str | None:
    """Return in words where two trainings at the same rate first differ, or ``None``."""
    for one, other in combinations(range(len(lrs)), 2):
        if lrs[one] == lrs[other]:
            for iteration, pair in enumerate(zip(losses[one].tolist(), losses[other].tolist(), strict=True)):
                if not is_same_loss(*pair):
                    return (
                        f"two trainings at the rate {lrs[one]:.4g} have the losses {pair[0]:.6g} and {pair[1]:.6g} at "
                        f"iteration {iteration}"
                    )
    return None
