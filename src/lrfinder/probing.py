"""Probes: short trainings from one snapshot, on the same batches; a longer one goes on from the end of a shorter one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lrfinder.errors import DataEndedError
from lrfinder.records import Probe, Record, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lrfinder.learner import Learner
    from lrfinder.schedules import Schedule


class Probing:
    """Trains a learner at single rates, each time from ``start``.

    Where a probe ended is kept until :meth:`forget`, so that lengthening it costs only what is new. Under a schedule that is
    not constant a longer probe has other rates from its beginning on, and is trained anew.

    Attributes:
        probes: the longest probe of each rate.
        iterations: how many iterations were made.
    """

    def __init__(
        self, learner: Learner[Any], start: object, schedule: Schedule, on_record: Callable[[Record], object] | None
    ) -> None:
        self._learner = learner
        self._start = start
        self._schedule = schedule
        self._on_record = on_record
        self._ends: dict[float, object] = {}
        self.probes: dict[float, Probe] = {}
        self.iterations = 0

    def train(self, lr: float, length: int) -> Probe:
        """Train at ``lr`` up to ``length`` iterations in all; ends early at a loss that is not finite, or with the data."""
        losses = self._before(lr, length)
        self._learner.restore(self._ends.pop(lr) if losses else self._start)
        stop = Stop.MAX_ITERATIONS
        try:
            for rate in self._rates(lr, length)[len(losses) :]:
                losses.append(self._iteration(rate))
                if not math.isfinite(losses[-1]):
                    stop = Stop.NOT_FINITE
                    break
        except DataEndedError:
            stop = Stop.DATA_ENDED
        except Exception as error:
            error.add_note(f"lrfinder: raised in the probe at the learning rate {lr:.4g}, at iteration {len(losses)}.")
            raise
        self.probes[lr] = Probe(lr, tuple(losses), stop)
        self._ends.pop(lr, None)
        if stop is Stop.MAX_ITERATIONS:
            self._ends[lr] = self._learner.snapshot()
        return self.probes[lr]

    def forget(self, lrs: Iterable[float]) -> None:
        """Let go of the ends of the probes at ``lrs``: they will not be lengthened."""
        for lr in lrs:
            self._ends.pop(lr, None)

    def _before(self, lr: float, length: int) -> list[float]:
        """The losses that a probe of ``length`` iterations begins with and that need not be trained again."""
        if lr not in self._ends:
            return []
        losses = self.probes[lr].losses
        same = self._rates(lr, length)[: len(losses)] == self._rates(lr, len(losses))
        return list(losses) if same else []

    def _rates(self, lr: float, length: int) -> list[float]:
        return [lr * self._schedule(k / length) for k in range(length)]

    def _iteration(self, rate: float) -> float:
        loss = float(self._learner.iteration(rate))
        self.iterations += 1
        if self._on_record is not None:
            self._on_record(Record(rate, loss))
        return loss
