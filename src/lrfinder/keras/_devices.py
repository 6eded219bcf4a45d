"""What Keras computes with."""

from __future__ import annotations

from lrfinder.keras._framework import BACK_END


def devices() -> list[str]:
    """The back end that is set; what devices it has, the framework of that name tells."""
    return [f"back end {BACK_END}"]
