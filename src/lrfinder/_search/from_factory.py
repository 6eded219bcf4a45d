"""``lrfinder.suggest``: the search of ``LRFinder.suggest``, its trials trained by an executor and stored in a file."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lrfinder._arguments import callback, function
from lrfinder._factories import checked_learner, described
from lrfinder._search.checkpoint import Checkpoint
from lrfinder._search.driver import run_search
from lrfinder._search.horizon import DEFAULT_HORIZON, check_epochs, horizon_of
from lrfinder._search.search import KEPT_STATES, SearchSettings
from lrfinder.errors import FactoryError
from lrfinder.executors import InProcess
from lrfinder.executors._base import check_executor
from lrfinder.learner import adapted
from lrfinder.schedules import constant, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike

    from lrfinder._results.records import Record
    from lrfinder._results.results import Suggestion
    from lrfinder.executors import Executor
    from lrfinder.learner import Learner
    from lrfinder.schedules import Schedule

POINTS = 100  # of a schedule: by its values there a checkpoint knows it again


def suggest(  # noqa: PLR0913  (those of LRFinder.suggest, where the trials are trained, and where they are stored)
    factory: Callable[[], Learner[Any]],
    horizon: int = DEFAULT_HORIZON,
    *,
    epochs: float | None = None,
    max_iterations: int = 650,
    rates: Iterable[float] | None = None,
    schedule: Schedule = constant,
    keep: int = KEPT_STATES,
    executor: Executor | None = None,
    path: str | PathLike[str] | None = None,
    on_record: Callable[[Record], object] | None = None,
) -> Suggestion:
    """Suggest a rate for the learner that ``factory`` makes, as :meth:`LRFinder.suggest` does.

    The answer is the same bit for bit at equal thread counts, wherever the trials are trained.

    Args:
        factory: makes the learner; each worker makes its own, which must be the same one.
        horizon: as of :meth:`LRFinder.suggest`, like ``epochs``, ``max_iterations``, ``rates`` and ``schedule``.
        epochs: the length of the training in passes over the data, in place of ``horizon``.
        max_iterations: the iterations that the search may use. Trials that were started before the search asked for them,
            and were not needed, are reported in ``extra_iterations`` of the suggestion and do not count here.
        rates: those of the sweep.
        schedule: how the rate moves through the training.
        keep: copies of the state that may be held at once, in each process that trains.
        executor: where the trials are trained: ``None`` is this process; or :class:`lrfinder.executors.Ray`.
        path: a checkpoint file, which is removed when the search ends; an interrupted search continues from it. No finished
            trial is trained again, but one that is lengthened starts from its beginning, since its end was in memory.
        on_record: called with each :class:`Record` that the search uses, in its order; for trials of other workers, when the
            trial is finished.

    Raises:
        FactoryError: the learner of a worker starts with another loss than that of this process.
        ResultFileError: ``path`` holds something else than the first part of this search.
        RatesError: a setting is out of range.
        ExecutorError: the executor cannot work.
    """
    function("factory", factory, "which returns a learner", FactoryError)
    check_executor(executor)
    callback("on_record", on_record)
    check_epochs(horizon, epochs)
    settings = SearchSettings.checked(horizon, max_iterations, rates, schedule, keep)
    identity = {
        "factory": described(factory),
        "horizon": settings.horizon if epochs is None else f"{float(epochs)} epochs",
        "max_iterations": settings.max_iterations,
        "keep": settings.keep,
        "rates": None if rates is None else list(settings.lrs),
        "schedule": [name_of(schedule), *(float(schedule(k / POINTS)) for k in range(POINTS))],  # several may share a name
    }
    checkpoint = None if path is None else Checkpoint(path, identity)
    with (
        closing(checked_learner(factory(), factory)) as learner,
        (executor or InProcess()).runner(factory, schedule, on_record) as remote,
    ):
        full = adapted(learner)
        settings = settings if epochs is None else replace(settings, horizon=horizon_of(full, horizon, epochs))
        suggestion = run_search(full, settings, on_record=on_record, remote=remote, checkpoint=checkpoint)
    if checkpoint is not None:
        checkpoint.remove()
    return suggestion
