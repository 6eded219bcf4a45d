"""The last look at a range test: whether the rate has any effect on the losses.

A training whose step ignores the rate gives a curve like any other: its losses fall at a rate of its own. A search compares
its sweep with the same batches at the rate 0, which shows it. A range test alone cannot, nor can a search whose untrained
losses are those of forwards. So it begins once more, at the highest rate that it has reached.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lrfinder._results.records import APART_FACTOR, bits
from lrfinder._sweep import SweepRecorder, run_sweep, trainer_of

if TYPE_CHECKING:
    from lrfinder.learner import BaseLearner


def rate_has_effect(learner: BaseLearner, start: Any, recorder: SweepRecorder) -> bool:
    """Return ``False`` if a training at the highest rate of a sweep has the losses of the sweep, bit for bit.

    The training ends at the first loss that differs: usually the second, so it costs two iterations. Where the rate has no
    effect, it is as long as the sweep. Nothing is trained where the sweep spans less than two decades or is not finite.

    Args:
        learner: the learner; it is left anywhere.
        start: the state from which the sweep began.
        recorder: of the sweep, after its end; its ``extra_iterations`` grow.
    """
    lrs, losses = [record.lr for record in recorder.records], [record.loss for record in recorder.records]
    if len(lrs) < 2 or max(lrs) <= lrs[0] or max(lrs) < APART_FACTOR * lrs[0]:  # noqa: PLR2004
        return True
    if not all(map(math.isfinite, losses[:2])):
        return True
    expected = iter(losses)
    again = SweepRecorder([max(lrs)] * len(lrs), lambda loss: loss != next(expected))
    learner.restore(start)
    raised = [Exception] if learner.ranks == 1 else []  # at this rate alone: an effect; on several ranks it passes through
    with suppress(*raised):
        run_sweep(trainer_of(learner, again.lrs), again)
    recorder.extra_iterations += len(again.records)
    return bits([record.loss for record in again.records]) != bits(losses)
