"""Storage for the copies of a snapshot: the memory of the host or of the accelerator, or files in a folder."""

from __future__ import annotations

import mmap
import shutil
import tempfile
import weakref
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from lrfinder._state.released import Released, on_release
from lrfinder.errors import SnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from os import PathLike

Key = TypeVar("Key")

MIN_FREE_RATIO = 16  # free bytes of an accelerator over the bytes of a copy; ``suggest`` holds at least two
_CHUNK_BYTES = 1 << 24  # written to disk at a time
_ALIGNED_BYTES = 64  # also a multiple of every dtype's size


class CopyStore(Protocol):
    """Storage for copies of tensors."""

    def store(self, sources: Sequence[Tensor]) -> tuple[list[Tensor], object]:
        """Copy tensors, 1-D and contiguous, in their dtype or as bytes; the second value owns the memory of the copies."""
        ...


class InMemory:
    """Copies on the host, in pinned memory for an accelerator; or on it, if ``MIN_FREE_RATIO`` times their bytes are free.

    All copies of a snapshot are in one block. A released block serves the next snapshot, because new memory costs as much
    time as the copy itself. The block of the last snapshot is returned to the system.
    """

    def __init__(self) -> None:
        self._pools: dict[object, _Pool] = {}

    def store(self, sources: Sequence[Tensor]) -> tuple[list[Tensor], object]:
        """Copy tensors; see :class:`CopyStore`."""
        copies: dict[int, Tensor] = {}
        blocks: list[_Block] = []
        for device, indices in _grouped(sources, lambda source: source.device):
            chosen = [sources[k] for k in indices]
            dtypes = _grouped(chosen, lambda source: source.dtype)
            nbytes = sum(_aligned(sum(chosen[k].nbytes for k in members)) for _, members in dtypes)
            blocks.append(self._pool(device, nbytes).acquire(nbytes))
            views = _views(blocks[-1].memory, chosen, dtypes)
            copy_together(views, chosen)
            copies.update(zip(indices, views, strict=True))
        return [copies[k] for k in range(len(sources))], blocks

    def _pool(self, device: torch.device, nbytes: int) -> _Pool:
        if device.type == "cpu":
            return self._pools.setdefault("host", _Pool(_host_memory))
        if device.type == "cuda" and fits_on_accelerator(nbytes, torch.cuda.mem_get_info(device)[0]):
            return self._pools.setdefault(device, _Pool(lambda size: torch.empty(size, dtype=torch.uint8, device=device)))
        return self._pools.setdefault("pinned", _Pool(lambda size: _pinned_memory(size, device)))


class _Pool:
    """Blocks of one kind of memory: at most one of them unused, and none while no snapshot exists."""

    def __init__(self, allocate: Callable[[int], Tensor]) -> None:
        self._allocate = allocate
        self._released: Callable[[], deque[Released] | None] = lambda: None  # a reference to the queue of living blocks

    def acquire(self, nbytes: int) -> _Block:
        released = self._released()
        if released is None:
            released = deque[Released](maxlen=1)
            self._released = weakref.ref(released)
        memory = released.pop().value if released else None
        if memory is None or not nbytes <= memory.numel() <= 2 * nbytes:
            memory = None  # released before the next is allocated
            memory = self._allocate(nbytes)
        return _Block(memory, released)


class _Block:
    """The memory of one snapshot on one device; as it dies, the memory moves to a queue that only living blocks hold."""

    def __init__(self, memory: Tensor, released: deque[Released]) -> None:
        self.memory = memory
        self._released = on_release(self, released, memory)


def fits_on_accelerator(nbytes: int, free: int) -> bool:
    """Return whether copies of ``nbytes`` bytes may be on an accelerator that has ``free`` bytes free."""
    return MIN_FREE_RATIO * nbytes <= free


def copy_together(targets: list[Tensor], sources: list[Tensor]) -> None:
    """Copy each of ``sources`` into its target, and wait until all have arrived."""
    torch._foreach_copy_(targets, sources, non_blocking=True)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
    for device in {tensor.device for tensor in (*targets, *sources)}:
        if device.type != "cpu":
            getattr(torch, device.type).synchronize(*([] if device.type == "mps" else [device]))


def _host_memory(nbytes: int) -> Tensor:
    """Allocate by numpy, which requests large pages from the system: they are ready much sooner."""
    return torch.from_numpy(np.empty(nbytes, np.uint8))


def _pinned_memory(nbytes: int, device: torch.device) -> Tensor:
    try:
        return torch.empty(nbytes, dtype=torch.uint8, pin_memory=device.type in {"cuda", "xpu"})
    except RuntimeError:  # the system allows no more of it
        return _host_memory(nbytes)


def _grouped(sources: Sequence[Tensor], key: Callable[[Tensor], Key]) -> list[tuple[Key, list[int]]]:
    """Return the indices of the tensors with each key."""
    indices: dict[Key, list[int]] = {}
    for k, source in enumerate(sources):
        indices.setdefault(key(source), []).append(k)
    return list(indices.items())


def _aligned(nbytes: int) -> int:
    return -(-nbytes // _ALIGNED_BYTES) * _ALIGNED_BYTES


def _views(memory: Tensor, sources: Sequence[Tensor], dtypes: list[tuple[torch.dtype, list[int]]]) -> list[Tensor]:
    """Return a part of ``memory`` for each source, of its dtype and length."""
    views: dict[int, Tensor] = {}
    start = 0
    for dtype, indices in dtypes:
        lengths = [sources[k].numel() for k in indices]
        end = start + sum(lengths) * dtype.itemsize
        views.update(zip(indices, memory[start:end].view(dtype).split(lengths), strict=True))
        start += _aligned(end - start)
    return [views[k] for k in range(len(sources))]


def _chunks(sources: Sequence[Tensor]) -> Iterator[memoryview]:
    """Yield the bytes of tensors through a buffer, because memory can no longer be resized after ``numpy()`` of a tensor."""
    buffer = torch.empty(min(_CHUNK_BYTES, max(source.nbytes for source in sources)), dtype=torch.uint8)
    for source in sources:
        for chunk in source.view(torch.uint8).split(_CHUNK_BYTES):
            buffer[: chunk.numel()].copy_(chunk)
            yield buffer.numpy()[: chunk.numel()].data


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class OnDisk:
    """Copies in temporary files of a folder, read through a memory map.

    The files have no name (on Windows, until they are closed), so that nothing remains however the process ends. Where the
    folder does not exist, has too little space or cannot be written to, a ``SnapshotError`` says so.
    """

    def __init__(self, folder: str | PathLike[str], free_bytes: Callable[[Path], int] = _free_bytes) -> None:
        self._folder = Path(folder)
        self._free_bytes = free_bytes
        if not self._folder.is_dir():
            message = f"snapshot_dir is {str(folder)!r}, which is not a folder; create it, or give an existing one."
            raise SnapshotError(message)

    def store(self, sources: Sequence[Tensor]) -> tuple[list[Tensor], object]:
        """Copy tensors; see :class:`CopyStore`."""
        nbytes = sum(source.nbytes for source in sources)
        try:
            free = self._free_bytes(self._folder)
            if free >= nbytes:
                return _write(sources, self._folder), None
        except (OSError, ValueError) as error:  # the latter from mmap
            message = (
                f"The snapshot could not be written to snapshot_dir={str(self._folder)!r}: {error}. Nothing was changed."
            )
            raise SnapshotError(message) from error
        message = (
            f"A snapshot takes {nbytes:,} bytes, and {free:,} are free in snapshot_dir={str(self._folder)!r}; free some "
            "space, or give a folder on another disk. Nothing was changed."
        )
        raise SnapshotError(message)


def _write(sources: Sequence[Tensor], folder: Path) -> list[Tensor]:
    lengths = [source.nbytes for source in sources]
    if not any(lengths):  # which no system maps
        return [torch.empty(0, dtype=torch.uint8) for _ in sources]
    with tempfile.TemporaryFile(dir=folder) as file:
        file.writelines(_chunks(sources))
        file.flush()
        memory = torch.frombuffer(mmap.mmap(file.fileno(), 0), dtype=torch.uint8)  # which holds the map
    return list(memory.split(lengths))
