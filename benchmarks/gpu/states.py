"""Snapshots and restores in bytes per second, and the device memory that ``find`` and ``suggest`` add to a training."""

from __future__ import annotations

import statistics
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from unittest import mock

import torch
from results import Figure
from trainings import LR, Sizes, layers, state_bytes

import lrfinder
from lrfinder.torch._snapshot import stores

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from devices import Device
    from results import Cases
    from trainings import Training

ROUNDS = 7
STEPS = 10  # of the bare training whose peak is compared
ON_DEVICE, PINNED = "copies on the device", "copies in pinned memory"


def snapshots(device: Device, sizes: Sizes) -> Cases:
    """Measure snapshots on the device and in pinned memory, against copies of as many bytes in one piece."""
    return {
        f"{count:,} parameters, Adam, {where}": partial(_snapshot, device, count, where)
        for count in sizes.parameters
        for where in (ON_DEVICE, PINNED)
    }


def memory(device: Device, sizes: Sizes) -> Cases:
    """Measure the peak of device memory over that of the bare training."""
    return {
        f"{count:,} parameters, {optimizer}, {where}": partial(_memory, device, count, optimizer, where)
        for count in sizes.parameters
        for optimizer in ("SGD", "Adam")
        for where in (ON_DEVICE, PINNED)
    }


@contextmanager
def _copies(where: str, device: Device) -> Generator[None]:
    """Choose where the copies are; by itself lrfinder puts them on the device if there is enough memory.

    Raises:
        NotRunError: they would be in pinned memory, of which the CPU has none.
        MemoryError: the device has too little memory.
    """
    if where == PINNED:
        device.require("Pinned memory")
    with mock.patch.object(stores, "fits_on_accelerator", return_value=where == ON_DEVICE):
        yield


def _snapshot(device: Device, count: int, where: str) -> list[Figure]:
    of = layers(count, "Adam", device)
    learner, nbytes = of.learner(), state_bytes(of)
    there, back = _copy_limits(device, nbytes, where)
    snapshot_seconds, restore_seconds = [], []
    with _copies(where, device):
        for _ in range(ROUNDS + 1):
            seconds, state = _seconds(device, learner.snapshot)
            snapshot_seconds.append(seconds)
            restore_seconds.append(_seconds(device, lambda state=state: learner.restore(state))[0])
            del state
    first, *others = snapshot_seconds
    numbers = {"bytes": nbytes, "first_snapshot_seconds": first}
    figures = []
    for what, seconds, limit in (("snapshot", others, there), ("restore", restore_seconds[1:], back)):
        speed = nbytes / statistics.median(seconds) / 1e9
        own = {**numbers, "seconds": seconds, "limit_gb_per_second": limit}
        figures.append(Figure(what, f"{speed:,.1f} GB/s", f"{limit:,.1f} GB/s, one copy", f"{speed / limit:.2f}", own))
    return [*figures, Figure("the first snapshot", f"{1e3 * first:,.1f} ms", numbers=numbers)]


def _copy_limits(device: Device, nbytes: int, where: str) -> tuple[float, float]:
    """Return the gigabytes per second of a copy to where the copies are, and of one back."""
    if where == PINNED:
        device.require("Pinned memory")
    source = torch.ones(nbytes, dtype=torch.uint8, device=device.place)
    target = torch.ones(nbytes, dtype=torch.uint8, pin_memory=True) if where == PINNED else torch.ones_like(source)
    speeds = []
    for one, other in ((target, source), (source, target)):
        times = [
            _seconds(device, lambda one=one, other=other: one.copy_(other, non_blocking=True))[0] for _ in range(ROUNDS)
        ]
        speeds.append(nbytes / statistics.median(times[1:]) / 1e9)
    return speeds[0], speeds[1]


def _seconds(device: Device, call: Callable[[], object]) -> tuple[float, object]:
    device.synchronize()
    start = time.perf_counter()
    result = call()
    device.synchronize()
    return time.perf_counter() - start, result


def _memory(device: Device, count: int, optimizer: str, where: str) -> list[Figure]:
    def bare(of: Training) -> None:
        for batch in of.endless(STEPS):
            of.step(batch)

    probes: list[int] = []

    def find(of: Training) -> None:
        lrfinder.LRFinder(of.learner()).find(rates=[LR] * STEPS, progress=False)

    def suggest(of: Training) -> None:
        probes.append(len(lrfinder.LRFinder(of.learner()).suggest(progress=False).probes))

    with _copies(where, device):
        peaks = {}
        for call in (bare, find, suggest):
            of = layers(count, optimizer, device)
            peaks[call.__name__] = device.peak_bytes(partial(call, of))
            nbytes = state_bytes(of)
            del of
    figures = []
    for what in ("find", "suggest"):
        more = peaks[what] - peaks["bare"]
        numbers = {"bytes": nbytes, "peak": peaks[what], "bare_peak": peaks["bare"], "probes_of_suggest": probes}
        figures.append(
            Figure(what, f"{more / 1e6:,.0f} MB more", f"{nbytes / 1e6:,.0f} MB of state", f"{more / nbytes:.2f}", numbers)
        )
    return figures
