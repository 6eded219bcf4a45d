"""Checks of arguments that many functions share, so that each says the same of the same mistake."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

from lrfinder.errors import LRFinderError, RatesError


def number(value: Any) -> float:
    """Return a number as a float, and NaN, which passes no check of a range, for anything else."""
    if isinstance(value, str | bytes | bytearray):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # what arrays of several numbers raise
        return math.nan


def holds_items(value: object) -> bool:
    """Return whether a value can be iterated over, and is no text."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | bytearray)


def whole(name: str, value: Any, least: int, why: str, error: type[LRFinderError] = RatesError) -> int:
    """Return a count as an int.

    Args:
        name: the argument's name.
        value: the argument.
        least: the least that is allowed.
        why: what it counts, and the usual number, for the message.
        error: the class to raise.

    Raises:
        LRFinderError: the value is no whole number, or too small; of the class ``error``.
    """
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool) or count < least:
        message = f"{name} is {value!r}; {why}: give an int of at least {least}."
        raise error(message)
    return count
