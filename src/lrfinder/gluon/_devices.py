"""What MXNet can compute on."""

from __future__ import annotations

from lrfinder.gluon._framework import mx


def devices() -> list[str]:
    """The devices in words, the processor first."""
    return ["cpu", *(f"gpu:{k}" for k in range(mx.device.num_gpus()))]
