"""What JAX can compute on."""

from __future__ import annotations

import jax


def devices() -> list[str]:
    """The devices of the default back end, in words."""
    return [f"{device.platform}:{device.id}, {device.device_kind}" for device in jax.devices()]
