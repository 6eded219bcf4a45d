"""Copies of a snapshot on disk, for a model that does not fit into memory twice."""

from __future__ import annotations

import mmap
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lrfinder.errors import SnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from torch import Tensor


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class OnDisk:
    """Copies in temporary files of a folder, read through a memory map.

    The files have no name (on Windows, until they are closed), so that nothing remains however the process ends.

    Args:
        folder: an existing folder.
        free_bytes: returns the free space of the folder.

    Raises:
        SnapshotError: ``folder`` does not exist or is not a folder.
    """

    def __init__(self, folder: str | PathLike[str], free_bytes: Callable[[Path], int] = _free_bytes) -> None:
        self._folder = Path(folder)
        self._free_bytes = free_bytes
        if not self._folder.is_dir():
            message = f"snapshot_dir is {str(folder)!r}, which is not a folder; create it, or give an existing one."
            raise SnapshotError(message)

    def store(self, sources: Sequence[Tensor]) -> tuple[list[Tensor], object]:
        """Copy tensors; see :class:`lrfinder.torch._snapshot.host.CopyStore`.

        Raises:
            SnapshotError: there is not enough space, or the folder cannot be written to.
        """
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
        file.writelines(source.view(torch.uint8).cpu().numpy().data for source in sources)
        file.flush()
        memory = torch.frombuffer(mmap.mmap(file.fileno(), 0), dtype=torch.uint8)  # which holds the map
    return list(memory.split(lengths))
