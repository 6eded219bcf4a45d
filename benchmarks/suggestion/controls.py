"""Controls: choices that need no finder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from answers import Answer
from truth import final

if TYPE_CHECKING:
    from answers import Case

EIGHT = tuple(np.geomspace(1e-4, 10, 8).tolist())


def default_rate(case: Case) -> Answer:
    """Return the framework's default rate for the optimizer."""
    return Answer(case.task.default_lr, 0)


def grid_of_eight(case: Case) -> Answer:
    """Train eight full runs at log-spaced rates from 1e-4 to 10, and return the best rate."""
    ends = [final(case.learner.training(lr)) for lr in EIGHT]
    steps = len(EIGHT) * case.horizon
    best = int(np.argmin(ends))
    return Answer(EIGHT[best], steps) if np.isfinite(ends[best]) else Answer(None, steps, says="all diverged")
