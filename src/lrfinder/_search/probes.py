"""Probes: short trainings from one snapshot on the same batches. Runners train the trials that a search asks for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from lrfinder._results.records import Record, Stop
from lrfinder._search.divergence import Attribution
from lrfinder._search.trial import Trial, is_same_loss, rates_of
from lrfinder._sweep import SweepRecorder, reading, run_sweep, train_together, trainer_of, untrained_trainer_of
from lrfinder.errors import FactoryError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from lrfinder._search.trial import Losses
    from lrfinder._sweep import OnRecord
    from lrfinder.learner import BaseLearner
    from lrfinder.schedules import Schedule


LOWEST_LR = 1e-7  # at which a trial that raised is trained again


class Runner(Protocol):
    """A way to train the trials of a search.

    Attributes:
        extra_iterations: iterations trained so far that the search does not use.
    """

    @property
    def extra_iterations(self) -> int: ...

    def run(self, trials: Sequence[Trial]) -> Losses:
        """Train the first trial; the others are likely to follow, and may be started.

        Returns:
            All losses of the first trial, from its first iteration on; fewer than its length where a loss is not finite,
            which is then the last, or where the data end.
        """
        ...

    def keep(self, lrs: Iterable[float]) -> None:
        """Keep the end states of the trials at ``lrs`` and release all others; only these may be lengthened."""
        ...


def emit(trial: Trial, losses: Losses, schedule: Schedule, on_record: OnRecord | None) -> None:
    """Call ``on_record`` with the new records of a trial that was trained elsewhere."""
    if on_record is not None:
        rates = rates_of(trial, schedule)[trial.done :]
        for lr, loss in zip(rates, losses[trial.done :], strict=False):
            on_record(Record(lr, loss))


class VerifiedRunner:
    """A runner that wraps a runner with another learner and checks that it is the same one.

    Every trial has to start with the loss of the sweep.

    Args:
        runner: trains, in another process or after an interruption.
        first_loss: the first loss of the sweep.

    Raises:
        FactoryError: when a trial is run: its first loss is another one.
    """

    def __init__(self, runner: Runner, first_loss: float) -> None:
        self._runner, self._first_loss = runner, first_loss

    @property
    def extra_iterations(self) -> int:
        return self._runner.extra_iterations

    def run(self, trials: Sequence[Trial]) -> Losses:
        losses = self._runner.run(trials)
        if losses:
            self._require_same(losses[0])
        return losses

    def keep(self, lrs: Iterable[float]) -> None:
        self._runner.keep(lrs)

    def _require_same(self, first: float) -> None:
        expected = self._first_loss
        if not is_same_loss(first, expected):
            message = (
                f"The first loss was {expected:.6g} in the sweep and is {first:.6g} in a probe of another worker or run: "
                "the factory must make the same learner wherever and whenever it is called. Let it set every seed that it "
                "draws from, and read the same data."
            )
            raise FactoryError(message)


class LocalRunner:
    """A runner that trains with the learner of this process, many trials at once where the learner is faster so.

    Args:
        learner: trains; it is left wherever the last trial ends.
        start: the state that every trial starts from.
        schedule: how the rate moves through a trial.
        on_record: called with each record that the search uses, as it is trained.

    Attributes:
        raised: what trials raised because of their rate, by that rate; the last of their losses is NaN.
    """

    def __init__(self, learner: BaseLearner, start: object, schedule: Schedule, on_record: OnRecord | None) -> None:
        self._learner, self._start = learner, start
        self._schedule, self._on_record = schedule, on_record
        self._ends: dict[float, tuple[object, Losses]] = {}  # the state after a trial, and all losses up to there
        self._ahead: dict[Trial, tuple[list[float], object]] = {}  # trained together with others, not requested yet
        self._attribution = Attribution(learner, start, LOWEST_LR)
        self.raised: dict[float, str] = {}
        self.extra_iterations = 0

    def run(self, trials: Sequence[Trial]) -> Losses:
        trial = trials[0]
        if trial not in self._ahead:
            self._train_ahead(trials)
        ahead = self._ahead.pop(trial, None)
        before = self._resume(trial) if ahead is None else self._ends.pop(trial.lr)[1] if trial.done else ()
        rates = rates_of(trial, self._schedule)[trial.done :]
        recorder = SweepRecorder(rates, None, self._on_record, last_stop=Stop.MAX_ITERATIONS)
        with _noting_probe(trial, recorder):
            if ahead is None:
                self._train(trial, recorder)
            else:
                run_sweep(reading(ahead[0]), recorder)
        losses = (*before, *(record.loss for record in recorder.records))
        if recorder.stop is Stop.MAX_ITERATIONS:
            self._ends[trial.lr] = (self._end() if ahead is None else ahead[1]), losses
        return losses

    def keep(self, lrs: Iterable[float]) -> None:
        kept = set(lrs)
        self._ends = {lr: end for lr, end in self._ends.items() if lr in kept}

    def _end(self) -> object:
        """Return a copy of the state where a trial ends; only iterations follow it."""
        self._learner.trim()
        return self._learner.snapshot()

    def _train(self, trial: Trial, recorder: SweepRecorder) -> None:
        if trial.lr == 0:
            run_sweep(untrained_trainer_of(self._learner, len(recorder.lrs)), recorder)
            return
        before = rates_of(trial, self._schedule)[: trial.done]
        self._attribution.run(recorder, before)
        self.extra_iterations += recorder.extra_iterations
        self.raised.update(dict.fromkeys([trial.lr] if recorder.notes else [], " ".join(recorder.notes)))

    def _resume(self, trial: Trial) -> Losses:
        """Bring the learner to where the trial goes on; return the losses up to there."""
        state, losses = self._ends.pop(trial.lr, (None, ()))  # this copy and the next one would be one too many
        if trial.done and trial.done == len(losses):
            self._learner.restore(state)
            return losses
        self._learner.restore(self._start)
        rates = rates_of(trial, self._schedule)[: trial.done]
        beginning = SweepRecorder(rates)  # of an earlier run of the search, whose state is gone
        with _noting_probe(trial._replace(done=0), beginning):
            train = trainer_of(self._learner, rates) if trial.lr else untrained_trainer_of(self._learner, len(rates))
            run_sweep(train, beginning)
        self.extra_iterations += len(beginning.records)
        return tuple(record.loss for record in beginning.records)

    def _train_ahead(self, trials: Sequence[Trial]) -> None:
        """Train the first trial together with those that start at the same iteration, where the learner is faster so."""
        length, done = trials[0][1:]
        alike = [one for one in trials if one[1:] == (length, done) and (not done or one.lr in self._ends)]
        if trials[0] not in alike:
            return
        starts = [self._ends[one.lr][0] if done else self._start for one in alike]
        rows = [rates_of(one, self._schedule)[done:] for one in alike]
        results = train_together(self._learner, starts, rows)
        self._ahead = dict(zip(alike, results, strict=True)) if results else {}


@contextmanager
def _noting_probe(trial: Trial, recorder: SweepRecorder) -> Generator[None]:
    try:
        yield
    except Exception as error:
        position = trial.done + len(recorder.records)
        error.add_note(f"lrfinder: raised in the probe at the learning rate {trial.lr:.4g}, at iteration {position}.")
        raise
