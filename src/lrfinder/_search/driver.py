"""The search behind ``suggest``: probe after probe, for as long as there is something to find out."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

import numpy as np

from lrfinder._search.evidence import Evidence
from lrfinder._search.search import looks, next_probes, start_rate
from lrfinder.errors import RatesError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from lrfinder._results.results import RangeTest
    from lrfinder._search.probes import Probing

CURVE_ALONE = 150  # iterations, up to which there is no room for probes
FEWEST = 50  # iterations, below which a sweep does not reach where it should
COARSE = 30  # rates of a sweep that probes follow
LOWEST, HIGHEST = 1e-7, 100.0  # rates of the sweep
KEPT = 4  # ends of probes that are kept beside the last, to be lengthened: as many copies of the learner's state


def checked_search(horizon: int, max_iterations: int) -> tuple[int, int]:
    """Both as plain ints, numpy's among them; what no search can be made with is refused.

    Raises:
        RatesError: one is not whole, ``horizon`` is below 1, or ``max_iterations`` below what one curve needs.
    """
    try:
        horizon, max_iterations = operator.index(horizon), operator.index(max_iterations)
    except TypeError as error:
        message = f"horizon is {horizon!r} and max_iterations {max_iterations!r}; both count iterations: give ints."
        raise RatesError(message) from error
    if horizon < 1:
        message = f"horizon is {horizon!r}; it is the length of the training that the rate is for, at least 1 iteration."
        raise RatesError(message)
    if max_iterations < FEWEST:
        message = f"max_iterations is {max_iterations!r}; a curve needs at least {FEWEST} (650 is usual)."
        raise RatesError(message)
    return horizon, max_iterations


def rates_of_sweep(max_iterations: int) -> Iterable[float]:
    """The rates of the sweep that comes first: coarse where probes follow it, as many as there is room for where not."""
    count = max_iterations // 2 if max_iterations <= CURVE_ALONE else COARSE
    return (LOWEST * (HIGHEST / LOWEST) ** (k / (count - 1)) for k in range(count))


def search(
    probing: Probing, curve: RangeTest, horizon: int, max_iterations: int, within: tuple[float, float]
) -> tuple[Evidence, bool]:
    """Make probes until the search ends or the iterations do; what they tell, and whether it was the iterations.

    The first probe is at the rate 0: what the losses of the batches are before anything is learned. It is as long as the
    first look, and longer only while no probe trains.
    """
    plan = looks(horizon, max_iterations)
    untrained = np.array(probing.train(0.0, max(len(curve), plan[0].length)).losses)
    evidence = _evidence(probing, curve, untrained, horizon)
    if not (len(curve) and len(untrained) and np.isfinite(untrained).all()):
        return evidence, False
    lowest, highest = within
    start = min(max(start_rate(curve, untrained), lowest), highest)
    if not start > 0:  # of the rates given, only 0 was reached
        return evidence, False
    while asks := next_probes(evidence, plan, start, lambda lr: lowest <= lr <= highest):
        ask = asks[0]
        latest = evidence.latest()
        blind = ask.length > len(untrained) and not latest  # then at least with the untrained losses of the same batches
        cost = probing.cost(*ask) + (probing.cost(0.0, ask.length) if blind else 0)
        if cost > max_iterations - len(curve) - probing.iterations:
            return evidence, True
        if blind:
            untrained = np.array(probing.train(0.0, ask.length).losses)
        probing.prepare(asks)
        if not probing.train(*ask).losses:  # the data have ended, and did not come back
            return evidence, False
        evidence = _evidence(probing, curve, untrained, horizon)
        latest = evidence.latest()
        probing.keep([ask.lr, *sorted(latest, key=latest.__getitem__)[:KEPT]] if latest else [0.0, *evidence.runs])
    return evidence, False


def _evidence(probing: Probing, curve: RangeTest, untrained: NDArray[np.float64], horizon: int) -> Evidence:
    both = min(len(curve), len(untrained))
    changes = (loss - before for loss, before in zip(curve.losses[:both].tolist(), untrained[:both].tolist(), strict=True))
    fall = max(0.0, -min(filter(math.isfinite, changes), default=0.0))
    runs = {lr: {n: np.array(losses) for n, losses in by.items()} for lr, by in probing.runs.items() if lr > 0}
    return Evidence(untrained, fall, runs, horizon)
