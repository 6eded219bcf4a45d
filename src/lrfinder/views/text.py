"""Texts that views show: short numbers, and foreign text without control characters."""

from __future__ import annotations

import math


def printable(text: str) -> str:
    r"""Return the text with each character that controls a terminal (``\x1b``) as its escape; line breaks stay."""
    return "".join(character if character.isprintable() or character == "\n" else _escape(character) for character in text)


def number(value: float | None, missing: str = "-", digits: int = 3) -> str:
    """Return a number with a few digits, or ``missing`` if there is none or it is not finite."""
    return missing if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def counted(count: int, noun: str = "iteration") -> str:
    """Return a number with its noun, which has an ``s`` unless the number is 1."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
