"""The finder: sweeps a learner through rates and gives it back untouched."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfinder._plan import planned
from lrfinder._results.records import Record, Settings, Stop
from lrfinder._results.results import Comparison, RangeTest
from lrfinder._search.conclusion import conclude, from_curve
from lrfinder._search.driver import CURVE_ALONE, checked_search, rates_of_sweep, search
from lrfinder._search.probes import Probing
from lrfinder._sweep import sweep
from lrfinder._together import made_together
from lrfinder.errors import LRFinderError, RatesError
from lrfinder.learner import restored
from lrfinder.rates import checked, several
from lrfinder.schedules import constant
from lrfinder.stopping import RisingLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from matplotlib.axes import Axes

    from lrfinder._results.results import Suggestion
    from lrfinder._sweep import OnRecord
    from lrfinder.learner import Learner
    from lrfinder.schedules import Schedule
    from lrfinder.stopping import StoppingCriterion


class LRFinder:
    """Finds a learning rate for a learner.

    Args:
        learner: what trains; see :class:`lrfinder.Learner`, and ``lrfinder.torch.TorchLearner`` for PyTorch.
    """

    def __init__(self, learner: Learner[Any]) -> None:
        self.learner = learner
        self._results: RangeTest | None = None

    @property
    def results(self) -> RangeTest:
        """The last range test.

        Raises:
            LRFinderError: ``find`` has not been called.
        """
        if self._results is None:
            message = "There is no range test yet: call find() first."
            raise LRFinderError(message)
        return self._results

    def find(  # noqa: PLR0913  (the tutorial's three, and what a sweep may be told beside them)
        self,
        lr_start: float = 1e-6,
        lr_multiplier: float = 1.1,
        smoothing: float = 0.3,
        *,
        lr_end: float = 10.0,
        max_iterations: int = 1000,
        rates: Iterable[float] | None = None,
        stopping: StoppingCriterion | None = None,
        on_record: OnRecord | None = None,
    ) -> RangeTest:
        """The range test: rising rates, one iteration each, until the stopping criterion says so (Smith 2017, section 3.3).

        The learner is afterwards as it was before, also after an exception, which passes through unchanged.

        Args:
            lr_start: the first rate.
            lr_multiplier: each rate is this many times the one before.
            smoothing: weight of the past in the running mean of the default stopping criterion.
            lr_end: no rate goes above this.
            max_iterations: no more iterations than this.
            rates: the rates themselves (any sequence, :func:`lrfinder.linear` among them) in place of the geometric ladder.
            stopping: called with each loss; what is truthy stops. NaN or infinity ends the sweep whatever it says.
            on_record: called with each :class:`lrfinder.Record` as it comes.

        Raises:
            RatesError: the settings make no sweep.
        """
        plan = planned(
            lr_start,
            lr_multiplier,
            smoothing,
            lr_end=lr_end,
            max_iterations=max_iterations,
            rates=rates,
            stopping=stopping,
        )
        records: list[Record] = []
        with restored(self.learner), _told(records, plan.lrs):
            stop = sweep(self.learner, plan.lrs, records, plan.stopping, on_record)
        stop = plan.at_last_rate if stop is Stop.LAST_RATE else stop
        self._results = RangeTest(tuple(records), stop, plan.settings)
        return self._results

    def compare(self, lrs: Sequence[float], iterations: int = 300, *, on_record: OnRecord | None = None) -> Comparison:
        """Train ``iterations`` iterations at each rate, every time from the present state and on the same batches.

        A training ends early where its loss becomes NaN or infinite, or its data end; the others go on. The learner is
        afterwards as it was before.

        Raises:
            RatesError: no rates, a rate that is none, or fewer than 1 iteration.
        """
        if iterations < 1:
            message = f"iterations is {iterations!r}; a comparison needs at least 1."
            raise RatesError(message)
        lrs = checked(lrs, max_iterations=len(lrs) or 1)
        losses = np.full((len(lrs), iterations), np.nan)
        stops: list[Stop] = []
        trainings = [(lr,) * iterations for lr in lrs]
        with restored(self.learner) as state:
            made = made_together(self.learner, [state] * len(lrs), trainings)
            for k, (row, training) in enumerate(zip(losses, trainings, strict=True)):
                if stops and made is None:
                    self.learner.restore(state)
                records: list[Record] = []
                with _told(records, training):
                    stop = sweep(self.learner if made is None else made[k], training, records, None, on_record)
                row[: len(records)] = [record.loss for record in records]
                stops.append(Stop.MAX_ITERATIONS if stop is Stop.LAST_RATE else stop)
        rates = np.array(lrs)
        for array in (rates, losses):
            array.setflags(write=False)
        return Comparison(rates, losses, tuple(stops))

    def suggest(
        self,
        horizon: int = 300,
        *,
        max_iterations: int = 650,
        rates: Iterable[float] | None = None,
        schedule: Schedule = constant,
        on_record: OnRecord | None = None,
    ) -> Suggestion:
        """The rate at which a training of ``horizon`` iterations ends lowest: a sweep, then probes on the same batches.

        The learner is afterwards as it was before, also after an exception, which passes through with a note of where it was
        raised.

        Args:
            horizon: iterations of the training that the rate is for.
            max_iterations: no more iterations than this, sweep, probes and checks together; with 150 or fewer the curve of
                the sweep alone is read, against the losses of the same batches untrained.
            rates: those of the sweep, in place of its own ladder, two or more, half of ``max_iterations`` at most; no probe
                leaves their range.
            schedule: how the rate moves through that training, a function of its progress from 0 to 1 whose highest
                value is 1; the suggestion is the highest rate then.
            on_record: called with each :class:`lrfinder.Record` as it comes.

        Raises:
            RatesError: a setting is out of range.
        """
        return suggested(
            self.learner,
            horizon,
            max_iterations=max_iterations,
            rates=rates,
            schedule=schedule,
            on_record=on_record,
            probing=lambda state, _: Probing(self.learner, state, schedule, on_record),
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the last range test; see :meth:`lrfinder.RangeTest.plot`."""
        return self.results.plot(ax)


def suggested(  # noqa: PLR0913  (those of suggest, and who makes the probes)
    learner: Learner[Any],
    horizon: int,
    *,
    max_iterations: int,
    rates: Iterable[float] | None,
    schedule: Schedule,
    on_record: OnRecord | None,
    probing: Callable[[object, RangeTest], Probing],
    curve: RangeTest | None = None,
) -> Suggestion:
    """What :meth:`LRFinder.suggest` does, whoever makes the probes.

    Args:
        learner: sweeps, and is put back.
        horizon: as of ``suggest``, like ``max_iterations``, ``rates``, ``schedule`` and ``on_record``.
        max_iterations: of sweep and probes.
        rates: those of the sweep.
        schedule: that of the probes.
        on_record: called with the records of the sweep.
        probing: from the state before the sweep and its curve to what makes the probes.
        curve: the sweep, where it was made before.
    """
    horizon, max_iterations = checked_search(horizon, max_iterations)
    lrs = several(checked(rates_of_sweep(max_iterations) if rates is None else rates, max_iterations // 2))
    with restored(learner) as state:
        if curve is None:
            curve = _swept(learner, lrs, max_iterations, on_record)
        probes_of = probing(state, curve)
        if max_iterations <= CURVE_ALONE:
            untrained = probes_of.train(0.0, len(curve)).losses if len(curve) else ()
            return replace(from_curve(curve, untrained, horizon), schedule=name_of(schedule))
        within = (0.0, math.inf) if rates is None else (min(lrs), max(lrs))
        evidence, exhausted = search(probes_of, curve, horizon, max_iterations, within)
    probes = [probes_of.probes[lr] for lr in sorted(evidence.runs)]
    suggestion = conclude(curve, evidence, probes, len(curve) + probes_of.iterations, exhausted=exhausted)
    return replace(suggestion, schedule=name_of(schedule))


def _swept(learner: Learner[Any], lrs: Sequence[float], max_iterations: int, on_record: OnRecord | None) -> RangeTest:
    """The sweep of a search."""
    criterion = RisingLoss()
    records: list[Record] = []
    with _told(records, lrs):
        stop = sweep(learner, lrs, records, criterion, on_record)
    settings = Settings(None, None, None, max_iterations, criterion.smoothing, repr(criterion))
    return RangeTest(tuple(records), stop, settings)


@contextmanager
def _told(records: Sequence[Record], lrs: Sequence[float]) -> Generator[None]:
    """Let an exception pass through unchanged, with a note of where in the sweep it was raised."""
    try:
        yield
    except Exception as error:
        error.add_note(f"lrfinder: raised at iteration {len(records)}, learning rate {lrs[len(records)]:.4g}.")
        raise


def name_of(schedule: Schedule) -> str:
    """What a schedule is called."""
    return str(getattr(schedule, "__name__", type(schedule).__name__))
