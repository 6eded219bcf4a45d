"""The rates of a sweep: ladders, and their checks."""

import itertools
import math
import operator
import sys
from collections.abc import Iterable, Iterator

from lrfinder._arguments import holds_items, number, whole
from lrfinder.errors import OptimizerError, RatesError

MULTIPLIER = 1.1  # of a geometric ladder, by default
ROUNDING_PER_STEP = 4 * sys.float_info.epsilon  # relative: of each product, and of a multiplier that was itself computed


def geometric(
    lr_start: float = 1e-6, lr_multiplier: float = MULTIPLIER, lr_end: float = 10.0, *, count: int | None = None
) -> Iterator[float]:
    """Return ``lr_start``, then each rate ``lr_multiplier`` times the one before, up to and including ``lr_end``.

    The product is formed step by step, as the method describes it (Smith 2017, in the exponential form common since fastai
    and the MXNet tutorial), so that rate ``k`` is ``lr_start * lr_multiplier ** k`` to rounding. A rate that equals
    ``lr_end`` to rounding is ``lr_end``.

    Args:
        lr_start: the first rate.
        lr_multiplier: the factor from each rate to the next.
        lr_end: no rate goes above this.
        count: the number of rates, in place of ``lr_multiplier``; both ends are then exact.

    Raises:
        RatesError: ``lr_start`` is not above 0, ``lr_multiplier`` not above 1, ``lr_end`` not above ``lr_start``, ``count``
            is below 2, or both ``count`` and another multiplier than the default are given.
    """
    lr_start, lr_end = _span(lr_start, lr_end)
    multiplier = multiplier_of(lr_start, lr_multiplier, lr_end, count)
    if count is not None:
        return _between(lr_start, lr_end, count)
    return _up_to(lr_start, multiplier, lr_end)


def multiplier_of(lr_start: float, lr_multiplier: float, lr_end: float, count: int | None) -> float:
    """Return the factor from each geometric rate to the next; with ``count``, the one that reaches ``lr_end``.

    Raises:
        RatesError: as for :func:`geometric`.
    """
    if count is None:
        if not 1 < number(lr_multiplier) < math.inf:
            message = f"lr_multiplier is {lr_multiplier!r}; it must be above 1, because the rate has to rise (1.1 is usual)."
            raise RatesError(message)
        return number(lr_multiplier)
    if lr_multiplier != MULTIPLIER:
        message = (
            f"lr_multiplier is {lr_multiplier!r} and count {count!r}; each of them alone says how fast the rate rises: "
            "give one."
        )
        raise RatesError(message)
    lr_start, lr_end = _span(lr_start, lr_end)
    steps = whole("count", count, 2, "a ladder has two ends (100 is usual)") - 1
    multiplier = (lr_end / lr_start) ** (1 / steps)
    if not 1 < multiplier < math.inf:
        message = f"lr_start is {lr_start!r}, lr_end {lr_end!r} and count {count!r}; floats cannot hold such a ladder."
        raise RatesError(message)
    return multiplier


def linear(lr_start: float, lr_end: float, count: int) -> Iterator[float]:
    """Return ``count`` rates evenly spaced from ``lr_start`` to ``lr_end``, both included (Smith 2017, section 3.3).

    Raises:
        RatesError: ``lr_start`` is not above 0, ``lr_end`` not above ``lr_start``, or ``count`` below 2.
    """
    lr_start, lr_end = _span(lr_start, lr_end)
    last = whole("count", count, 2, "a ladder has two ends (100 is usual)") - 1
    return iter([lr_start + (lr_end - lr_start) * k / last for k in range(last + 1)])


def checked(rates: Iterable[float], max_iterations: int) -> tuple[float, ...]:
    """Return the first ``max_iterations`` of the rates, as floats.

    Raises:
        RatesError: there are no rates, one is not a finite number of at least 0, or ``max_iterations`` is below 1.
    """
    max_iterations = whole("max_iterations", max_iterations, 1, "it limits the iterations of a sweep (1000 is usual)")
    if not holds_items(rates):
        message = f"The rates are {rates!r}; give several, as in [0.01, 0.1]."
        raise RatesError(message)
    listed = tuple(itertools.islice(rates, max_iterations))
    if not listed:
        message = "rates is empty; give at least one learning rate."
        raise RatesError(message)
    lrs = tuple(map(number, listed))
    for one, lr in zip(listed, lrs, strict=True):
        if not 0 <= lr < math.inf:
            message = f"{one!r} is among the rates; a learning rate must be a finite number, 0 or more."
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


def _span(lr_start: float, lr_end: float) -> tuple[float, float]:
    if not 0 < number(lr_start) < math.inf:
        message = f"lr_start is {lr_start!r}; it must be a finite number above 0 (1e-6 is usual)."
        raise RatesError(message)
    if not number(lr_start) < number(lr_end) < math.inf:
        message = f"lr_end is {lr_end!r} and lr_start {lr_start!r}; lr_end must be a finite number above lr_start."
        raise RatesError(message)
    return number(lr_start), number(lr_end)


# No generators below: one that is left half way runs once more when it is collected, and loses a Ctrl-C that comes then.


def _up_to(lr_start: float, multiplier: float, lr_end: float) -> Iterator[float]:
    def snapped(at: tuple[int, float]) -> float:
        step, lr = at
        return lr_end if lr >= lr_end * (1 - ROUNDING_PER_STEP * step) else lr

    numbered = enumerate(itertools.accumulate(itertools.repeat(multiplier), operator.mul, initial=lr_start))
    within = itertools.takewhile(lambda at: at[1] <= lr_end * (1 + ROUNDING_PER_STEP * at[0]), numbered)
    return map(snapped, within)


def _between(lr_start: float, lr_end: float, count: int) -> Iterator[float]:
    start, span = math.log(lr_start), math.log(lr_end) - math.log(lr_start)
    inner = [min(math.exp(start + span * k / (count - 1)), lr_end) for k in range(1, count - 1)]
    return iter([lr_start, *inner, lr_end])


def not_arrived(place: str, written: float, used: object, cause: str) -> OptimizerError:
    """Return the error for a learner that wrote a rate which its training did not use.

    Args:
        place: where the rate was written, such as ``"parameter group 0 of SGD"``.
        written: the rate.
        used: the rate that was used instead.
        cause: one sentence or more: what stands in the way, and what to do.
    """
    found = f"{used:.6g}" if isinstance(used, float) else repr(used)
    return OptimizerError(
        f"The learning rate does not arrive: the {place} got {written:.6g} and trained at {found}. {cause}"
    )
