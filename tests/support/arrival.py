"""The fate of a rate that is set: a case trains with it, and its outcome is a row of docs/evidence/rates.md.

``CASES`` of a module ``arrival_FRAMEWORK.py`` maps ``(trainer, kind of scheduler)`` to a function. It sets a rate, trains,
and returns an :class:`Arrived`, or lets the error pass through. Frameworks are imported inside the functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfinder.errors import LRFinderError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REACHED, REFUSED = "reached", "refused by name"


class Arrived(NamedTuple):
    """A training after a rate was set.

    Attributes:
        asked: the rate that was set.
        trained: the rate of each update.
        before: the rates of the same updates without the call: those of the schedule as it was.
    """

    asked: float
    trained: Sequence[float]
    before: Sequence[float]


Case = tuple[str, str]
Cases = dict[Case, "Callable[[], Arrived]"]


def outcome(case: Callable[[], Arrived]) -> tuple[str, str]:
    """Return the outcome of a case and a remark; a rate that goes astray raises an ``AssertionError``."""
    try:
        asked, trained, before = case()
    except LRFinderError as error:
        return REFUSED, f"`{type(error).__name__}`: {str(error).splitlines()[0]}"
    assert len(trained) == len(before) > 1
    expected = np.array(before) * asked / max(before)
    assert np.allclose(trained, expected, rtol=1e-5, atol=1e-9 * asked), f"trained at {trained}, expected {expected}"
    return REACHED, f"{len(trained)} updates, from {trained[0]:.3g} to {trained[-1]:.3g}, at most {max(trained):.3g}"
