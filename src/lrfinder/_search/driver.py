"""The driver of a search: the one loop between a search, which knows no learner, and a runner, which trains."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lrfinder._results.records import Settings
from lrfinder._search.divergence import Attribution
from lrfinder._search.edges import with_raised
from lrfinder._search.effect import rate_has_effect
from lrfinder._search.probes import LocalRunner, VerifiedRunner
from lrfinder._search.search import Search
from lrfinder._sweep import SweepPlan, SweepRecorder, noting_position, with_facts
from lrfinder.learner import restored
from lrfinder.schedules import constant
from lrfinder.stopping import RisingLoss

if TYPE_CHECKING:
    from lrfinder._results.results import RangeTest, Suggestion
    from lrfinder._search.checkpoint import Checkpoint
    from lrfinder._search.probes import Runner
    from lrfinder._search.search import SearchSettings
    from lrfinder._sweep import OnRecord
    from lrfinder.learner import BaseLearner


def run_search(
    learner: BaseLearner,
    settings: SearchSettings,
    *,
    on_record: OnRecord | None = None,
    remote: Runner | None = None,
    checkpoint: Checkpoint | None = None,
) -> Suggestion:
    """Sweep, search, conclude; the learner is restored at the end, even after an exception.

    Args:
        learner: runs the sweep, and the trials unless another runner does.
        settings: the settings of the search.
        on_record: called with each record of the sweep; a runner calls it with those of the trials.
        remote: trains the trials elsewhere, with learners of its own.
        checkpoint: stores the sweep and the trials until the search ends.

    Raises:
        FactoryError: the learner in another process or an earlier run differs from this one.
    """
    with restored(learner) as start:
        stored = None if checkpoint is None else checkpoint.curve
        curve, extra = (stored, 0) if stored is not None else _sweep(learner, start, settings, on_record)
        local = LocalRunner(learner, start, settings.schedule, on_record)
        runner = remote or local
        if len(curve) and (remote is not None or stored is not None):
            runner = VerifiedRunner(runner, curve[0].loss)
        if checkpoint is not None:
            checkpoint.store_sweep(curve)
            runner = checkpoint.wrap(runner, settings.schedule, on_record)
        search = Search(curve, settings)
        while trials := search.ask():
            runner.keep(search.kept)
            search.tell(trials[0], runner.run(trials))
        note = learner.scheduler_note() if settings.schedule is constant else None
    suggestion = with_raised(search.conclude(), local.raised)
    suggestion = suggestion.with_notes(*filter(None, [note]), raised=False)
    return replace(suggestion, extra_iterations=extra + runner.extra_iterations)


def _sweep(
    learner: BaseLearner, start: object, settings: SearchSettings, on_record: OnRecord | None
) -> tuple[RangeTest, int]:
    """Run the sweep that comes first; return it, and the iterations that were trained again."""
    stopping = RisingLoss()
    recorded = Settings(None, None, None, settings.max_iterations, stopping.smoothing, repr(stopping))
    recorder = SweepRecorder.of(SweepPlan(settings.lrs, stopping, recorded), on_record)
    facts = learner.facts()
    recorder.round_rates(learner.applied_rate)
    with noting_position(recorder):
        Attribution(learner, start, min(recorder.lrs)).run(recorder)
        if learner.untrained(0) is not None:  # otherwise the rate 0 shows it: a step that ignores its rate trains at it too
            recorder.has_effect = rate_has_effect(learner, start, recorder)
    return recorder.result(with_facts(recorded, facts, learner.facts())), recorder.extra_iterations
