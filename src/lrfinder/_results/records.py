"""The parts of results: one iteration, one probe, one pair of trainings, and why each ended. Plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lrfinder._results.facts import TrainingFacts


class Record(NamedTuple):
    """One iteration of a sweep: its rate, and the loss of its batch before the update at that rate."""

    lr: float
    loss: float


class Stop(Enum):
    """Why a sweep, or a training at one rate, ended. The values are the sentences that users read."""

    DIVERGED = "the loss rose well above where it began"
    NOT_FINITE = "the loss became NaN or infinite"
    LAST_RATE = "the last rate was reached"
    MAX_ITERATIONS = "the limit on iterations was reached"
    DATA_ENDED = "the stream of data ended"
    CRITERION = "the stopping criterion was met"
    LEFT = "the loop was left before its end"
    RAISED = "the training raised an exception that it does not raise at a low rate"
    PART = "the rest of the curve was left out"


DIVERGENCE = frozenset({Stop.DIVERGED, Stop.NOT_FINITE, Stop.RAISED})  # the ends that too high a rate causes


class Status(StrEnum):
    """The status of a suggestion: it has a rate, or the reason why not. It equals its text: ``status == "ok"``."""

    OK = "ok"
    TOO_FEW_POINTS = "too few points"
    NO_EFFECT = "the rate has no effect"
    UNSTABLE = "unstable from the start"
    NO_DESCENT = "no descent"
    LOW_SIGNAL = "low signal"
    FALLS_WITHOUT_END = "the loss falls without end"
    NOT_FINITE_UNTRAINED = "a batch is not finite before any update"


APART_FACTOR = 100.0  # between the lowest and the highest rate; closer ones may give the same losses by rounding


class BitwiseEqual:
    """A value that equals another one whose numbers are the same bit for bit; NaN equals NaN."""

    def __eq__(self, other: object) -> bool:
        return self._identity() == other._identity() if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[object, ...]:
        raise NotImplementedError


def bits(numbers: ArrayLike) -> bytes:
    """Return the numbers bit for bit, with one NaN for all: files and arithmetic do not preserve the others."""
    values = np.asarray(numbers, dtype=np.float64)
    return np.where(np.isnan(values), np.nan, values).tobytes()


@dataclass(frozen=True)
class Settings:
    """The settings of a range test. The three that describe its rates are ``None`` where ``rates=`` lists them."""

    lr_start: float | None
    lr_multiplier: float | None
    lr_end: float | None
    max_iterations: int
    smoothing: float
    stopping: str
    facts: TrainingFacts | None = None


@dataclass(frozen=True, eq=False)
class Probe(BitwiseEqual):
    """A short run at one rate: the loss of each iteration, before its update, and why it ended.

    Under a schedule, ``lr`` is the highest rate of the run.
    """

    lr: float
    losses: tuple[float, ...] = field(repr=False)
    stop: Stop

    def _identity(self) -> tuple[object, ...]:
        return self.lr, self.stop, bits(self.losses)


class Order(StrEnum):
    """The order of one training and another by their losses at the end. It equals its text: ``order == "a tie"``."""

    LOWER = "lower"
    HIGHER = "higher"
    TIE = "a tie"


@dataclass(frozen=True)
class Difference:
    """The training at ``lr`` compared with the one at ``other``, on the same batches.

    The standard error and the chance are NaN where a training did not reach its end, or was too short to show its noise.

    Attributes:
        lr: the rate of the training.
        other: the rate of the one that it is compared with.
        mean: how much higher its loss was, on average over the last tenth of the iterations; negative where it was lower.
        standard_error: of ``mean``, with 4 degrees of freedom.
        chance: the probability of a difference this large between trainings that are equally low. It is computed from the
            ranks of the losses, which a spike hardly changes.
        order: which of the two ended lower, or that noise hides it.
    """

    lr: float
    other: float
    mean: float
    standard_error: float
    chance: float
    order: Order

    def turned(self) -> Difference:
        """Return the difference as seen from the other rate."""
        order = {Order.LOWER: Order.HIGHER, Order.HIGHER: Order.LOWER, Order.TIE: Order.TIE}[self.order]
        return Difference(self.other, self.lr, -self.mean, self.standard_error, self.chance, order)
