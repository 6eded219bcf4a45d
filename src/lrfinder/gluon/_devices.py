"""The devices that MXNet can compute on."""

from __future__ import annotations

from lrfinder.gluon._framework import mx


def devices() -> list[str]:
    """Return the names of the devices, the CPU first."""
    return ["cpu", *(f"gpu:{k}" for k in range(mx.device.num_gpus()))]
