"""Checks of arguments that many functions share, so that each says the same of the same mistake."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from os import PathLike
from typing import Any

from lrfinder.errors import LRFinderError, RatesError


def number(value: Any) -> float:
    """Return a number as a float, and NaN, which passes no check of a range, for anything else."""
    if isinstance(value, str | bytes | bytearray | bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # what arrays of several numbers raise
        return math.nan


def holds_items(value: object) -> bool:
    """Return whether a value can be iterated over, and is no text."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | bytearray)


def is_count(value: Any, least: int) -> bool:
    """Return whether a value is a whole number, of Python or numpy, of at least ``least``."""
    try:
        return not isinstance(value, bool) and operator.index(value) >= least
    except TypeError:
        return False


def given(value: object) -> str:
    """Return an argument as a message shows it: a short text or number itself, of anything else its class."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"{value!r:.60}" if value is None or isinstance(value, str | bytes | int | float) else f"a {type(value).__name__}"


def function(name: str, value: Any, wanted: str, error: type[LRFinderError] = RatesError) -> None:
    """Require a function.

    Args:
        name: the argument's name.
        value: the argument.
        wanted: how it is called and what it returns, for the message.
        error: the class to raise.

    Raises:
        LRFinderError: the value cannot be called; of the class ``error``.
    """
    if not callable(value):
        message = f"{name} is {given(value)}; give a function, {wanted}."
        raise error(message)


def callback(name: str, value: Any) -> None:
    """Require a function or ``None``.

    Raises:
        RatesError: the value is neither.
    """
    if value is not None:
        function(name, value, "or leave it out", RatesError)


def items(name: str, value: Any, wanted: str, error: type[LRFinderError]) -> list[Any]:
    """Return the items of an argument that holds several, such as ``stateful=[ema]``.

    Raises:
        LRFinderError: the value cannot be iterated over, or is a text; of the class ``error``.
    """
    if not holds_items(value):
        message = f"{name} is {given(value)}; give several, even of one: {wanted}."
        raise error(message)
    return list(value)


def file_path(value: Any) -> None:
    """Require the path of a file.

    Raises:
        TypeError: the value is no text and no ``os.PathLike``.
    """
    if not isinstance(value, str | PathLike):
        message = f"path is {given(value)}; give the path of a file, such as 'result.json'."
        raise TypeError(message)


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
    if not is_count(value, least):
        message = f"{name} is {value!r}; {why}: give an int of at least {least}."
        raise error(message)
    return operator.index(value)
