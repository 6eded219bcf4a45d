"""Probes: short trainings from one snapshot, on the same batches; a longer one goes on from the end of a shorter one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lrfinder.errors import DataEndedError
from lrfinder.records import Probe, Record, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lrfinder.analysis.bracketing import Ask
    from lrfinder.learner import Learner
    from lrfinder.schedules import Schedule


class Probing:
    """Trains a learner at single rates, each time from ``start``.

    Where a probe ended is kept until :meth:`keep` lets go of it, so that lengthening it costs only what is new. Under a
    schedule that is not constant a longer probe has other rates from its beginning on, and is trained anew.

    Attributes:
        probes: the longest probe of each rate.
        runs: the losses of every probe made, by rate and by the length asked for.
        iterations: how many iterations were made.
    """

    def __init__(
        self, learner: Learner[Any], start: object, schedule: Schedule, on_record: Callable[[Record], object] | None
    ) -> None:
        self.learner = learner
        self._start = start
        self.schedule = schedule
        self._on_record = on_record
        self._ends: dict[float, object] = {}
        self.probes: dict[float, Probe] = {}
        self.runs: dict[float, dict[int, tuple[float, ...]]] = {}
        self.iterations = 0

    def train(self, lr: float, length: int) -> Probe:
        """Train at ``lr`` up to ``length`` iterations in all; ends early at a loss that is not finite, or with the data."""
        losses = self._before(lr, length)
        if self._broke_off(lr):
            self.runs[lr][length] = tuple(losses)
            return self.probes[lr]
        try:
            stop = self._lengthen(losses, lr, length)
        except Exception as error:
            error.add_note(f"lrfinder: raised in the probe at the learning rate {lr:.4g}, at iteration {len(losses)}.")
            raise
        self.probes[lr] = Probe(lr, tuple(losses), stop)
        self.runs.setdefault(lr, {})[length] = tuple(losses)
        return self.probes[lr]

    def begin(self, asks: Iterable[Ask]) -> None:
        """Begin probes that may be asked for, the likeliest first; here, where one is made after another, none."""

    def _lengthen(self, losses: list[float], lr: float, length: int) -> Stop:
        """Append to ``losses`` those up to ``length``, and keep where the probe ended; why it did."""
        self.learner.restore(self._ends.pop(lr) if losses else self._start)
        self._ends.pop(lr, None)
        stop = self._go_on(losses, self._rates(lr, length)[len(losses) :])
        if stop is Stop.MAX_ITERATIONS:
            self._ends[lr] = self.learner.snapshot()
        return stop

    def _go_on(self, losses: list[float], rates: Iterable[float]) -> Stop:
        """Train at each rate and append its loss to ``losses``; why it ended."""
        try:
            for rate in rates:
                losses.append(self._iteration(rate))
                if not math.isfinite(losses[-1]):
                    return Stop.NOT_FINITE
        except DataEndedError:
            return Stop.DATA_ENDED
        return Stop.MAX_ITERATIONS

    def cost(self, lr: float, length: int) -> int:
        """How many iterations a probe takes at most."""
        return 0 if self._broke_off(lr) else length - len(self._before(lr, length))

    def keep(self, lrs: Iterable[float]) -> None:
        """Keep the ends of the probes at ``lrs`` and let go of the others: lengthened, these begin anew."""
        kept = set(lrs)
        self._ends = {lr: end for lr, end in self._ends.items() if lr in kept}

    def _before(self, lr: float, length: int) -> list[float]:
        """The losses that a probe of ``length`` iterations begins with and that need not be trained again."""
        if self._broke_off(lr):
            return list(self.probes[lr].losses)
        if lr not in self._ends:
            return []
        losses = self.probes[lr].losses
        same = self._rates(lr, length)[: len(losses)] == self._rates(lr, len(losses))
        return list(losses) if same else []

    def _broke_off(self, lr: float) -> bool:
        """Whether a probe at ``lr`` ended early, as a longer one would; under a schedule a longer one may not."""
        probe = self.probes.get(lr)
        ended = probe is not None and probe.stop is not Stop.MAX_ITERATIONS
        return ended and self._rates(1.0, 2) == [1.0, 1.0]

    def _rates(self, lr: float, length: int) -> list[float]:
        return [lr * self.schedule(k / length) for k in range(length)]

    def _iteration(self, rate: float) -> float:
        loss = float(self.learner.iteration(rate))
        self.iterations += 1
        if self._on_record is not None:
            self._on_record(Record(rate, loss))
        return loss
