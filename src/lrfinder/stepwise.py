"""A range test whose iterations somebody else makes: a loop of the user's, or a trainer that calls back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from lrfinder.rates import checked, geometric
from lrfinder.records import RangeTest, Record, Settings, Stop
from lrfinder.stopping import LRFinderStoppingCriteria
from lrfinder.sweep import verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lrfinder.stopping import StoppingCriterion


class Asked(TypedDict, total=False):
    """What a range test may be asked to do: the arguments of :meth:`lrfinder.LRFinder.find`, with its defaults."""

    lr_start: float
    lr_multiplier: float
    smoothing: float
    lr_end: float
    max_iterations: int
    rates: Iterable[float] | None
    stopping: StoppingCriterion | None
    on_record: Callable[[Record], object] | None


class Stepwise:
    """A sweep without its loop: gives one rate after the other, takes the loss of each, and says when it is over.

    Raises:
        RatesError: the settings make no sweep.
    """

    def __init__(  # noqa: PLR0913  (those of LRFinder.find)
        self,
        lr_start: float = 1e-6,
        lr_multiplier: float = 1.1,
        smoothing: float = 0.3,
        *,
        lr_end: float = 10.0,
        max_iterations: int = 1000,
        rates: Iterable[float] | None = None,
        stopping: StoppingCriterion | None = None,
        on_record: Callable[[Record], object] | None = None,
    ) -> None:
        self._lrs = checked(geometric(lr_start, lr_multiplier, lr_end) if rates is None else rates, max_iterations)
        self._stopping = LRFinderStoppingCriteria(smoothing) if stopping is None else stopping
        self._on_record = on_record
        geometric_settings = (lr_start, lr_multiplier, lr_end) if rates is None else (None, None, None)
        self._settings = Settings(*geometric_settings, max_iterations, smoothing, repr(self._stopping))
        more = rates is None and self._lrs[-1] * lr_multiplier <= lr_end
        self._at_last_rate = Stop.MAX_ITERATIONS if more else Stop.LAST_RATE
        self.records: list[Record] = []
        self.stop: Stop | None = None
        reset: Callable[[], object] | None = getattr(self._stopping, "reset", None)
        if reset is not None:
            reset()

    @property
    def lr(self) -> float:
        """The rate of the next loss; after the last, the last."""
        return self._lrs[min(len(self.records), len(self._lrs) - 1)]

    def record(self, loss: float) -> Stop | None:
        """Take the loss that belongs to :attr:`lr`; why the sweep is over, if it is."""
        record = Record(self.lr, loss)
        if self._on_record is not None:
            self._on_record(record)
        self.records.append(record)
        last = self._at_last_rate if len(self.records) == len(self._lrs) else None
        self.stop = verdict(loss, self._stopping) or last
        return self.stop

    def result(self, otherwise: Stop = Stop.LEFT) -> RangeTest:
        """The curve so far; ``otherwise`` is why it ended, where nothing here said so."""
        return RangeTest(tuple(self.records), self.stop or otherwise, self._settings)
