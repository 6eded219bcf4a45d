"""The search for a rate in ask-and-tell form, without a learner: which trial comes next, and what they all say.

    while trials := search.ask():
        search.tell(trials[0], losses)  # of the first; the others are likely to follow
    suggestion = search.conclude()

The first trial is at the rate 0: its losses are those of the batches before anything is learned. Which trials follow is
decided in :mod:`lrfinder._search.bracketing`, what they say in ``evidence``, ``interval`` and ``conclusion``.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._results.records import Probe, Stop
from lrfinder._search.bracketing import next_trials, rounds_of, start_rate
from lrfinder._search.conclusion import conclude, not_repeated, read_curve
from lrfinder._search.edges import limits, qualified
from lrfinder._search.evidence import Evidence
from lrfinder._search.schedule_check import check_schedule
from lrfinder._search.trial import Trial, rates_of, stop_of
from lrfinder.errors import RatesError
from lrfinder.rates import checked, several
from lrfinder.schedules import constant, name_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from numpy.typing import NDArray

    from lrfinder._results.results import RangeTest, Suggestion
    from lrfinder.schedules import Schedule

CURVE_ALONE_ITERATIONS = 150  # up to which there is no budget for probes
LEAST_ITERATIONS = 50  # below which a sweep does not reach far enough
COARSE_RATES = 30  # of a sweep that probes follow
LOWEST_RATE, HIGHEST_RATE = 1e-7, 100.0  # of the sweep
KEPT_ENDS = 4  # end states kept in addition to the last, for lengthening: as many copies of the learner's state


@dataclass(frozen=True)
class SearchSettings:
    """The settings of a search; :meth:`lrfinder.LRFinder.suggest` explains them.

    Attributes:
        lrs: the rates of the sweep.
        within: the lowest and the highest rate of a trial.
    """

    horizon: int
    max_iterations: int
    lrs: tuple[float, ...]
    within: tuple[float, float]
    schedule: Schedule

    @classmethod
    def checked(
        cls, horizon: int, max_iterations: int, rates: Iterable[float] | None = None, schedule: Schedule = constant
    ) -> SearchSettings:
        """Check the settings; numpy's integers become python's.

        Raises:
            RatesError: a number is not whole or too small, the rates give nothing to choose between, or the schedule is
                never 1.
        """
        try:
            horizon, max_iterations = operator.index(horizon), operator.index(max_iterations)
        except TypeError as error:
            message = f"horizon is {horizon!r} and max_iterations {max_iterations!r}; both count iterations: give ints."
            raise RatesError(message) from error
        if horizon < 1:
            message = f"horizon is {horizon!r}; it is the length of the training that the rate is for, at least 1 iteration."
            raise RatesError(message)
        if max_iterations < LEAST_ITERATIONS:
            message = f"max_iterations is {max_iterations!r}; a curve needs at least {LEAST_ITERATIONS} (650 is usual)."
            raise RatesError(message)
        check_schedule(schedule)
        lrs = several(checked(_default_rates(max_iterations) if rates is None else rates, max_iterations // 2))
        within = (0.0, math.inf) if rates is None else (min(lrs), max(lrs))
        return cls(horizon, max_iterations, lrs, within, schedule)

    @property
    def curve_alone(self) -> bool:
        """``True`` where the curve of the sweep is read without probes."""
        return self.max_iterations <= CURVE_ALONE_ITERATIONS


def _default_rates(max_iterations: int) -> Iterable[float]:
    """Return the rates of the sweep: coarse where probes follow it, otherwise as many as the budget allows."""
    count = max_iterations // 2 if max_iterations <= CURVE_ALONE_ITERATIONS else COARSE_RATES
    return (LOWEST_RATE * (HIGHEST_RATE / LOWEST_RATE) ** (k / (count - 1)) for k in range(count))


class Search:
    """A search after its sweep.

    Attributes:
        iterations: how many the search has used, those of the sweep included.
        kept: the rates whose trials may be lengthened; the end states of all others can be released.
    """

    def __init__(self, curve: RangeTest, settings: SearchSettings) -> None:
        self.iterations = len(curve)
        self.kept: frozenset[float] = frozenset()
        self._curve, self._settings = curve, settings
        self._losses: dict[float, tuple[float, ...]] = {}  # of the longest trial at each rate
        self._stops: dict[float, Stop] = {}
        self._runs: dict[float, dict[int, NDArray[np.float64]]] = {}  # losses by rate and by the length asked for
        self._untrained: tuple[float, ...] = ()
        self._untrained_rate = 0.0  # or the lowest, for optimizers that divide by the rate
        self._evidence = self._weigh()
        self._exhausted = False
        self._starts: dict[float, list[float]] = {}  # the first losses of all trials at each rate
        self._trials = self._bracket()
        self._asked: Sequence[Trial] | None = None

    def ask(self) -> Sequence[Trial]:
        """Return the next trial, then those that follow if its losses change nothing; nothing at the end."""
        if self._asked is None:
            self._asked = next(self._trials, ())
        return self._asked

    def tell(self, trial: Trial, losses: Sequence[float]) -> None:
        """Store the losses of the first trial of :meth:`ask`.

        Args:
            trial: the trial.
            losses: all its losses, shape ``(trial.length,)``; fewer where a loss is not finite, which is then the last, or
                where the data ended.
        """
        stop = stop_of(losses, trial.length)
        self.iterations += len(losses) - trial.done
        self.kept = self.kept | {trial.lr} if stop is Stop.MAX_ITERATIONS else self.kept - {trial.lr}
        if not trial.done:
            self._starts.setdefault(trial.lr, []).extend(losses[:1])
        self._losses[trial.lr], self._stops[trial.lr] = tuple(losses), stop
        self._note_run(trial)
        self._asked = None

    def conclude(self) -> Suggestion:
        """Return what the sweep and the trials so far say."""
        settings = self._settings
        if settings.curve_alone:
            suggestion = read_curve(self._curve, self._untrained, settings.horizon)
        else:
            probes = [Probe(lr, self._losses[lr], self._stops[lr]) for lr in sorted(self._evidence.runs)]
            again = not_repeated(self._curve, self._starts)
            suggestion = conclude(self._curve, self._evidence, probes, self.iterations, again, exhausted=self._exhausted)
        limit = math.inf if math.isfinite(settings.within[1]) else self._limits()[1]
        suggestion = qualified(suggestion, self._untrained, self._losses.get(0.0, ()), limit)
        return replace(suggestion, schedule=name_of(settings.schedule))

    def _bracket(self) -> Generator[Sequence[Trial]]:
        """Yield trials until the search ends or the iterations do."""
        curve, settings = self._curve, self._settings
        if settings.curve_alone:
            yield from self._train_untrained(len(curve))
            return
        rounds = rounds_of(settings.horizon, settings.max_iterations)
        yield from self._train_untrained(max(len(curve), rounds[0].length))
        self._evidence = self._weigh()
        lowest, highest = self._limits()
        if not (len(curve) and self._untrained and np.isfinite(self._untrained).all()):
            return
        start = min(max(start_rate(curve, np.array(self._untrained)), lowest), highest)
        if not start > 0:  # of the given rates, the sweep reached only 0
            return
        while trials := next_trials(self._evidence, rounds, start, lambda lr: lowest <= lr <= highest):
            yield from self._train(trials)
            if self._exhausted or not self._losses[trials[0].lr]:  # the data ended, and did not come back
                return
            self._evidence = self._weigh()
            self._release(trials[0].lr)

    def _limits(self) -> tuple[float, float]:
        return limits(self._curve, self._settings.lrs, self._settings.within)

    def _train_untrained(self, length: int) -> Generator[Sequence[Trial]]:
        """Yield the trial without updates; where it is not finite at the rate 0 alone, one at the lowest rate instead."""
        yield from self._train_reference(length)
        broken = len(self._untrained)  # the last loss, before which there was an update if it is not the first
        if self._untrained_rate or broken <= 1 or np.isfinite(self._untrained).all():
            return
        if np.isfinite(self._curve.losses[:broken]).all():
            self._untrained_rate = min((lr for lr in self._settings.lrs if lr > 0), default=0.0)
            yield from self._train_reference(length)

    def _train_reference(self, length: int) -> Generator[Sequence[Trial]]:
        if length and not self._stopped_early(self._untrained_rate):
            yield [self._with_done(Trial(self._untrained_rate, length))]
            self._untrained = self._losses[self._untrained_rate]

    def _train(self, trials: Sequence[Trial]) -> Generator[Sequence[Trial]]:
        """Yield the first trial; before it one at the rate 0 as long, where no trial has shown an effect yet."""
        first = trials[0]
        blind = first.length > len(self._untrained) and not self._evidence.latest()
        cost = self._cost(first) + (self._cost(Trial(self._untrained_rate, first.length)) if blind else 0)
        if cost > self._settings.max_iterations - self.iterations:
            self._exhausted = True
            return
        if blind:
            yield from self._train_untrained(first.length)
        if self._stopped_early(first.lr):
            self._note_run(first)
        else:
            yield [self._with_done(trial) for trial in trials if not self._stopped_early(trial.lr)]

    def _release(self, lr: float) -> None:
        """Keep the end states of the best trials and of the last; as long as none shows an effect, of all."""
        latest = self._evidence.latest()
        best = sorted(latest, key=latest.__getitem__)[:KEPT_ENDS]
        self.kept &= {lr, *best} if latest else {self._untrained_rate, *self._evidence.runs}

    def _note_run(self, trial: Trial) -> None:
        self._runs.setdefault(trial.lr, {})[trial.length] = np.array(self._losses[trial.lr])

    def _cost(self, trial: Trial) -> int:
        """Return how many iterations a trial takes at most."""
        return 0 if self._stopped_early(trial.lr) else trial.length - self._with_done(trial).done

    def _with_done(self, trial: Trial) -> Trial:
        """Return the trial with ``done`` set to the iterations already run at the same rates."""
        if trial.lr not in self.kept:
            return trial
        schedule, done = self._settings.schedule, len(self._losses[trial.lr])
        same = rates_of(trial, schedule)[:done] == rates_of(Trial(trial.lr, done), schedule)
        return trial._replace(done=done if same else 0)

    def _stopped_early(self, lr: float) -> bool:
        """Return whether a trial stopped early, as a longer one would; under a schedule a longer one may not."""
        constant_rate = rates_of(Trial(1.0, 2), self._settings.schedule) == (1.0, 1.0)
        return constant_rate and self._stops.get(lr, Stop.MAX_ITERATIONS) is not Stop.MAX_ITERATIONS

    def _weigh(self) -> Evidence:
        """Return the evidence of all trials above the rate 0."""
        untrained = np.array(self._untrained)
        both = min(len(self._curve), len(untrained))
        pairs = zip(self._curve.losses[:both].tolist(), self._untrained[:both], strict=True)
        changes = (loss - before for loss, before in pairs)
        fall = max(0.0, -min(filter(math.isfinite, changes), default=0.0))
        runs = {lr: dict(by_length) for lr, by_length in self._runs.items() if lr > self._untrained_rate}
        return Evidence(untrained, fall, runs, self._settings.horizon)
