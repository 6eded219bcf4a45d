"""Bracket and lengthen: which probe to make next, and what all of them say. Pure functions of the losses so far."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfinder.errors import RatesError
from lrfinder.rates import geometric
from lrfinder.records import Status, Suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lrfinder.records import Probe, RangeTest

CURVE_ALONE = 150  # iterations, up to which there is no room for probes
FEWEST = 50  # iterations, below which a sweep does not reach where it should


class Ask(NamedTuple):
    """A probe to be made: its rate and its length."""

    lr: float
    length: int


def on_ladder(lr: float, octaves: float = 0.0) -> float:
    """The rate of the ladder (powers of the root of two) that is nearest to ``lr``, so many octaves higher."""
    return 2.0 ** (round(2 * (math.log2(lr) + octaves)) / 2)


def check_search(horizon: int, max_iterations: int) -> None:
    """Refuse what no search can be made with.

    Raises:
        RatesError: ``horizon`` is below 1, or ``max_iterations`` below what one curve needs.
    """
    if horizon < 1:
        message = f"horizon is {horizon!r}; it is the length of the training that the rate is for, at least 1 iteration."
        raise RatesError(message)
    if max_iterations < FEWEST:
        message = f"max_iterations is {max_iterations!r}; a curve needs at least {FEWEST} (650 is usual)."
        raise RatesError(message)


def ladder_of(max_iterations: int) -> Iterable[float]:
    """The rates of the sweep that comes first: coarse where probes follow it, fine where it stands alone."""
    return geometric(1e-7, 1.15 if max_iterations <= CURVE_ALONE else 1.6, 100.0)


def start_rate(curve: RangeTest) -> float | None:
    """Where to begin probing: below the lowest point of the curve; ``None`` where it has none to show."""
    lowest = curve.landmarks.lowest
    return None if lowest is None else on_ladder(lowest / 3)


def score(losses: Sequence[float], length: int) -> float:
    """The mean of the last third of the first ``length`` losses; infinite where one of those is not finite."""
    window = np.asarray(losses[:length])[-max(3, length // 3) :]
    mean = float(window.mean()) if len(losses) >= length else math.inf
    return mean if math.isfinite(mean) else math.inf


def next_probe(probes: Mapping[float, Probe], start: float, horizon: int, left: int) -> Ask | None:
    """The next probe, or ``None`` when the search has ended; ``start`` is the rate to begin at."""
    rungs = ((horizon // 12, 2), (horizon // 12, 1), (horizon // 4, 1), (horizon // 2, 1))
    for length, octaves in ((max(1, length), octaves) for length, octaves in rungs):
        known = {lr: score(probe.losses, length) for lr, probe in probes.items() if _reached(probe, length)}
        if not known:
            start = start if not probes else min(probes, key=lambda lr: score(probes[lr].losses, len(probes[lr].losses)))
            return _affordable(start, length, probes, left)
        best = min(known, key=lambda lr: (known[lr], lr))
        for neighbour in (on_ladder(best, -octaves), on_ladder(best, octaves)):
            if neighbour not in known:
                return _affordable(neighbour, length, probes, left)
    return None


def _affordable(lr: float, length: int, probes: Mapping[float, Probe], left: int) -> Ask | None:
    done = len(probes[lr].losses) if lr in probes else 0
    return Ask(lr, length) if length - done <= left else None


def _reached(probe: Probe, length: int) -> bool:
    return len(probe.losses) >= length or not math.isfinite(probe.losses[-1])


def conclude(curve: RangeTest, probes: Mapping[float, Probe], horizon: int) -> Suggestion:
    """What the curve and the probes say of the rate for a training of ``horizon`` iterations."""
    iterations = len(curve) + sum(len(probe.losses) for probe in probes.values())
    alone = curve.suggestion
    if not probes:
        return Suggestion(alone.lr, alone.low, alone.high, "low", alone.status, alone.notes, iterations, horizon, curve)
    length = max(len(probe.losses) for probe in probes.values())
    best = min(probes, key=lambda lr: score(probes[lr].losses, length))
    tried = tuple(probes[lr] for lr in sorted(probes))
    low, high = on_ladder(best, -0.5), on_ladder(best, 0.5)
    return Suggestion(best, low, high, "medium", Status.OK, (), iterations, horizon, curve, tried)
