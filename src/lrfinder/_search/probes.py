"""Probes: short trainings from one snapshot, on the same batches; a longer one goes on from the end of a shorter one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrfinder._results.records import Probe, Record, Stop
from lrfinder._sweep import sweep
from lrfinder._together import Made, made_together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lrfinder._sweep import OnRecord
    from lrfinder.learner import Learner
    from lrfinder.schedules import Schedule


class Probing:
    """Trains a learner at single rates, each time from ``start``.

    Where a probe ended is kept until :meth:`keep` lets go of it, so that lengthening it costs only what is new. Under a
    schedule that is not constant a longer probe has other rates from its beginning on, and is trained anew.

    Attributes:
        probes: the longest probe of each rate.
        runs: the losses of every probe made, by rate and by the length asked for.
        iterations: how many iterations these took.
    """

    def __init__(self, learner: Learner[Any], start: object, schedule: Schedule, on_record: OnRecord | None) -> None:
        self._learner = learner
        self._start = start
        self._schedule = schedule
        self._on_record = on_record
        self._ends: dict[float, object] = {}
        self._prepared: dict[tuple[float, int, int], Made] = {}
        self.probes: dict[float, Probe] = {}
        self.runs: dict[float, dict[int, tuple[float, ...]]] = {}
        self.iterations = 0

    def prepare(self, asks: Sequence[tuple[float, int]]) -> None:
        """Make probes, by rate and length, together that are likely to be asked for, where the learner is faster so.

        Those that :meth:`train` is then asked for count as if made one after the other; the others are dropped.
        """
        first = self._key(*asks[0])
        if first in self._prepared or self._broke_off(asks[0][0]):
            return
        alike = [ask for ask in asks if self._key(*ask)[1:] == first[1:] and not self._broke_off(ask[0])]
        starts, rates = [self._begin(*ask) for ask in alike], [self._left(*ask) for ask in alike]
        made = made_together(self._learner, starts, rates)
        self._prepared = dict(zip([self._key(*ask) for ask in alike], made, strict=True)) if made else {}

    def train(self, lr: float, length: int) -> Probe:
        """Train at ``lr`` up to ``length`` iterations in all; ends early at a loss that is not finite, or with the data."""
        before = self._before(lr, length)
        if self._broke_off(lr):
            self.runs[lr][length] = before
            return self.probes[lr]
        records: list[Record] = []
        try:
            stop = self._go_on(lr, length, records)
        except Exception as error:
            at = len(before) + len(records)
            error.add_note(f"lrfinder: raised in the probe at the learning rate {lr:.4g}, at iteration {at}.")
            raise
        self.iterations += len(records)
        losses = (*before, *(record.loss for record in records))
        self.probes[lr] = Probe(lr, losses, stop)
        self.runs.setdefault(lr, {})[length] = losses
        return self.probes[lr]

    def _go_on(self, lr: float, length: int, records: list[Record]) -> Stop:
        """The iterations that a probe of that length has still to make; why it ended."""
        rates = self._left(lr, length)
        made = self._prepared.pop(self._key(lr, length), None)
        if made is None:
            self._learner.restore(self._begin(lr, length))
        self._ends.pop(lr, None)  # two copies of a state, this one and the next, would be one too many
        stop = sweep(self._learner if made is None else made, rates, records, None, self._on_record)
        if stop is not Stop.LAST_RATE:
            return stop
        self._ends[lr] = self._learner.snapshot() if made is None else made.end
        return Stop.MAX_ITERATIONS

    def cost(self, lr: float, length: int) -> int:
        """How many iterations a probe takes at most."""
        return 0 if self._broke_off(lr) else length - len(self._before(lr, length))

    def keep(self, lrs: Iterable[float]) -> None:
        """Keep the ends of the probes at ``lrs`` and let go of the others: lengthened, these begin anew."""
        kept = set(lrs)
        self._ends = {lr: end for lr, end in self._ends.items() if lr in kept}

    def _before(self, lr: float, length: int) -> tuple[float, ...]:
        """The losses that a probe of ``length`` iterations begins with and that need not be trained again."""
        if self._broke_off(lr):
            return self.probes[lr].losses
        if lr not in self._ends:
            return ()
        losses = self.probes[lr].losses
        same = self._rates(lr, length)[: len(losses)] == self._rates(lr, len(losses))
        return losses if same else ()

    def _key(self, lr: float, length: int) -> tuple[float, int, int]:
        """What a prepared probe is known by: its rate, its length, and how much of it was there before."""
        return lr, length, len(self._before(lr, length))

    def _begin(self, lr: float, length: int) -> object:
        """The state that the probe goes on from."""
        return self._ends[lr] if self._before(lr, length) else self._start

    def _left(self, lr: float, length: int) -> tuple[float, ...]:
        """The rates of the iterations that the probe has still to make."""
        return self._rates(lr, length)[len(self._before(lr, length)) :]

    def _broke_off(self, lr: float) -> bool:
        """Whether a probe at ``lr`` ended early, as a longer one would; under a schedule a longer one may not."""
        probe = self.probes.get(lr)
        ended = probe is not None and probe.stop is not Stop.MAX_ITERATIONS
        return ended and self._rates(1.0, 2) == (1.0, 1.0)

    def _rates(self, lr: float, length: int) -> tuple[float, ...]:
        return tuple(lr * self._schedule(k / length) for k in range(length))
