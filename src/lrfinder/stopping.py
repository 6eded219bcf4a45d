"""Stopping criteria: called with each loss of a sweep, they decide whether it ends, and why.

Any callable ``loss -> Stop | bool | None`` is a criterion; a truthy value ends the sweep. A criterion with a memory has a
``reset()``, which a sweep calls before its first loss, so that one object serves many sweeps.
"""

import math
from bisect import insort
from collections import deque
from typing import Protocol

from lrfinder._arguments import number, whole
from lrfinder._results.records import Stop
from lrfinder.errors import RatesError

RISE_DEVIATIONS = 6.0  # of one loss: noise alone rarely lifts a running mean so far above its lowest
SPIKE_DEVIATIONS = 10.0  # the same for one loss, which may be a wild one
LOSSES_WITH_NOISE = 10  # from which on their differences show it
_MEDIAN_DIFFERENCE = 0.9539  # median |a - b| of independent normal a, b of standard deviation 1


class StoppingCriterion(Protocol):
    """The call that a sweep makes for each loss."""

    def __call__(self, loss: float, /) -> Stop | bool | None:
        """Return a truthy value, or the reason, if the sweep ends with this loss."""
        ...


class LRFinderStoppingCriteria:
    """The tutorial's rule for any loss: stop when the running mean of the loss passes twice the first loss.

    For example::

        finder.find(stopping=LRFinderStoppingCriteria(smoothing=0.3, min_iter=20))

    The running mean starts at the first loss and continues as ``(1 - smoothing) * loss + smoothing * mean``. Fewer than
    ``min_iter`` losses never stop, but NaN or infinity always does. Where the first loss is 0 or negative, twice the first
    loss means nothing, and :class:`RisingLoss` decides instead.

    One condition is added to the tutorial's: of ten losses or more, their level must also have risen by six standard
    deviations of a loss, as in :class:`RisingLoss`, or the running mean by ten. Where the first batch is an easy one,
    noise alone passes twice its loss.

    Source: the Learning Rate Finder tutorial of MXNet Gluon, class of the same name.

    Raises:
        RatesError: ``smoothing`` is not in [0, 1), or ``min_iter`` is negative.
    """

    def __init__(self, smoothing: float = 0.3, min_iter: int = 20) -> None:
        _check(smoothing, min_iter)
        self.smoothing = smoothing
        self.min_iter = min_iter
        self._rising = RisingLoss(smoothing, min_iter)
        self.reset()

    def __repr__(self) -> str:
        return f"LRFinderStoppingCriteria(smoothing={self.smoothing}, min_iter={self.min_iter})"

    def reset(self) -> None:
        """Forget all losses."""
        self.first_loss: float | None = None
        self.running_mean: float | None = None
        self.counter = 0
        self._lowest_mean = math.inf
        self._losses: list[float] = []
        self._level = _Level(self.smoothing)  # of the first of them, since most sweeps need it at their end alone
        self._rising.reset()

    def __call__(self, loss: float) -> Stop | None:
        """Return the reason if the sweep ends with ``loss``."""
        if not math.isfinite(loss):
            return Stop.NOT_FINITE
        self.counter += 1
        if self.first_loss is None:
            self.first_loss = loss
        if self.first_loss <= 0:
            return self._rising(loss)
        mean = loss if self.running_mean is None else self.running_mean
        self.running_mean = (1 - self.smoothing) * loss + self.smoothing * mean
        self._lowest_mean = min(self._lowest_mean, self.running_mean)
        self._losses.append(loss)
        diverged = self.running_mean > 2 * self.first_loss and self.counter >= self.min_iter
        return Stop.DIVERGED if diverged and self._stands_out(self.running_mean) else None

    def _stands_out(self, mean: float) -> bool:
        """Return whether the rise is more than noise; fewer losses do not show their noise, and the tutorial decides."""
        for loss in self._losses[self._level.count :]:
            self._level.add(loss)
        rise = max(self._level.rise, (mean - self._lowest_mean) * RISE_DEVIATIONS / SPIKE_DEVIATIONS)
        return self.counter < LOSSES_WITH_NOISE or rise > RISE_DEVIATIONS * self._level.noise()


class RisingLoss:
    """A rule for losses of any sign or scale: stop when the loss has risen well above its lowest.

    For example::

        finder.find(stopping=RisingLoss(drops=5))  # stops later

    The loss is smoothed by a median of three, which one wild batch does not move, and then by a running mean as in
    :class:`LRFinderStoppingCriteria`. After at least ``min_iter`` losses, the sweep stops when the smoothed loss lies above
    its lowest by more than both

    * ``drops`` times the drop so far (first smoothed loss minus lowest): with 2, when it has risen above its start by as
      much as it had fallen below; and
    * ``noises`` times the noise so far, the standard deviation of a loss as estimated from the differences of neighbors: in
      essence by their median, which the explosion itself does not move.

    The rule does not change when all losses are shifted or scaled. NaN or infinity stops at once. A call costs a bisection
    of the sorted differences so far, and the memory of two numbers.

    Raises:
        RatesError: ``smoothing`` is not in [0, 1), ``min_iter`` is negative, or ``drops`` or ``noises`` is not above 0.
    """

    def __init__(
        self, smoothing: float = 0.3, min_iter: int = 20, *, drops: float = 2.0, noises: float = RISE_DEVIATIONS
    ) -> None:
        _check(smoothing, min_iter)
        if not (number(drops) > 0 and number(noises) > 0):
            message = f"drops is {drops!r} and noises {noises!r}; both must be above 0 (2 and 6 are usual)."
            raise RatesError(message)
        self.smoothing = smoothing
        self.min_iter = min_iter
        self.drops = drops
        self.noises = noises
        self._level = _Level(smoothing)
        self.reset()

    def __repr__(self) -> str:
        return f"RisingLoss(smoothing={self.smoothing}, min_iter={self.min_iter}, drops={self.drops}, noises={self.noises})"

    def reset(self) -> None:
        """Forget all losses."""
        self._level.reset()
        self._counter = 0

    def __call__(self, loss: float) -> Stop | None:
        """Return the reason if the sweep ends with ``loss``."""
        if not math.isfinite(loss):
            return Stop.NOT_FINITE
        level = self._level
        level.add(loss)
        self._counter += 1
        rise_allowed = max(self.drops * (level.first - level.lowest), self.noises * level.noise())
        return Stop.DIVERGED if level.rise > rise_allowed and self._counter >= self.min_iter else None


class _Level:
    """The level of a sequence of losses: a running mean of medians of three, its first and lowest value, and the noise.

    Args:
        smoothing: weight of the past in the running mean.
    """

    def __init__(self, smoothing: float) -> None:
        self._smoothing = smoothing
        self._noise = _Noise()
        self.reset()

    def reset(self) -> None:
        """Forget all losses."""
        self.count = 0
        self._last_three: deque[float] = deque(maxlen=3)
        self._noise.reset()
        self.first = self.lowest = self._mean = math.nan

    @property
    def rise(self) -> float:
        """The height of the level above its lowest."""
        return self._mean - self.lowest

    def noise(self) -> float:
        """Return the standard deviation of a loss."""
        return self._noise.deviation()

    def add(self, loss: float) -> None:
        """Add the next loss, which is finite."""
        self.count += 1
        self._noise.add(loss)
        self._last_three.append(loss)
        count = len(self._last_three)
        median = sorted(self._last_three)[(count - 1) // 2]
        if count == 1:
            self.first = self.lowest = self._mean = median
        self._mean += (1 - self._smoothing) * (median - self._mean)  # this form keeps a constant exactly
        self.lowest = min(self.lowest, self._mean)


class _Noise:
    """The standard deviation of the noise of a sequence of losses, which its own explosion does not inflate.

    It is the larger of two estimates from the differences of neighbors: their median absolute value, and the root of half
    their mean square over the earlier half, without the two largest, which one wild batch makes. The median follows noise
    that grows; the mean square sees rare high losses. An explosion is the later half, and less than half, when it begins.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all losses."""
        self._last: float | None = None
        self._differences: list[float] = []  # in their order
        self._sorted: list[float] = []
        self._squares = 0.0  # of the earlier half of the differences, without its two largest
        self._two_largest = [0.0, 0.0]

    def add(self, loss: float) -> None:
        """Add the next loss, which is finite."""
        if self._last is not None:
            self._differences.append(abs(loss - self._last))
            insort(self._sorted, self._differences[-1])
            if len(self._differences) % 2 == 0:
                insort(self._two_largest, self._differences[len(self._differences) // 2 - 1])
                self._squares += self._two_largest.pop(0) ** 2
        self._last = loss

    def deviation(self) -> float:
        """Return the standard deviation of a loss; 0 before there are enough."""
        half = len(self._sorted) // 2
        if not half:
            return 0.0
        return max(self._sorted[half] / _MEDIAN_DIFFERENCE, math.sqrt(self._squares / max(1, half - 2) / 2))


def _check(smoothing: float, min_iter: int) -> None:
    if not 0 <= number(smoothing) < 1:
        message = f"smoothing is {smoothing!r}; it is the weight of the past and must be in [0, 1) (0.3 is usual)."
        raise RatesError(message)
    whole("min_iter", min_iter, 0, "fewer losses than this do not stop a sweep (20 is usual)")
