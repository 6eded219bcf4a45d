"""``lrfinder.suggest``: the search of ``LRFinder.suggest``, its probes made by an executor and kept in a file."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lrfinder._factories import described
from lrfinder._results.records import Record, Stop
from lrfinder._search.checkpoint import Journal
from lrfinder._search.conclusion import SAME
from lrfinder._search.driver import checked_search
from lrfinder._search.probes import Probing
from lrfinder._search.search import Ask
from lrfinder.errors import FactoryError
from lrfinder.executors import InProcess
from lrfinder.finder import name_of, suggested
from lrfinder.schedules import constant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from os import PathLike

    from lrfinder._results.records import Probe
    from lrfinder._results.results import RangeTest, Suggestion
    from lrfinder.executors import Crew, Executor
    from lrfinder.learner import Learner
    from lrfinder.schedules import Schedule


def suggest(  # noqa: PLR0913  (those of LRFinder.suggest, where the probes are made, and where they are kept)
    factory: Callable[[], Learner[Any]],
    horizon: int = 300,
    *,
    max_iterations: int = 650,
    rates: Iterable[float] | None = None,
    schedule: Schedule = constant,
    executor: Executor | None = None,
    path: str | PathLike[str] | None = None,
    on_record: Callable[[Record], object] | None = None,
) -> Suggestion:
    """:meth:`LRFinder.suggest` of the learner that ``factory`` makes; the same answer, bit for bit at equal thread counts.

    Args:
        factory: makes the learner; each worker makes its own, which must be the same one.
        horizon: as of :meth:`LRFinder.suggest`, like ``max_iterations``, ``rates`` and ``schedule``.
        max_iterations: those that the search may use. Probes that were begun before it was known whether the search asks
            for them, and were not asked for, are told in ``extra_iterations`` of the suggestion and do not count here.
        rates: those of the sweep.
        schedule: how the rate moves through the training.
        executor: where the probes are made: in this process where it is ``None``, or :class:`lrfinder.grid.Ray`.
        path: where what was found is kept until the search ends, when the file is removed; a search that was interrupted
            goes on from there. No probe that was finished is made again, but one that is to be lengthened is made anew from
            its beginning, since its end was in memory.
        on_record: called with each :class:`Record` that is used, in the order of the search; of other workers, when a probe
            is done.

    Raises:
        FactoryError: the learner of a worker begins with another loss than that of this process.
        ResultFileError: ``path`` holds something else than the first part of this very search.
        RatesError: a setting is out of range.
        ExecutorError: the executor cannot work.
    """
    horizon, max_iterations = checked_search(horizon, max_iterations)
    lrs = None if rates is None else tuple(map(float, rates))
    asked_for = {"factory": described(factory), "horizon": horizon, "max_iterations": max_iterations}
    rates_told = None if lrs is None else list(lrs)
    journal = Journal(path, {**asked_for, "rates": rates_told, "schedule": name_of(schedule)})
    own: list[Probing] = []
    with closing(factory()) as learner, (executor or InProcess()).crew(factory, schedule, lambda: own[0]) as crew:
        asked: list[AskedProbing] = []

        def probing(state: object, curve: RangeTest) -> Probing:
            own.append(Probing(learner, state, schedule, on_record))
            first = curve[0].loss if len(curve) and (crew.elsewhere or journal.curve is not None) else None
            journal.swept(curve)
            asked.append(AskedProbing(learner, schedule, crew, journal, first, on_record))
            return asked[0]

        told = suggested(
            learner,
            horizon,
            max_iterations=max_iterations,
            rates=lrs,
            schedule=schedule,
            on_record=on_record,
            probing=probing,
            curve=journal.curve,
        )
        told = replace(told, extra_iterations=crew.made - asked[0].asked)
    journal.remove()
    return told


class AskedProbing(Probing):
    """Probes that a crew makes, or that a file has; counted as those of one process would be.

    Attributes:
        asked: iterations of this run that the search used.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (all that stands behind a probe)
        self,
        learner: Learner[Any],
        schedule: Schedule,
        crew: Crew,
        journal: Journal,
        first: float | None,
        on_record: Callable[[Record], object] | None,
    ) -> None:
        super().__init__(learner, None, schedule, on_record)
        self._crew, self._journal, self._first = crew, journal, first
        self.asked = 0

    def prepare(self, asks: Sequence[tuple[float, int]]) -> None:
        """Have the crew begin as many as it can at once."""
        known = [ask for ask in asks if self._journal.probe(Ask(*ask)) is not None or self._broke_off(ask[0])]
        if left := [Ask(*ask) for ask in asks if ask not in known]:
            self._crew.begin(left)

    def keep(self, lrs: Iterable[float]) -> None:
        """See :meth:`Probing.keep`."""
        lrs = tuple(lrs)
        super().keep(lrs)
        self._crew.keep(lrs)

    def _go_on(self, lr: float, length: int, records: list[Record]) -> Stop:
        ask, before, left = Ask(lr, length), len(self._before(lr, length)), self._left(lr, length)
        found = self._journal.probe(ask)
        probe = self._made(ask, before) if found is None else found
        records.extend(Record(rate, loss) for rate, loss in zip(left, probe.losses[before:], strict=False))
        if self._on_record is not None and (self._crew.elsewhere or found is not None):
            for record in records:
                self._on_record(record)
        self._ends.pop(lr, None)
        if probe.stop is Stop.MAX_ITERATIONS:
            self._ends[lr] = None  # where its end lies is the crew's business
        return probe.stop

    def _made(self, ask: Ask, before: int) -> Probe:
        probe = self._crew.probe(ask)
        self.asked += len(probe.losses) - before
        self._require_same(probe)
        self._journal.made(ask, probe)
        return probe

    def _require_same(self, probe: Probe) -> None:
        """Learners that differ would answer for different trainings."""
        if self._first is None or not probe.losses:
            return
        first = probe.losses[0]
        both_nan = math.isnan(first) and math.isnan(self._first)
        if not (both_nan or math.isclose(first, self._first, rel_tol=SAME)):
            message = (
                f"The first loss was {self._first:.6g} in the sweep and is {first:.6g} in a probe of another worker or run: "
                "the factory must make the same learner wherever and whenever it is called. Let it set every seed that it "
                "draws from, and read the same data."
            )
            raise FactoryError(message)
