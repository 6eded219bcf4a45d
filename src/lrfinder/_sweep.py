"""The loop that trains a learner: one iteration at each rate. There is no other in the package."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, SupportsFloat, cast

from lrfinder._results.records import Record, Stop
from lrfinder.errors import DataEndedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lrfinder._together import Made
    from lrfinder.learner import Learner
    from lrfinder.stopping import StoppingCriterion

    OnRecord = Callable[[Record], object]


def sweep(
    learner: Learner[Any] | Made,
    lrs: Sequence[float],
    records: list[Record],
    stopping: StoppingCriterion | None,
    on_record: OnRecord | None,
) -> Stop:
    """One iteration at each rate, each appended to ``records`` (the caller's, so that it has them also when one raises)."""
    reset(stopping)
    train = _iteration_of(learner, lrs)
    for lr in lrs:
        try:
            loss = train(lr)
        except DataEndedError:
            return Stop.DATA_ENDED
        if loss is None:
            break
        record = Record(lr, float(loss))
        if on_record is not None:
            on_record(record)
        stop = verdict(record.loss, stopping)
        records.append(record)
        if stop is not None:
            return stop
    return Stop.LAST_RATE


def reset(stopping: StoppingCriterion | None) -> None:
    """Let a criterion forget the losses of an earlier sweep, where it has such a method."""
    forget: Callable[[], object] | None = getattr(stopping, "reset", None)
    if forget is not None:
        forget()


def verdict(loss: float, stopping: StoppingCriterion | None) -> Stop | None:
    """Why a sweep ends with ``loss``, if it does."""
    if not math.isfinite(loss):
        return Stop.NOT_FINITE
    said = stopping(loss) if stopping is not None else None
    return (said if isinstance(said, Stop) else Stop.CRITERION) if said else None


def _iteration_of(learner: Learner[Any] | Made, lrs: Sequence[float]) -> Callable[[float], SupportsFloat | None]:
    """The learner's iteration; or the next loss of its ``iterations``, where it has them, and None where these end."""
    many: Callable[[Sequence[float]], Iterable[SupportsFloat]] | None = getattr(learner, "iterations", None)
    if many is None:
        # called by name: ``map`` would take a StopIteration of the user's for its own end
        return cast("Learner[Any]", learner).iteration
    losses = iter(many(lrs))
    return lambda _: next(losses, None)
