"""Texts that views show: short numbers, and foreign text without control characters."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return the text with each character that controls a terminal (``\x1b``) as its escape; line breaks stay."""
    return "".join(character if character.isprintable() or character == "\n" else _escape(character) for character in text)


def number(value: float | None, missing: str = "-") -> str:
    """Return a rate with three digits, or ``missing`` if there is none."""
    return missing if value is None else f"{value:.3g}"


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
