"""Losses that arrive late: on an accelerator, waiting for each would stop the device at every step."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor

    from lrfinder.torch.step import Loss

LATE = 8  # iterations at most: as many are made in vain at a stop, and more no longer help a device that never waits


class Arriving(Protocol):
    """A loss on its way to the host."""

    def has_arrived(self) -> bool:
        """Whether it is there, without waiting."""
        ...

    def value(self) -> float:
        """The loss; waits for it."""
        ...


def in_order(
    train: Callable[[float], Loss], lrs: Iterable[float], send: Callable[[Loss], Arriving], late: int = LATE
) -> Iterator[float]:
    """The losses of ``train`` at each rate as they arrive, ``late`` iterations late at most; ``send`` starts one on its way.

    Iterations are made ahead of the loss that is given out, never more than were asked for. Where one raises, the losses
    before it are given out first, as if each had been waited for.
    """
    under_way: deque[Arriving] = deque()
    raised: Exception | None = None
    for lr in lrs:
        try:
            under_way.append(send(train(lr)))
        except Exception as error:  # noqa: BLE001  (raised below)
            raised = error
            break
        while len(under_way) > late or (under_way and under_way[0].has_arrived()):
            yield under_way.popleft().value()
    while under_way:
        yield under_way.popleft().value()
    if raised is not None:
        raise raised


class Pinned:
    """Sends losses into pinned memory of the host, an event behind each.

    Args:
        module: ``torch.cuda`` or ``torch.xpu``.
        device: where the losses are.
        late: how many are under way at once, beside the one that is sent.
    """

    def __init__(self, module: Any, device: torch.device, late: int = LATE) -> None:
        self._module = module
        self._device = device
        self._slots = torch.empty(late + 1, dtype=torch.float64, pin_memory=device.type != "cpu")
        self._events = [module.Event() for _ in self._slots]
        self._sent = 0

    def __call__(self, loss: Loss) -> Arriving:
        """Start ``loss`` on its way."""
        k = self._sent % len(self._slots)
        self._sent += 1
        self._slots[k].copy_(torch.as_tensor(loss, dtype=torch.float64).reshape(()), non_blocking=True)
        self._events[k].record(self._module.current_stream(self._device))
        return _Slot(self._slots[k], self._events[k])


class _Slot:
    def __init__(self, slot: Tensor, event: Any) -> None:
        self._slot = slot
        self._event = event

    def has_arrived(self) -> bool:
        return self._event.query()

    def value(self) -> float:
        self._event.synchronize()
        return self._slot.item()


def sender(device: torch.device) -> Callable[[], Callable[[Loss], Arriving]] | None:
    """Makes what sends losses from ``device``; None where nothing is to wait for, or nothing known of how to."""
    module = {"cuda": torch.cuda, "xpu": torch.xpu}.get(device.type)
    return None if module is None else lambda: Pinned(module, device)
