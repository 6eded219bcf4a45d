"""What a range test is to do, worked out from what it was asked for: the same for whoever makes its iterations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from lrfinder._results.records import Settings, Stop
from lrfinder.rates import checked, geometric
from lrfinder.stopping import LRFinderStoppingCriteria

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lrfinder.stopping import StoppingCriterion


class Asked(TypedDict, total=False):
    """What a range test may be asked to do: arguments of :meth:`lrfinder.LRFinder.find`, with its defaults."""

    lr_start: float
    lr_multiplier: float
    smoothing: float
    lr_end: float
    max_iterations: int
    rates: Iterable[float] | None
    stopping: StoppingCriterion | None


@dataclass(frozen=True)
class Plan:
    """A range test before it is made.

    Attributes:
        lrs: the rates, one for each iteration.
        stopping: called with each loss.
        settings: what the result tells of all this.
        at_last_rate: why it ends after the last rate.
    """

    lrs: Sequence[float]
    stopping: StoppingCriterion
    settings: Settings
    at_last_rate: Stop


def planned(  # noqa: PLR0913  (those of LRFinder.find)
    lr_start: float = 1e-6,
    lr_multiplier: float = 1.1,
    smoothing: float = 0.3,
    *,
    lr_end: float = 10.0,
    max_iterations: int = 1000,
    rates: Iterable[float] | None = None,
    stopping: StoppingCriterion | None = None,
) -> Plan:
    """The range test that was asked for; see :meth:`lrfinder.LRFinder.find` for the arguments.

    Raises:
        RatesError: the settings make no sweep.
    """
    lrs = checked(geometric(lr_start, lr_multiplier, lr_end) if rates is None else rates, max_iterations)
    criterion = LRFinderStoppingCriteria(smoothing) if stopping is None else stopping
    geometric_settings = (lr_start, lr_multiplier, lr_end) if rates is None else (None, None, None)
    settings = Settings(*geometric_settings, max_iterations, smoothing, repr(criterion))
    more = rates is None and lrs[-1] * lr_multiplier <= lr_end
    return Plan(lrs, criterion, settings, Stop.MAX_ITERATIONS if more else Stop.LAST_RATE)
