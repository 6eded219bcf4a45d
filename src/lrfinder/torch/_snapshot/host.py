"""Where the copies of a snapshot lie: on the host, or on the accelerator where there is room to spare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Key = TypeVar("Key")

SPARE = 16  # times the state's bytes must be free on an accelerator for a copy to lie there
_ALIGNED = 64  # bytes; also a multiple of every dtype's size


class Copies(Protocol):
    """Keeps copies of tensors."""

    def keep(self, sources: Sequence[Tensor]) -> tuple[list[Tensor], object]:
        """A copy of each of ``sources``, which are 1-D and contiguous, as they are or as bytes; and what these live by."""
        ...


class InMemory:
    """Copies on the host, in pinned memory for an accelerator; or on it, where ``SPARE`` times their bytes are free there.

    All copies of a snapshot lie in one block. A block that is let go of serves the next snapshot, as memory that is new
    costs as much as the copy itself; the block of the last one is given back to the system.
    """

    def __init__(self) -> None:
        self._pools: dict[object, _Pool] = {}

    def keep(self, sources: Sequence[Tensor]) -> tuple[list[Tensor], object]:
        """See :class:`Copies`."""
        copies: dict[int, Tensor] = {}
        blocks: list[_Block] = []
        for device, places in _by(sources, lambda source: source.device):
            chosen = [sources[k] for k in places]
            kinds = _by(chosen, lambda source: source.dtype)
            nbytes = sum(_rounded(sum(chosen[k].nbytes for k in indices)) for _, indices in kinds)
            blocks.append(self._pool(device, nbytes).take(nbytes))
            views = _views(blocks[-1].memory, chosen, kinds)
            copy_together(views, chosen)
            copies.update(zip(places, views, strict=True))
        return [copies[k] for k in range(len(sources))], blocks

    def _pool(self, device: torch.device, nbytes: int) -> _Pool:
        if device.type == "cpu":
            return self._pools.setdefault("host", _Pool(_host_memory))
        if device.type == "cuda" and has_room_to_spare(nbytes, torch.cuda.mem_get_info(device)[0]):
            return self._pools.setdefault(device, _Pool(lambda size: torch.empty(size, dtype=torch.uint8, device=device)))
        return self._pools.setdefault("pinned", _Pool(lambda size: _pinned_memory(size, device)))


class _Pool:
    """Blocks of one kind of memory; at most one that nobody uses, and none once no snapshot lives."""

    def __init__(self, allocate: Callable[[int], Tensor]) -> None:
        self._allocate = allocate
        self._spare: Tensor | None = None
        self._lent = 0

    def take(self, nbytes: int) -> _Block:
        memory, self._spare = self._spare, None
        if memory is None or not nbytes <= memory.numel() <= 2 * nbytes:
            memory = None  # let go of before the other is allocated
            memory = self._allocate(nbytes)
        self._lent += 1
        return _Block(memory, self)

    def give_back(self, memory: Tensor) -> None:
        self._lent -= 1
        self._spare = memory if self._lent else None


class _Block:
    """The memory of one snapshot on one device."""

    def __init__(self, memory: Tensor, pool: _Pool) -> None:
        self.memory = memory
        self._pool = pool

    def __del__(self) -> None:
        self._pool.give_back(self.memory)


def has_room_to_spare(nbytes: int, free: int) -> bool:
    """Whether copies of so many bytes may lie on an accelerator of which ``free`` are: ``suggest`` holds seven at most."""
    return SPARE * nbytes <= free


def copy_together(targets: list[Tensor], sources: list[Tensor]) -> None:
    """Each of ``sources`` into its target, and wait for it."""
    torch._foreach_copy_(targets, sources, non_blocking=True)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
    for device in {tensor.device for tensor in (*targets, *sources)}:
        if device.type != "cpu":
            getattr(torch, device.type).synchronize(*([] if device.type == "mps" else [device]))


def _host_memory(nbytes: int) -> Tensor:
    """Numpy's, as it asks the system for large pages, which are there much sooner."""
    return torch.from_numpy(np.empty(nbytes, np.uint8))


def _pinned_memory(nbytes: int, device: torch.device) -> Tensor:
    try:
        return torch.empty(nbytes, dtype=torch.uint8, pin_memory=device.type in {"cuda", "xpu"})
    except RuntimeError:  # the system allows no more of it
        return _host_memory(nbytes)


def _by(sources: Sequence[Tensor], key: Callable[[Tensor], Key]) -> list[tuple[Key, list[int]]]:
    """The places of the tensors of each kind."""
    places: dict[Key, list[int]] = {}
    for k, source in enumerate(sources):
        places.setdefault(key(source), []).append(k)
    return list(places.items())


def _rounded(nbytes: int) -> int:
    return -(-nbytes // _ALIGNED) * _ALIGNED


def _views(memory: Tensor, sources: Sequence[Tensor], kinds: list[tuple[torch.dtype, list[int]]]) -> list[Tensor]:
    """For each source a part of ``memory`` of its dtype and length."""
    views: dict[int, Tensor] = {}
    start = 0
    for dtype, places in kinds:
        lengths = [sources[k].numel() for k in places]
        end = start + sum(lengths) * dtype.itemsize
        views.update(zip(places, memory[start:end].view(dtype).split(lengths), strict=True))
        start += _rounded(end - start)
    return [views[k] for k in range(len(sources))]
