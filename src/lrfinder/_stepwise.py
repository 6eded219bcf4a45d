"""A range test whose iterations somebody else makes: a loop of the user's, or a trainer that calls back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfinder._results.records import Record, Stop
from lrfinder._results.results import RangeTest
from lrfinder._sweep import reset, verdict

if TYPE_CHECKING:
    from lrfinder._plan import Plan
    from lrfinder._sweep import OnRecord


class Stepwise:
    """A sweep without its loop: gives one rate after the other, takes the loss of each, and says when it is over."""

    def __init__(self, plan: Plan, on_record: OnRecord | None = None) -> None:
        self._plan = plan
        self._on_record = on_record
        self.records: list[Record] = []
        self.stop: Stop | None = None
        reset(plan.stopping)

    @property
    def lr(self) -> float:
        """The rate of the next loss; after the last, the last."""
        return self._plan.lrs[min(len(self.records), len(self._plan.lrs) - 1)]

    def record(self, loss: float) -> Stop | None:
        """Take the loss that belongs to :attr:`lr`; why the sweep is over, if it is."""
        record = Record(self.lr, loss)
        if self._on_record is not None:
            self._on_record(record)
        self.records.append(record)
        last = self._plan.at_last_rate if len(self.records) == len(self._plan.lrs) else None
        self.stop = verdict(loss, self._plan.stopping) or last
        return self.stop

    def result(self, otherwise: Stop = Stop.LEFT) -> RangeTest:
        """The curve so far; ``otherwise`` is why it ended, where nothing here said so."""
        return RangeTest(tuple(self.records), self.stop or otherwise, self._plan.settings)
