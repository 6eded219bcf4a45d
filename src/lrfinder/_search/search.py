"""The search for a rate in ask-and-tell form, without a learner: which trial comes next, and what they all say.

    while trials := search.ask():
        search.tell(trials[0], losses)  # of the first; the others are likely to follow
    suggestion = search.conclude()

The first trial is at the rate 0: its losses are those of the batches before anything is learned. Which trials follow is
decided in :mod:`lrfinder._search.rounds`, what they say in ``evidence``, ``posterior`` and ``conclusion``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._arguments import whole
from lrfinder._results.records import Probe, Stop
from lrfinder._search.conclusion import conclude, not_repeated, read_curve, read_paired
from lrfinder._search.edges import limits, qualified, with_range_to_give
from lrfinder._search.evidence import Evidence
from lrfinder._search.horizon import LEAST_HORIZON
from lrfinder._search.posterior import Posterior
from lrfinder._search.rounds import next_trials, rounds_of
from lrfinder._search.schedule_check import check_schedule
from lrfinder._search.trial import Trial, rates_of, stop_of
from lrfinder._search.valley import valley
from lrfinder.analysis.curve import LARGEST_LOSS
from lrfinder.analysis.reading import usual
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
LEAST_STATES = 2  # of the start and of the last trial
KEPT_STATES = 3  # copies of the learner's state: of its start, and of the ends of trials that may be lengthened


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
    keep: int = KEPT_STATES

    @classmethod
    def checked(
        cls,
        horizon: int,
        max_iterations: int,
        rates: Iterable[float] | None = None,
        schedule: Schedule = constant,
        keep: int = KEPT_STATES,
    ) -> SearchSettings:
        """Check the settings; numpy's integers become python's.

        Raises:
            RatesError: a number is not whole or too small, the rates give nothing to choose between, or the schedule is
                never 1.
        """
        horizon = whole("horizon", horizon, 1, "it is the length of the training that the rate is for, in iterations")
        max_iterations = whole(
            "max_iterations", max_iterations, LEAST_ITERATIONS, "it limits sweep and probes together (650 is usual)"
        )
        keep = whole("keep", keep, LEAST_STATES, "it limits the copies of the state (3 is usual)")
        check_schedule(schedule)
        lrs = several(checked(_default_rates(max_iterations) if rates is None else rates, max_iterations // 2))
        within = (0.0, math.inf) if rates is None else (min(lrs), max(lrs))
        return cls(horizon, max_iterations, lrs, within, schedule, keep)

    def __post_init__(self) -> None:
        if self.horizon < LEAST_HORIZON and not self.curve_alone:
            message = (
                f"horizon is {self.horizon!r}; the losses of a training as short do not tell rates apart: give at least "
                f"{LEAST_HORIZON}, or max_iterations={CURVE_ALONE_ITERATIONS} to read the curve alone."
            )
            raise RatesError(message)

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
        self._posterior: Posterior | None = None
        self._starts: dict[float, list[float]] = {}  # the first losses of all trials at each rate
        self._lengths: list[int] = []  # of the rounds
        self._is_constant = rates_of(Trial(1.0, 2), settings.schedule) == (1.0, 1.0)
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
            suggestion = conclude(self._curve, self._evidence, self._posterior, probes, self.iterations, again)
        limit = math.inf if math.isfinite(settings.within[1]) else self._limits()[1]
        suggestion = qualified(suggestion, self._untrained, self._losses.get(0.0, ()), limit)
        if math.isfinite(settings.within[1]):
            suggestion = with_range_to_give(suggestion, self._untrained, settings.within)
        return replace(suggestion, schedule=name_of(settings.schedule))

    def _bracket(self) -> Generator[Sequence[Trial]]:
        """Yield trials until the search ends or the iterations do."""
        curve, settings = self._curve, self._settings
        if not curve.has_effect:
            return
        if settings.curve_alone:
            yield from self._train_untrained(len(curve))
            return
        facts = curve.settings.facts
        trained = facts is not None and facts.trained
        rounds = rounds_of(settings.horizon, settings.max_iterations)
        yield from self._train_untrained(max(len(curve), rounds[0].length))
        if self._stops.get(self._untrained_rate) is Stop.DATA_ENDED:  # no trial can be longer
            rounds = rounds_of(max(1, len(self._untrained)), settings.max_iterations)
        self._lengths = sorted({one.length for one in rounds})
        self._evidence = self._weigh()
        allowed = self._limits()
        if not (len(curve) and self._untrained and np.isfinite(self._untrained).all() and allowed[0] > 0):
            return
        reading = None if curve.stop is Stop.DATA_ENDED else read_paired(curve, self._untrained)
        reading = reading or usual(allowed, facts)
        self._posterior = posterior = Posterior(reading, allowed, valley(trained=trained), settings.horizon)
        while trials := next_trials(self._evidence, posterior, rounds, allowed, self._pays):
            could_pay = yield from self._train(trials)
            if not could_pay or () in self._losses.values():  # the data ended, and did not come back
                return
            self._evidence = self._weigh()
            for length in self._evidence.lengths:
                posterior.update(length, self._evidence.scores(length))

    def _pays(self, trials: Sequence[Trial]) -> bool:
        """Return whether there are iterations left for all of the trials."""
        return sum(map(self._cost, trials)) <= self._settings.max_iterations - self.iterations

    def _limits(self) -> tuple[float, float]:
        lowest, highest = limits(self._curve, self._settings.lrs, self._settings.within)
        return lowest or self._lowest_rate, highest

    @property
    def _lowest_rate(self) -> float:
        """The lowest rate of the sweep above 0; 0 where there is none."""
        return min((lr for lr in self._settings.lrs if lr > 0), default=0.0)

    def _train_untrained(self, length: int) -> Generator[Sequence[Trial]]:
        """Yield the trial without updates; where it is not finite at the rate 0 alone, one at the lowest rate instead."""
        yield from self._train_reference(length)
        broken = len(self._untrained)  # the last loss, before which there was an update if it is not the first
        if self._untrained_rate or broken <= 1 or np.isfinite(self._untrained).all():
            return
        if np.isfinite(self._curve.losses[:broken]).all():
            self._untrained_rate = self._lowest_rate
            yield from self._train_reference(length)

    def _train_reference(self, length: int) -> Generator[Sequence[Trial]]:
        if length and not self._stopped_early(self._untrained_rate):
            self._release_states(self._untrained_rate)
            yield [self._with_done(Trial(self._untrained_rate, length))]
            self._untrained = self._losses[self._untrained_rate]

    def _train(self, trials: Sequence[Trial]) -> Generator[Sequence[Trial], None, bool]:
        """Yield the first trials that can be paid for; before them the rate 0 as long, where no trial trains yet.

        Returns:
            ``False`` where the iterations that are left pay for none.
        """
        endless = self._stops.get(self._untrained_rate) is not Stop.DATA_ENDED  # else no trial sees more batches
        blind = endless and trials[0].length > len(self._untrained) and not self._evidence.any_trains
        if blind and self._pays([Trial(self._untrained_rate, trials[0].length), trials[0]]):
            yield from self._train_untrained(trials[0].length)
        payable = [trial for trial in trials if self._pays([trial])]
        if not payable or (blind and len(self._untrained) < trials[0].length):
            return False
        if self._stopped_early(payable[0].lr):
            self._note_run(payable[0])
        else:
            self._release_states(payable[0].lr)
            yield [self._with_done(trial) for trial in payable if not self._stopped_early(trial.lr)]
        return True

    def _release_states(self, lr: float) -> None:
        """Release end states, so that with the one of the next trial there are no more than may be kept.

        That of the trial at ``lr`` stays, and of the others those with the least regret to expect.
        """
        count = self._settings.keep - 2  # besides the start and the next
        others = np.array(sorted(self.kept - {lr}))
        if self._posterior is not None and len(others) > count:
            regrets = self._posterior.expected_regrets(np.log2(np.maximum(others, LOWEST_RATE)))
            others = others[regrets.argsort(kind="stable")[:count]]
        self.kept &= {lr, *others.tolist()}

    def _note_run(self, trial: Trial) -> None:
        """Store what a trial says about its length and, at a constant rate, about all shorter ones."""
        recorded = np.array(self._losses[trial.lr])
        limited = np.clip(recorded, -LARGEST_LOSS, LARGEST_LOSS)  # so that squares do not overflow
        losses = np.where(np.isfinite(recorded), limited, recorded)
        runs = self._runs.setdefault(trial.lr, {})
        shorter = [length for length in self._lengths if length < trial.length] if self._is_constant else []
        runs |= {length: losses[:length] for length in (*shorter, trial.length)}

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
        return self._is_constant and self._stops.get(lr, Stop.MAX_ITERATIONS) is not Stop.MAX_ITERATIONS

    def _weigh(self) -> Evidence:
        """Return the evidence of all trials above the rate 0."""
        untrained = np.array(self._untrained)
        runs = {lr: dict(by_length) for lr, by_length in self._runs.items() if lr > self._untrained_rate}
        return Evidence(untrained, runs, self._settings.horizon)
