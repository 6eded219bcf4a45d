"""The finder: runs range tests, searches and comparisons on a learner, and restores it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfinder._arguments import callback, whole
from lrfinder._arguments.other_names import names_explained
from lrfinder._repeatability import warn_unless_repeatable
from lrfinder._results.records import Stop
from lrfinder._results.results import Comparison, RangeTest
from lrfinder._search.divergence import Attribution, name_batch
from lrfinder._search.driver import run_search
from lrfinder._search.effect import rate_has_effect
from lrfinder._search.horizon import DEFAULT_HORIZON, horizon_of
from lrfinder._search.search import KEPT_STATES, SearchSettings
from lrfinder._sweep import (
    DEFAULTS,
    RangeTestSettings,
    SweepRecorder,
    noting_position,
    reading,
    run_sweep,
    train_together,
    trainer_of,
    with_facts,
)
from lrfinder.errors import LRFinderError
from lrfinder.learner import adapted, require_methods, restored
from lrfinder.rates import checked
from lrfinder.schedules import constant

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from matplotlib.axes import Axes

    from lrfinder._results.results import Suggestion
    from lrfinder._sweep import OnRecord, SweepPlan
    from lrfinder.analysis.rules import Rule
    from lrfinder.learner import BaseLearner, Learner
    from lrfinder.schedules import Schedule
    from lrfinder.stopping import StoppingCriterion


class LRFinder:
    """A finder of learning rates for one learner.

    For example::

        finder = LRFinder(TorchLearner(model, optimizer, loss_fn, loader))
        suggestion = finder.suggest(horizon=3000)  # iterations that you will train
        print(suggestion.lr, suggestion.confidence)

    Args:
        learner: what trains; see :class:`lrfinder.Learner`, and ``lrfinder.torch.TorchLearner`` for PyTorch.
    """

    @names_explained
    def __init__(self, learner: Learner[Any]) -> None:
        require_methods(learner)
        self.learner = learner
        self._results: RangeTest | None = None

    def __repr__(self) -> str:
        found = "no range test yet"
        if self._results is not None:
            found = f"last range test: {len(self._results)} iterations, {self._results.stop.value}"
        return f"<LRFinder of a {type(self.learner).__name__}, {found}>"

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

    @names_explained
    def find(  # noqa: PLR0913  (the tutorial's three settings, and those of a sweep in general)
        self,
        lr_start: float = DEFAULTS.lr_start,
        lr_multiplier: float = DEFAULTS.lr_multiplier,
        smoothing: float = DEFAULTS.smoothing,
        *,
        lr_end: float = DEFAULTS.lr_end,
        count: int | None = None,
        max_iterations: int = DEFAULTS.max_iterations,
        rates: Iterable[float] | None = None,
        stopping: StoppingCriterion | None = None,
        on_record: OnRecord | None = None,
        progress: bool = True,
    ) -> RangeTest:
        """Run a range test: one iteration at each of rising rates, until the stopping criterion ends it.

        Afterwards the learner is as it was before, even after an exception, which passes through unchanged; the records up
        to it are in :attr:`results`. An exception that comes at a high rate, and on the same batches not at the lowest, ends
        the test instead, with ``Stop.RAISED`` and its text in the notes.

        At the end, the test begins once more at its highest rate, up to the first loss that differs: usually two iterations.
        If all losses are the same bit for bit, the rate has no effect, and the result suggests none.

        Source: Smith 2017, section 3.3.

        Args:
            lr_start: the first rate.
            lr_multiplier: each rate is this many times the one before.
            smoothing: weight of the past in the running mean of the default stopping criterion.
            lr_end: no rate goes above this.
            count: the number of rates from ``lr_start`` to ``lr_end``, both included, in place of ``lr_multiplier``.
            max_iterations: no more iterations than this.
            rates: the rates themselves (any iterable, such as :func:`lrfinder.linear`) in place of the geometric ladder.
            stopping: called with each loss; a truthy value ends the test. NaN or infinity ends it in any case.
            on_record: called with each :class:`lrfinder.Record` as it is recorded.
            progress: whether a script in a terminal shows a bar, on stderr, if the test lasts for more than 2 seconds. With
                ``on_record`` there is none. For notebooks, see :func:`lrfinder.views.live.live_curve`.

        Raises:
            RatesError: the settings describe no sweep.
        """
        plan = RangeTestSettings(
            lr_start=lr_start,
            lr_multiplier=lr_multiplier,
            smoothing=smoothing,
            lr_end=lr_end,
            count=count,
            max_iterations=max_iterations,
            rates=rates,
            stopping=stopping,
        ).plan()
        callback("on_record", on_record)
        learner = adapted(self.learner)
        with _watched(learner, "range test", len(plan.lrs), on_record, shown=progress) as watch:
            return self._find(learner, plan, watch)

    def _find(self, learner: BaseLearner, plan: SweepPlan, on_record: OnRecord | None) -> RangeTest:
        recorder, settings = SweepRecorder.of(plan, on_record), plan.settings
        try:
            with restored(learner) as start, noting_position(recorder):
                facts = learner.facts()
                recorder.round_rates(learner.applied_rate)
                Attribution(learner, start, min(recorder.lrs)).run(recorder)
                settings = with_facts(settings, facts, learner.facts())
                name_batch(learner, start, recorder)
                recorder.has_effect = rate_has_effect(learner, start, recorder)
                recorder.notes += filter(None, [learner.scheduler_note()])
        finally:
            if recorder.records or recorder.stop is not None:
                self._results = recorder.result(settings)
        return self.results

    @names_explained
    def compare(self, lrs: Iterable[float], iterations: int = 300, *, on_record: OnRecord | None = None) -> Comparison:
        """Train ``iterations`` iterations at each rate, every time from the present state and on the same batches.

        A run ends early if its loss becomes NaN or infinite, or its data end; the others continue. Afterwards the learner is
        as it was before. A warning says so if the losses show that the training does not repeat.

        Raises:
            RatesError: there are no rates, one is not a finite number of at least 0, or ``iterations`` is below 1.
        """
        iterations = whole("iterations", iterations, 1, "it is the length of each training (300 is usual)")
        callback("on_record", on_record)
        lrs = checked(lrs, sys.maxsize)
        losses = np.full((len(lrs), iterations), np.nan)
        stops: list[Stop] = []
        trainings = [(lr,) * iterations for lr in lrs]
        learner = adapted(self.learner)
        with restored(learner) as state:
            together = train_together(learner, [state] * len(lrs), trainings)
            for k, (row, training) in enumerate(zip(losses, trainings, strict=True)):
                recorder = SweepRecorder(training, None, on_record, last_stop=Stop.MAX_ITERATIONS)
                if together is None and k > 0:
                    learner.restore(state)
                with noting_position(recorder):
                    run_sweep(trainer_of(learner, training) if together is None else reading(together[k][0]), recorder)
                row[: len(recorder.records)] = [record.loss for record in recorder.records]
                assert recorder.stop is not None
                stops.append(recorder.stop)
            warn_unless_repeatable(learner, state, lrs, losses)
        rates = np.array(lrs)
        for array in (rates, losses):
            array.setflags(write=False)
        return Comparison(rates, losses, tuple(stops))

    @names_explained
    def suggest(  # noqa: PLR0913  (the training that the rate is for, and the search)
        self,
        horizon: int = DEFAULT_HORIZON,
        *,
        epochs: float | None = None,
        max_iterations: int = 650,
        rates: Iterable[float] | None = None,
        schedule: Schedule = constant,
        keep: int = KEPT_STATES,
        on_record: OnRecord | None = None,
        progress: bool = True,
    ) -> Suggestion:
        """Suggest the rate at which a run of ``horizon`` iterations ends lowest.

        A sweep comes first, then probes: short runs at a few rates, from the same start and on the same batches.

        Afterwards the learner is as it was before, even after an exception, which passes through with a note of where it was
        raised.

        Args:
            horizon: iterations of the training run that the rate is for.
            epochs: the length of that run in passes over the data, in place of ``horizon``; a fraction too. It is for
                learners whose data have a length.
            max_iterations: no more iterations than this for sweep and probes together; with 150 or fewer, the curve of the
                sweep alone is read, against the losses of the same batches untrained.
            rates: the rates of the sweep, in place of its own ladder: two or more, at most half of ``max_iterations``; no
                probe leaves their range.
            schedule: how the rate moves through that run: a function of its progress (0 to 1) with maximum value 1; the
                suggested rate is then the peak of the schedule.
            keep: copies of the model's and the optimizer's state that the search may hold at once. With more than 3 it
                lengthens more of its probes, and spends fewer iterations on training them again.
            on_record: called with each :class:`lrfinder.Record` as it is recorded.
            progress: as for :meth:`find`.

        Raises:
            RatesError: a setting is out of range, or ``epochs`` is given and the length of the data is unknown.
        """
        learner = adapted(self.learner)
        horizon = horizon_of(learner, horizon, epochs)
        settings = SearchSettings.checked(horizon, max_iterations, rates, schedule, keep)
        callback("on_record", on_record)
        with _watched(learner, "sweep and probes", settings.max_iterations, on_record, shown=progress) as watch:
            return run_search(learner, settings, on_record=watch)

    @names_explained
    def plot(
        self, ax: Axes | None = None, *, rules: bool | Iterable[Rule] | Mapping[str, Rule] = False, suggestion: bool = True
    ) -> Axes:
        """Draw the last range test; see :meth:`lrfinder.RangeTest.plot`."""
        return self.results.plot(ax, rules=rules, suggestion=suggestion)


@contextmanager
def _watched(
    learner: BaseLearner, what: str, total: int, on_record: OnRecord | None, *, shown: bool
) -> Generator[OnRecord | None]:
    """Yield the callback for records: that of the user, or else a bar where a person watches a terminal."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()  # pyright: ignore[reportUnnecessaryComparison]  (None without a console)
    if on_record is not None or not shown or not is_terminal:
        yield on_record
        return
    from lrfinder.views.live import late_progress

    with late_progress(what, total, lambda: learner.rank == 0) as bar:
        yield bar
