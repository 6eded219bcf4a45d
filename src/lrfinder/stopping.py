"""Stopping criteria: called with each loss of a sweep, they decide whether it ends, and why.

Any callable ``loss -> Stop | bool | None`` is a criterion; a truthy value ends the sweep. A criterion with a memory has a
``reset()``, which a sweep calls before its first loss, so that one object serves many sweeps.
"""

import math
import statistics
from collections import deque
from typing import Protocol

from lrfinder._results.records import Stop
from lrfinder.errors import RatesError


class StoppingCriterion(Protocol):
    """The call that a sweep makes for each loss."""

    def __call__(self, loss: float, /) -> Stop | bool | None:
        """Return a truthy value, or the reason, if the sweep ends with this loss."""
        ...


class LRFinderStoppingCriteria:
    """The tutorial's rule for any loss: stop when the running mean of the loss passes twice the first loss.

    The running mean starts at the first loss and continues as ``(1 - smoothing) * loss + smoothing * mean``. Fewer than
    ``min_iter`` losses never stop, but NaN or infinity always does. Where the first loss is 0 or negative, twice the first
    loss means nothing, and :class:`RisingLoss` decides instead.

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
        diverged = self.running_mean > 2 * self.first_loss and self.counter >= self.min_iter
        return Stop.DIVERGED if diverged else None


class RisingLoss:
    """A rule for losses of any sign or scale: stop when the loss has risen well above its lowest.

    The loss is smoothed by a median of three, which one wild batch does not move, and then by a running mean as in
    :class:`LRFinderStoppingCriteria`. After at least ``min_iter`` losses, the sweep stops when the smoothed loss lies above
    its lowest by more than both

    * ``drops`` times the drop so far (first smoothed loss minus lowest): with 2, when it has risen above its start by as
      much as it had fallen below; and
    * ``noises`` times the noise so far, the standard deviation of a loss as estimated from the mean absolute difference of
      neighbors (``E|a - b| = 2 sigma / sqrt(pi)`` for independent normal a, b).

    The rule does not change when all losses are shifted or scaled. NaN or infinity stops at once. The cost of a call does
    not grow with the sweep.

    Raises:
        RatesError: ``smoothing`` is not in [0, 1), ``min_iter`` is negative, or ``drops`` or ``noises`` is not above 0.
    """

    def __init__(self, smoothing: float = 0.3, min_iter: int = 20, *, drops: float = 2.0, noises: float = 6.0) -> None:
        _check(smoothing, min_iter)
        if not (drops > 0 and noises > 0):
            message = f"drops is {drops!r} and noises {noises!r}; both must be above 0 (2 and 6 are usual)."
            raise RatesError(message)
        self.smoothing = smoothing
        self.min_iter = min_iter
        self.drops = drops
        self.noises = noises
        self.reset()

    def __repr__(self) -> str:
        return f"RisingLoss(smoothing={self.smoothing}, min_iter={self.min_iter}, drops={self.drops}, noises={self.noises})"

    def reset(self) -> None:
        """Forget all losses."""
        self._last_three: deque[float] = deque(maxlen=3)
        self._sum_of_differences = 0.0
        self._counter = 0
        self._first = self._lowest = self._mean = math.nan

    def __call__(self, loss: float) -> Stop | None:
        """Return the reason if the sweep ends with ``loss``."""
        if not math.isfinite(loss):
            return Stop.NOT_FINITE
        if self._last_three:
            self._sum_of_differences += abs(loss - self._last_three[-1])
        self._last_three.append(loss)
        self._counter += 1
        median = statistics.median_low(self._last_three)
        if self._counter == 1:
            self._first = self._lowest = self._mean = median
            return None
        self._mean += (1 - self.smoothing) * (median - self._mean)  # this form keeps a constant exactly
        self._lowest = min(self._lowest, self._mean)
        noise = self._sum_of_differences / (self._counter - 1) * math.sqrt(math.pi) / 2
        rise_allowed = max(self.drops * (self._first - self._lowest), self.noises * noise)
        diverged = self._mean - self._lowest > rise_allowed and self._counter >= self.min_iter
        return Stop.DIVERGED if diverged else None


def _check(smoothing: float, min_iter: int) -> None:
    if not 0 <= smoothing < 1:
        message = f"smoothing is {smoothing!r}; it is the weight of the past and must be in [0, 1) (0.3 is usual)."
        raise RatesError(message)
    if min_iter < 0:
        message = f"min_iter is {min_iter!r}; it must be 0 or more (20 is usual)."
        raise RatesError(message)
