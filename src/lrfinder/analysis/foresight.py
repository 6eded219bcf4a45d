"""What a search may ask for next, before the probe is made that decides it: so that probes can be made at once."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from lrfinder.analysis.bracketing import Ask
    from lrfinder.analysis.evidence import Evidence, Losses

DEEPEST = 4  # probes ahead; what is guessed further than that is hardly ever asked for


def foreseen(
    evidence: Evidence, ask: Ask, following: Callable[[Evidence], Ask | None], deepest: int = DEEPEST
) -> Generator[Ask]:
    """``ask``, and then what may be asked after it, the nearer the earlier.

    The search itself is asked what would follow, once were the probe to end above all others and once were it to end below:
    whatever decides the next probe otherwise (the place of the blurred lowest) is not foreseen, and costs only that.

    Args:
        evidence: the probes so far.
        ask: the probe that is asked for now.
        following: what the search would ask for next, with that evidence; ``None`` where it would end.
        deepest: how many probes ahead are guessed.
    """
    told = {ask}
    yield ask
    open_ends = deque([(evidence, ask, 1)])
    while open_ends:
        known, asked, depth = open_ends.popleft()
        for losses in _guesses(known, asked):
            guess = replace(known, runs={**known.runs, asked.lr: {**known.runs.get(asked.lr, {}), asked.length: losses}})
            after = following(guess)
            if after is None or depth >= deepest:
                continue
            if after not in told:
                told.add(after)
                yield after
            open_ends.append((guess, after, depth + 1))


def _guesses(evidence: Evidence, ask: Ask) -> tuple[Losses, Losses]:
    """Losses of a probe that ends above all others of its length, and of one that ends below them."""
    level, spread = float(evidence.untrained.mean()), float(evidence.untrained.std())
    ends = [float(runs[ask.length][-1]) for runs in evidence.runs.values() if len(runs.get(ask.length, ())) == ask.length]
    lowest = min([*filter(np.isfinite, ends), level - evidence.fall])
    below = lowest - max(spread, level - lowest, 1e-6 * abs(level))
    return np.full(ask.length, level), np.linspace(level, below, ask.length)
