"""The devices that JAX can compute on."""

from __future__ import annotations

import jax


def devices() -> list[str]:
    """Return a description of each device of the default backend."""
    return [f"{device.platform}:{device.id}, {device.device_kind}" for device in jax.devices()]
