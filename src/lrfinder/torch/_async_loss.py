"""Losses that are read late: on an accelerator, a wait for each loss would stop the device at every step."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor

    from lrfinder.torch.step import Loss

MAX_LATE_ITERATIONS = 8  # a stop wastes as many iterations, and more do not help a device that never waits


class PendingLoss(NamedTuple):
    """A loss on its way to the host."""

    slot: Tensor
    event: Any

    def has_arrived(self) -> bool:
        """Return whether the loss can be read without a wait."""
        return self.event.query()

    def value(self) -> float:
        """Wait for the loss and return it."""
        self.event.synchronize()
        return self.slot.item()


def losses_in_order(
    train: Callable[[float], Loss],
    lrs: Iterable[float],
    send: Callable[[Loss], PendingLoss],
    max_late: int = MAX_LATE_ITERATIONS,
) -> Iterator[float]:
    """Train at each rate and yield the losses as they arrive.

    Training runs at most ``max_late`` iterations ahead of the yielded loss, and never beyond the rates that were requested.
    If an iteration raises, the losses before it are yielded first, as if each had been waited for.
    """
    pending: deque[PendingLoss] = deque()
    raised: Exception | None = None
    for lr in lrs:
        try:
            pending.append(send(train(lr)))
        except Exception as error:  # noqa: BLE001  (raised below)
            raised = error
            break
        while len(pending) > max_late or (pending and pending[0].has_arrived()):
            yield pending.popleft().value()
    while pending:
        yield pending.popleft().value()
    if raised is not None:
        raise raised


class LossTransfer:
    """Transfer of losses into pinned memory of the host, each followed by an event of ``torch.cuda`` or ``torch.xpu``.

    At most ``max_late`` losses may be pending while another is sent.
    """

    def __init__(self, module: Any, device: torch.device, max_late: int = MAX_LATE_ITERATIONS) -> None:
        self._module = module
        self._device = device
        self._slots = torch.empty(max_late + 1, dtype=torch.float64, pin_memory=device.type != "cpu")
        self._events = [module.Event() for _ in self._slots]
        self._sent = 0

    def __call__(self, loss: Loss) -> PendingLoss:
        """Start the transfer of ``loss``."""
        k = self._sent % len(self._slots)
        self._sent += 1
        self._slots[k].copy_(torch.as_tensor(loss, dtype=torch.float64).reshape(()), non_blocking=True)
        self._events[k].record(self._module.current_stream(self._device))
        return PendingLoss(self._slots[k], self._events[k])


def loss_sender(device: torch.device) -> Callable[[], Callable[[Loss], PendingLoss]] | None:
    """Return a factory of transfers from ``device``, or None where no transfer is late or none is known."""
    module = {"cuda": torch.cuda, "xpu": torch.xpu}.get(device.type)
    return None if module is None else lambda: LossTransfer(module, device)
