"""Where the copies of a snapshot lie: on the host, on the accelerator where there is room to spare, or on disk."""

from __future__ import annotations

import shutil
import tempfile
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from lrfinder.errors import MissingExtraError, SnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from os import PathLike

_PACKAGE = "safetensors"  # the extra is named alike
SPARE = 16  # times the state's bytes must be free on an accelerator for a copy to lie there
_ALIGNED = 64  # bytes; also a multiple of every dtype's size
_SHARD = 1 << 28  # bytes of a file: from an accelerator, that much lies on the host meanwhile


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
        places: dict[torch.device, list[int]] = {}
        for k, source in enumerate(sources):
            places.setdefault(source.device, []).append(k)
        copies: dict[int, Tensor] = {}
        blocks: list[_Block] = []
        for device, indices in places.items():
            chosen = [sources[k] for k in indices]
            block = self._pool(device, sum(map(_room, chosen))).take(sum(map(_room, chosen)))
            blocks.append(block)
            views = _views(block.memory, chosen)
            copy_together(views, chosen)
            copies.update(zip(indices, views, strict=True))
        return [copies[k] for k in range(len(sources))], blocks

    def _pool(self, device: torch.device, nbytes: int) -> _Pool:
        if device.type == "cpu":
            return self._pools.setdefault("host", _Pool(_host_memory))
        if device.type == "cuda" and has_room_to_spare(nbytes, torch.cuda.mem_get_info(device)[0]):
            return self._pools.setdefault(device, _Pool(lambda size: torch.empty(size, dtype=torch.uint8, device=device)))
        return self._pools.setdefault("pinned", _Pool(lambda size: _pinned_memory(size, device)))


class OnDisk:
    """Copies in files of a folder, read through a memory map: for models of which memory holds no second.

    The files have no name any more once they are mapped, so that none is left whatever ends the process; where the system
    does not allow that (Windows), they go with the copies.

    Raises:
        MissingExtraError: safetensors is not installed.
        SnapshotError: ``folder`` is none.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        if find_spec(_PACKAGE) is None:
            raise MissingExtraError.of(_PACKAGE, _PACKAGE)
        self._folder = Path(folder)
        if not self._folder.is_dir():
            message = f"snapshot_dir is {str(folder)!r}, which is no folder; make it, or give one that is there."
            raise SnapshotError(message)

    def keep(self, sources: Sequence[Tensor]) -> tuple[list[Tensor], object]:
        """See :class:`Copies`.

        Raises:
            SnapshotError: there is not enough space.
        """
        from safetensors import safe_open

        self._check_space(sum(map(_room, sources)))
        files = _Files(tempfile.mkdtemp(prefix="lrfinder-", dir=self._folder))
        copies: list[Tensor] = []
        try:
            for number, shard in enumerate(_shards(sources)):
                path = Path(files.folder) / f"{number}.safetensors"
                self._write(shard, path)
                with safe_open(path, framework="pt") as file:
                    copies += [file.get_tensor(str(k)) for k in range(len(shard))]
        finally:
            files.remove()
        return copies, files

    def _check_space(self, nbytes: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < nbytes:
            message = (
                f"A snapshot takes {nbytes:,} bytes, and {free:,} are free in snapshot_dir={str(self._folder)!r}; make "
                "room, or give a folder on another disk. Nothing was changed."
            )
            raise SnapshotError(message)

    def _write(self, shard: Sequence[Tensor], path: Path) -> None:
        from safetensors.numpy import save_file

        arrays = {str(k): _bytes_of(tensor).numpy() for k, tensor in enumerate(shard)}
        try:
            save_file(arrays, path)
        except Exception as error:  # its own class, which holds the system's as text
            message = (
                f"The snapshot could not be written to snapshot_dir={str(self._folder)!r}: {error}. Nothing was changed."
            )
            raise SnapshotError(message) from error


class _Files:
    """A folder of our own, removed at once where the system lets open files be removed, or else with this object."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def __del__(self) -> None:
        if Path is not None and Path(self.folder).exists():  # pyright: ignore[reportUnnecessaryComparison]  (at exit it is)
            self.remove()


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


def _room(tensor: Tensor) -> int:
    """Bytes in a block."""
    return -(-tensor.nbytes // _ALIGNED) * _ALIGNED


def _views(memory: Tensor, sources: Sequence[Tensor]) -> list[Tensor]:
    """For each source a 1-D part of ``memory`` of its dtype and length."""
    parts = memory.split([_room(source) for source in sources] + [memory.numel() - sum(map(_room, sources))])
    return [part[: source.nbytes].view(source.dtype) for part, source in zip(parts, sources, strict=False)]


def _shards(sources: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    before = 0
    numbered: list[tuple[int, Tensor]] = []
    for source in sources:
        numbered.append((before // _SHARD, source))
        before += source.nbytes
    for _, shard in groupby(numbered, key=lambda pair: pair[0]):
        yield [tensor for _, tensor in shard]


def _bytes_of(tensor: Tensor) -> Tensor:
    return tensor.view(torch.uint8).cpu()
