"""The devices that Keras can compute on."""

from __future__ import annotations

from lrfinder.keras._framework import BACKEND


def devices() -> list[str]:
    """Return the name of the backend, whose own package knows the devices."""
    return [f"backend {BACKEND}"]
