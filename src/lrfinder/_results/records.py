"""The parts of results: what one iteration, one probe, one pair of trainings gave, and why each ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Confidence = Literal["high", "medium", "low"]


class Record(NamedTuple):
    """One iteration of a sweep: its rate, and the loss of its batch before the update made at that rate."""

    lr: float
    loss: float


class Stop(Enum):
    """Why a sweep, or a training at one rate, ended. The values are the sentences that users read."""

    DIVERGED = "the loss rose well above where it began"
    NOT_FINITE = "the loss became NaN or infinite"
    LAST_RATE = "the last rate was reached"
    MAX_ITERATIONS = "the limit on iterations was reached"
    DATA_ENDED = "the stream of data ended"
    CRITERION = "the stopping criterion said so"
    LEFT = "the loop was left before its end"


class Status(StrEnum):
    """Whether a suggestion carries a rate, and if not, why not. Compares equal to its text: ``status == "ok"``."""

    OK = "ok"
    TOO_FEW_POINTS = "too few points"
    NO_EFFECT = "the rate has no effect"
    UNSTABLE = "unstable from the start"
    NO_DESCENT = "no descent"
    LOW_SIGNAL = "low signal"


@dataclass(frozen=True)
class Settings:
    """What a range test was asked to do. The three of the ladder are ``None`` where ``rates=`` gave the rates."""

    lr_start: float | None
    lr_multiplier: float | None
    lr_end: float | None
    max_iterations: int
    smoothing: float
    stopping: str


@dataclass(frozen=True)
class Probe:
    """A short training at one rate: the loss of each iteration, before its update, and why it ended.

    Under a schedule ``lr`` is the highest rate of the training.
    """

    lr: float
    losses: tuple[float, ...] = field(repr=False)
    stop: Stop

    def __eq__(self, other: object) -> bool:
        """Same rate, same losses bit for bit (NaN equals NaN), same end."""
        if not isinstance(other, Probe):
            return NotImplemented
        return (self.lr, self.stop, self._bits()) == (other.lr, other.stop, other._bits())

    def __hash__(self) -> int:
        return hash((self.lr, self.stop, self._bits()))

    def _bits(self) -> bytes:
        return bits(np.array(self.losses))


class Order(StrEnum):
    """How a training ended beside another. Compares equal to its text: ``order == "a tie"``."""

    LOWER = "lower"
    HIGHER = "higher"
    TIE = "a tie"


@dataclass(frozen=True)
class Difference:
    """How the training at ``lr`` ended beside the one at ``other``, on the same batches.

    ``mean`` is by how much its loss was higher over the last tenth (negative where it was lower), with its
    ``standard_error`` (4 degrees of freedom). ``chance`` is that of losses as far apart where neither training is lower,
    from their ranks, which spikes do not trouble. ``order`` says which ended lower, or that noise cannot tell them apart.
    Where a training did not reach its end, or was too short to know its noise, the error and the chance are NaN.
    """

    lr: float
    other: float
    mean: float
    standard_error: float
    chance: float
    order: Order

    def turned(self) -> Difference:
        """The same seen from the other rate."""
        order = {Order.LOWER: Order.HIGHER, Order.HIGHER: Order.LOWER, Order.TIE: Order.TIE}[self.order]
        return Difference(self.other, self.lr, -self.mean, self.standard_error, self.chance, order)


def bits(values: NDArray[np.float64]) -> bytes:
    """The values bit for bit, with one NaN for all: files and arithmetic do not keep the others apart."""
    return np.where(np.isnan(values), np.nan, values).tobytes()
