"""Storage for the copies of a snapshot: the memory of the host or of the accelerator, or files in a folder."""

from __future__ import annotations

import mmap
import shutil
import tempfile
import weakref
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

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

    def store(self, sources: Sequence[Tensor]) -> Copies:
        """Copy tensors that are 1-D and contiguous."""
        ...


class Region(NamedTuple):
    """Memory that holds copies one after the other: 1-D, in their dtype or as bytes.

    Attributes:
        memory: the memory.
        indices: the places of the copied tensors among all that were given.
        lengths: the lengths of the copies, in elements of ``memory``.
    """

    memory: Tensor
    indices: Sequence[int]
    lengths: list[int]

    def views(self) -> Sequence[Tensor]:
        """Return each copy, as a part of the memory."""
        return self.memory.split(self.lengths)


class Copies(NamedTuple):
    """The copies of many tensors; a view of each is made only when it is needed, because a large model has many."""

    regions: list[Region]
    blocks: list[_Block]  # which own the memory

    def views(self) -> list[Tensor]:
        """Return the copies in the order of the tensors."""
        if len(self.regions) == 1:
            return list(self.regions[0].views())
        views = {k: view for region in self.regions for k, view in zip(region.indices, region.views(), strict=True)}
        return [views[k] for k in range(len(views))]


class InMemory:
    """Copies on the host, in pinned memory for an accelerator; or on it, if ``MIN_FREE_RATIO`` times their bytes are free.

    All copies of a snapshot are in one block. A released block serves the next snapshot, because new memory costs as much
    time as the copy itself. The block of the last snapshot is returned to the system.
    """

    def __init__(self) -> None:
        self._pools: dict[object, _Pool] = {}

    def store(self, sources: Sequence[Tensor]) -> Copies:
        """Copy tensors; see :class:`CopyStore`."""
        copies = Copies([], [])
        for device, indices in _grouped(range(len(sources)), [source.device for source in sources]):
            dtypes = _grouped(indices, [sources[k].dtype for k in indices])
            lengths = [[sources[k].numel() for k in members] for _, members in dtypes]
            sizes = [sum(counts) * dtype.itemsize for (dtype, _), counts in zip(dtypes, lengths, strict=True)]
            block = self._pool(device, sum(map(_aligned, sizes))).acquire(sum(map(_aligned, sizes)))
            copies.blocks.append(block)
            start = 0
            for (dtype, members), counts, size in zip(dtypes, lengths, sizes, strict=True):
                region = Region(block.memory[start : start + size].view(dtype), members, counts)
                _copy_into(region, [sources[k] for k in members])
                copies.regions.append(region)
                start += _aligned(size)
        return copies

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


def _copy_into(region: Region, sources: list[Tensor]) -> None:
    if sources[0].device.type == "cpu":
        torch.cat(sources, out=region.memory)  # without a view of each copy
    else:
        copy_together(list(region.views()), sources)


def _host_memory(nbytes: int) -> Tensor:
    """Allocate by numpy, which requests large pages from the system: they are ready much sooner."""
    return torch.from_numpy(np.empty(nbytes, np.uint8))


def _pinned_memory(nbytes: int, device: torch.device) -> Tensor:
    try:
        return torch.empty(nbytes, dtype=torch.uint8, pin_memory=device.type in {"cuda", "xpu"})
    except RuntimeError:  # the system allows no more of it
        return _host_memory(nbytes)


def _grouped(indices: Sequence[int], keys: list[Key]) -> list[tuple[Key, Sequence[int]]]:
    """Return the indices with each key; their keys are in the same order."""
    if keys and keys.count(keys[0]) == len(keys):  # as in most models
        return [(keys[0], indices)]
    kinds = dict.fromkeys(keys)
    return [(kind, [k for k, one in zip(indices, keys, strict=True) if one == kind]) for kind in kinds]


def _aligned(nbytes: int) -> int:
    return -(-nbytes // _ALIGNED_BYTES) * _ALIGNED_BYTES


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

    def store(self, sources: Sequence[Tensor]) -> Copies:
        """Copy tensors; see :class:`CopyStore`."""
        nbytes = sum(source.nbytes for source in sources)
        try:
            free = self._free_bytes(self._folder)
            if free >= nbytes:
                return Copies([_write(sources, self._folder)], [])
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


def _write(sources: Sequence[Tensor], folder: Path) -> Region:
    lengths = [source.nbytes for source in sources]
    if not any(lengths):  # which no system maps
        return Region(torch.empty(0, dtype=torch.uint8), range(len(sources)), lengths)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.writelines(_chunks(sources))
        file.flush()
        memory = torch.frombuffer(mmap.mmap(file.fileno(), 0), dtype=torch.uint8)  # which holds the map
    return Region(memory, range(len(sources)), lengths)
