"""Devices that PyTorch can compute on."""

from __future__ import annotations

import torch


def devices() -> list[str]:
    """Return a description of each device, the CPU first."""
    found = [f"cpu, {torch.get_num_threads()} threads"]
    found += [f"cuda:{k}, {torch.cuda.get_device_name(k)}" for k in range(torch.cuda.device_count())]
    found += [f"xpu:{k}, {torch.xpu.get_device_name(k)}" for k in range(torch.xpu.device_count())]
    return [*found, "mps"] if torch.backends.mps.is_available() else found
