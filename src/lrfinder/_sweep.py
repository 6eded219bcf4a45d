"""The range test: its settings, the loop that trains, and the recorder that also serves loops of other owners."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, SupportsFloat, TypedDict

from lrfinder._arguments.other_names import check_names
from lrfinder._results.records import Record, Settings, Stop
from lrfinder._results.results import RangeTest
from lrfinder.errors import DataEndedError, RatesError
from lrfinder.rates import MULTIPLIER, checked, geometric, multiplier_of
from lrfinder.stopping import LRFinderStoppingCriteria

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from lrfinder._results.facts import TrainingFacts
    from lrfinder.learner import BaseLearner
    from lrfinder.stopping import StoppingCriterion

    OnRecord = Callable[[Record], object]
    Train = Callable[[float], SupportsFloat]  # one iteration at a rate
    IsDivergence = Callable[[Exception], bool]
    Rates = tuple[Sequence[float], tuple[float | None, float | None, float | None], Stop]


class SweepOptions(TypedDict, total=False):
    """The settings that :meth:`lrfinder.LRFinder.find` takes by keyword alone, for functions that pass them on."""

    lr_end: float
    count: int | None
    max_iterations: int
    rates: Iterable[float] | None
    stopping: StoppingCriterion | None


class FindOptions(SweepOptions, total=False):
    """All settings of :class:`RangeTestSettings`, for functions that pass them on."""

    lr_start: float
    lr_multiplier: float
    smoothing: float


@dataclass(frozen=True, kw_only=True)
class RangeTestSettings:
    """The settings of a range test and their defaults; :meth:`lrfinder.LRFinder.find` explains them."""

    lr_start: float = 1e-6
    lr_multiplier: float = MULTIPLIER
    smoothing: float = 0.3
    lr_end: float = 10.0
    count: int | None = None
    max_iterations: int = 1000
    rates: Iterable[float] | None = None
    stopping: StoppingCriterion | None = None

    @classmethod
    def of(cls, called: str, options: Mapping[str, Any]) -> RangeTestSettings:
        """Return the settings from the keyword arguments of a function.

        Raises:
            TypeError: there is no setting of such a name.
        """
        check_names(called, options, [one.name for one in fields(cls)])
        return cls(**options)

    def plan(self) -> SweepPlan:
        """Check the settings and compute the rates.

        Raises:
            RatesError: the settings describe no sweep.
        """
        usual = LRFinderStoppingCriteria(self.smoothing)
        stopping = usual if self.stopping is None else self.stopping
        if not callable(stopping):
            message = f"stopping is {stopping!r}; give a function that is called with each loss, or leave it out."
            raise RatesError(message)
        lrs, ends, last_stop = self._ladder() if self.rates is None else self._listed(self.rates)
        settings = Settings(*ends, int(self.max_iterations), float(self.smoothing), repr(stopping))
        return SweepPlan(lrs, stopping, settings, last_stop)

    def _ladder(self) -> Rates:
        """Return the rates by a factor, the numbers that describe them, and why the sweep ends after the last."""
        ladder = geometric(self.lr_start, self.lr_multiplier, self.lr_end, count=self.count)
        lrs = checked(ladder, self.max_iterations)
        cut_short = next(ladder, None) is not None
        if cut_short and self.count is not None:
            message = (
                f"count is {self.count} and max_iterations {self.max_iterations}; the sweep would end before lr_end: "
                "let max_iterations be at least count."
            )
            raise RatesError(message)
        multiplier = multiplier_of(self.lr_start, self.lr_multiplier, self.lr_end, self.count)
        ends = (float(self.lr_start), multiplier, float(self.lr_end))
        return lrs, ends, Stop.MAX_ITERATIONS if cut_short else Stop.LAST_RATE

    def _listed(self, rates: Iterable[float]) -> Rates:
        if self.count is not None:
            message = f"count is {self.count!r}, and rates lists the rates themselves: leave one of them out."
            raise RatesError(message)
        return checked(rates, self.max_iterations), (None, None, None), Stop.LAST_RATE


DEFAULTS = RangeTestSettings()


@dataclass(frozen=True)
class SweepPlan:
    """A sweep before it runs.

    Attributes:
        lrs: the rates, one for each iteration.
        stopping: called with each loss; ``None`` stops at a loss that is not finite alone.
        settings: the settings that the result reports.
        last_stop: why the sweep ends after the last rate.
    """

    lrs: Sequence[float]
    stopping: StoppingCriterion | None
    settings: Settings
    last_stop: Stop = Stop.LAST_RATE


class SweepRecorder:
    """The records of a sweep: gives one rate after the other, stores the loss of each, and decides when the sweep ends.

    The loop may be :func:`run_sweep`, a loop of the user's, or that of a trainer that calls back.

    Attributes:
        lrs: the rates.
        records: the records so far.
        stop: why the sweep has ended; ``None`` while it goes on.
        notes: remarks on it.
        has_effect: whether the rate has an effect on the losses.
        extra_iterations: those that were trained again to find out why it ended.
    """

    def __init__(
        self,
        lrs: Sequence[float],
        stopping: StoppingCriterion | None = None,
        on_record: OnRecord | None = None,
        *,
        last_stop: Stop = Stop.LAST_RATE,
    ) -> None:
        self.lrs = lrs
        self.records: list[Record] = []
        self.stop: Stop | None = None
        self.notes: list[str] = []
        self.has_effect = True
        self.extra_iterations = 0
        self._stopping, self._on_record = stopping, on_record
        self._last, self._last_stop = len(lrs) - 1, last_stop
        forget: Callable[[], object] | None = getattr(stopping, "reset", None)
        if forget is not None:
            forget()

    @classmethod
    def of(cls, plan: SweepPlan, on_record: OnRecord | None = None) -> SweepRecorder:
        """Return a recorder for ``plan``."""
        return cls(plan.lrs, plan.stopping, on_record, last_stop=plan.last_stop)

    def round_rates(self, applied_rate: Callable[[float], float]) -> None:
        """Replace the rates by those that the training applies."""
        self.lrs = tuple(map(applied_rate, self.lrs))

    @property
    def lr(self) -> float:
        """The rate of the next loss; after the last rate, the last."""
        return self.lrs[min(len(self.records), self._last)]

    def record(self, loss: float) -> Stop | None:
        """Store the loss that belongs to :attr:`lr`; return why the sweep ends with it, if it does."""
        record = Record(self.lr, loss)
        if self._on_record is not None:
            self._on_record(record)
        if not math.isfinite(loss):
            self.stop = Stop.NOT_FINITE
        elif self._stopping is not None and (decision := self._stopping(loss)):
            self.stop = decision if isinstance(decision, Stop) else Stop.CRITERION
        elif len(self.records) >= self._last:
            self.stop = self._last_stop
        self.records.append(record)
        return self.stop

    def end_raised(self, note: str) -> None:
        """End the sweep at :attr:`lr`, at which the training raises; its record has the loss NaN."""
        self.record(math.nan)
        self.stop = Stop.RAISED
        self.notes.append(note)

    def result(self, settings: Settings, otherwise: Stop = Stop.LEFT) -> RangeTest:
        """Return the curve so far; ``otherwise`` is why it ended, where nothing here decided so."""
        return RangeTest(tuple(self.records), self.stop or otherwise, settings, tuple(self.notes), self.has_effect)


def with_facts(settings: Settings, before: TrainingFacts | None, after: TrainingFacts | None) -> Settings:
    """Return the settings with what the learner knew before the sweep, and the batch size that it has seen since."""
    if before is None or after is None:
        return settings
    return replace(settings, facts=replace(before, batch_size=after.batch_size))


def run_sweep(train: Train, recorder: SweepRecorder, is_divergence: IsDivergence | None = None) -> SweepRecorder:
    """Train one iteration at each rate until the recorder stops or the data end.

    An exception of the training also ends it where ``is_divergence`` returns ``True``, and passes through otherwise.
    """
    record = recorder.record
    for lr in recorder.lrs:
        try:
            loss = float(train(lr))
        except DataEndedError:
            recorder.stop = Stop.DATA_ENDED
            break
        except Exception as error:
            if is_divergence is None or not is_divergence(error):
                raise
            break
        if record(loss) is not None:
            break
    return recorder


def trainer_of(learner: BaseLearner, lrs: Sequence[float]) -> Train:
    """Return the function that trains one iteration at each of ``lrs`` in turn, in the learner's fastest way."""
    losses = learner.iterations(lrs)
    return learner.iteration if losses is None else reading(losses)


def untrained_trainer_of(learner: BaseLearner, count: int) -> Train:
    """Return the function that gives the next ``count`` losses before any update, if need be by training at the rate 0."""
    losses = learner.untrained(count)
    return trainer_of(learner, [0.0] * count) if losses is None else reading(losses)


def reading(losses: Iterable[SupportsFloat]) -> Train:
    """Return a function that gives losses that were, or are, computed elsewhere; the data end where they do."""
    iterator = iter(losses)

    def next_loss(_: float) -> SupportsFloat:
        try:
            return next(iterator)
        except StopIteration:
            raise DataEndedError from None

    return next_loss


def train_together(
    learner: BaseLearner, states: Sequence[Any], lrs: Sequence[Sequence[float]]
) -> list[tuple[list[float], Any]] | None:
    """Train from each state at the rates of its row, all at once.

    Returns:
        The losses of each training and the state after it; ``None`` where one after the other is faster.
    """
    results = learner.trainings(states, lrs) if len(states) > 1 else None
    return None if results is None else [(row.tolist(), end) for row, end in zip(*results, strict=True)]


@contextmanager
def noting_position(recorder: SweepRecorder) -> Generator[None]:
    """Let an exception pass through unchanged, with a note of the iteration and the rate at which it was raised."""
    try:
        yield
    except Exception as error:
        error.add_note(f"lrfinder: raised at iteration {len(recorder.records)}, learning rate {recorder.lr:.4g}.")
        raise
