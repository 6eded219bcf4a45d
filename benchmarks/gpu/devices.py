"""The device of a measurement: a CUDA device, or for a rehearsal the CPU with losses that a fake clock delivers late."""

from __future__ import annotations

import gc
import os
import platform
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from lrfinder.torch import TorchLearner


class NotRunError(Exception):
    """The reason why a case was not measured."""


class Cuda:
    """The first CUDA device."""

    kind = "cuda"
    place = torch.device("cuda")
    half = torch.float16
    compiler = "inductor"

    def describe(self) -> str:
        """Return the device with its memory, its driver and CUDA."""
        properties = torch.cuda.get_device_properties(self.place)
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
        try:
            driver = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            driver = "unknown"
        memory = f"{properties.total_memory / 2**30:.0f} GiB"
        return f"{properties.name}, {memory}, driver {driver}, CUDA {torch.version.cuda}"

    def require(self, what: str) -> None:
        """Return, because this is what a case requires."""

    def synchronize(self) -> None:
        """Wait for the device."""
        torch.cuda.synchronize()

    def adapt(self, learner: TorchLearner) -> TorchLearner:
        """Return the learner, whose losses are late by themselves."""
        return learner

    def peak_bytes(self, call: Callable[[], object]) -> int:
        """Return the peak of allocated memory during a call."""
        gc.collect()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated()


class Simulated:
    """The CPU; a loss arrives some iterations after it was sent, as from an accelerator."""

    kind = "cpu"
    place = torch.device("cpu")
    half = torch.bfloat16
    compiler = "eager"
    delay = 3  # iterations

    def describe(self) -> str:
        """Name the rehearsal."""
        return f"a rehearsal on the CPU ({platform.machine()}), losses late by {self.delay} iterations of a fake clock"

    def require(self, what: str) -> None:
        """Raise because this is not a CUDA device.

        Raises:
            NotRunError: always.
        """
        message = f"{what} needs CUDA"
        raise NotRunError(message)

    def synchronize(self) -> None:
        """Return: there is nothing to wait for."""

    def adapt(self, learner: TorchLearner) -> TorchLearner:
        """Return the learner with losses that arrive late."""
        learner._loss_sender = lambda: FakeClock(self.delay)  # type: ignore[assignment]  # noqa: SLF001  (no public way)
        return learner

    def peak_bytes(self, _: Callable[[], object]) -> int:
        """Raise because the CPU does not count its memory."""
        self.require("The peak of device memory")
        return 0


Device = Cuda | Simulated


class FakeClock:
    """A clock that advances by one for each loss that is sent."""

    def __init__(self, delay: int) -> None:
        self.delay = delay
        self.now = 0

    def __call__(self, loss: Any) -> FakeLoss:
        """Send a loss."""
        self.now += 1
        return FakeLoss(self, loss, self.now + self.delay)


class FakeLoss(NamedTuple):
    """A loss that arrives when its time has come."""

    clock: FakeClock
    loss: Any
    due: int

    def has_arrived(self) -> bool:
        """Return whether the clock has reached its time."""
        return self.clock.now >= self.due

    def value(self) -> float:
        """Advance the clock until it arrives."""
        self.clock.now = max(self.clock.now, self.due)
        return float(self.loss)


def device_of(kind: str) -> Device:
    """Return the device of that kind, ready to repeat computations bit for bit where they are asked to."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    if kind == "cuda":
        return Cuda()
    torch.set_num_threads(1)
    return Simulated()
