"""The rates of a sweep: ladders, and their checks."""

import itertools
import math
from collections.abc import Iterable, Iterator

from lrfinder.errors import RatesError


def geometric(lr_start: float = 1e-6, lr_multiplier: float = 1.1, lr_end: float = 10.0) -> Iterator[float]:
    """Return ``lr_start``, then each rate ``lr_multiplier`` times the one before, up to and including ``lr_end``.

    The product is formed step by step, as the method describes it (Smith 2017, in the exponential form common since fastai
    and the MXNet tutorial), so that rate ``k`` is ``lr_start * lr_multiplier ** k`` to rounding.

    Raises:
        RatesError: ``lr_start`` is not above 0, ``lr_multiplier`` not above 1, or ``lr_end`` not above ``lr_start``.
    """
    _require_span(lr_start, lr_end)
    if not (lr_multiplier > 1 and math.isfinite(lr_multiplier)):
        message = f"lr_multiplier is {lr_multiplier!r}; it must be above 1, because the rate has to rise (1.1 is usual)."
        raise RatesError(message)
    # accumulate() repeats the multiplication; the check that the first step moves keeps 1 + 1e-17 from looping forever
    rates = itertools.accumulate(itertools.repeat(lr_multiplier), lambda lr, multiplier: lr * multiplier, initial=lr_start)
    return itertools.takewhile(lambda lr: lr <= lr_end, rates)


def linear(lr_start: float, lr_end: float, count: int) -> Iterator[float]:
    """Return ``count`` rates evenly spaced from ``lr_start`` to ``lr_end``, both included (Smith 2017, section 3.3).

    Raises:
        RatesError: ``lr_start`` is not above 0, ``lr_end`` not above ``lr_start``, or ``count`` below 2.
    """
    _require_span(lr_start, lr_end)
    if count < 2:  # noqa: PLR2004  (two ends need two points)
        message = f"count is {count!r}; a linear ladder needs at least 2 rates, its two ends."
        raise RatesError(message)
    last = count - 1
    return (lr_start + (lr_end - lr_start) * k / last for k in range(count))


def checked(rates: Iterable[float], max_iterations: int) -> tuple[float, ...]:
    """Return the first ``max_iterations`` of the rates, as floats.

    Raises:
        RatesError: there are no rates, one is not a finite number of at least 0, or ``max_iterations`` is below 1.
    """
    if max_iterations < 1:
        message = f"max_iterations is {max_iterations!r}; a sweep needs at least 1."
        raise RatesError(message)
    lrs = tuple(map(float, itertools.islice(rates, max_iterations)))
    if not lrs:
        message = "rates is empty; give at least one learning rate."
        raise RatesError(message)
    for lr in lrs:
        if not (lr >= 0 and math.isfinite(lr)):
            message = f"{lr!r} is among the rates; a learning rate must be a finite number, 0 or more."
            raise RatesError(message)
    return lrs


def several(lrs: tuple[float, ...]) -> tuple[float, ...]:
    """Return the rates, after checking that there is something to choose between.

    Raises:
        RatesError: all are the same.
    """
    if len(set(lrs)) == 1:
        message = f"The only rate is {lrs[0]:g}, and a suggestion chooses between several; give at least two."
        raise RatesError(message)
    return lrs


def _require_span(lr_start: float, lr_end: float) -> None:
    if not (lr_start > 0 and math.isfinite(lr_start)):
        message = f"lr_start is {lr_start!r}; it must be a finite number above 0 (1e-6 is usual)."
        raise RatesError(message)
    if not (lr_end > lr_start and math.isfinite(lr_end)):
        message = f"lr_end is {lr_end!r} and lr_start {lr_start!r}; lr_end must be a finite number above lr_start."
        raise RatesError(message)
