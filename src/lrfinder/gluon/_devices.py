"""The devices that MXNet can compute on."""

from __future__ import annotations

from typing import Any, cast

from lrfinder.gluon._framework import mx


def devices() -> list[str]:
    """Return the names of the devices, the CPU first."""
    return ["cpu", *(f"gpu:{k}" for k in range(mx.device.num_gpus()))]


def as_list(device: Any) -> list[Any]:
    """Return a list of devices, for one device or several."""
    return list(cast("list[Any]", device)) if isinstance(device, list | tuple) else [device]


def default_device(net: Any) -> Any:
    """Return the devices of a network's parameters, or else the first GPU, or else the CPU."""
    for parameter in net.collect_params().values():
        if parameter._data is not None or parameter._deferred_init:
            return parameter.list_device()
    return mx.gpu() if mx.device.num_gpus() else mx.cpu()
