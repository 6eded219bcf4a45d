"""Copies of a snapshot on disk, for a model that does not fit into memory twice."""

from __future__ import annotations

import shutil
import tempfile
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lrfinder._optional import require
from lrfinder.errors import SnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from os import PathLike

    from torch import Tensor

_FILE_BYTES = 1 << 28  # copies from an accelerator pass through as many bytes of host memory


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class OnDisk:
    """Copies in files of a folder, read through a memory map.

    A file loses its name once it is mapped, so that nothing remains however the process ends. A process that is killed
    while it writes leaves what it has written. Where the system cannot remove open files (Windows), the files are removed
    with the copies.

    Args:
        folder: an existing folder.
        free_bytes: returns the free space of the folder.

    Raises:
        MissingExtraError: safetensors is not installed.
        SnapshotError: ``folder`` does not exist or is not a folder.
    """

    def __init__(self, folder: str | PathLike[str], free_bytes: Callable[[Path], int] = _free_bytes) -> None:
        require("safetensors", "safetensors")
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
                return _write(sources, self._folder)
        except Exception as error:  # safetensors wraps the system's error in a class of its own
            message = (
                f"The snapshot could not be written to snapshot_dir={str(self._folder)!r}: {error}. Nothing was changed."
            )
            raise SnapshotError(message) from error
        message = (
            f"A snapshot takes {nbytes:,} bytes, and {free:,} are free in snapshot_dir={str(self._folder)!r}; free some "
            "space, or give a folder on another disk. Nothing was changed."
        )
        raise SnapshotError(message)


class _Folder:
    """A temporary folder, removed at once where the system can remove open files, or else with this object."""

    def __init__(self, path: str) -> None:
        self.path = path

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def __del__(self) -> None:
        if Path is not None and Path(self.path).exists():  # pyright: ignore[reportUnnecessaryComparison]  (at exit it is)
            self.remove()


def _write(sources: Sequence[Tensor], parent: Path) -> tuple[list[Tensor], _Folder]:
    from safetensors import safe_open
    from safetensors.numpy import save_file

    folder = _Folder(tempfile.mkdtemp(prefix="lrfinder-", dir=parent))
    copies: list[Tensor] = []
    try:
        for number, members in enumerate(_files(sources)):
            path = Path(folder.path) / f"{number}.safetensors"
            save_file({str(k): tensor.view(torch.uint8).cpu().numpy() for k, tensor in enumerate(members)}, path)
            with safe_open(path, framework="pt") as file:
                copies += [file.get_tensor(str(k)) for k in range(len(members))]
    finally:
        folder.remove()
    return copies, folder


def _files(sources: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Yield the tensors of each file."""
    before = 0
    numbered: list[tuple[int, Tensor]] = []
    for source in sources:
        numbered.append((before // _FILE_BYTES, source))
        before += source.nbytes
    for _, members in groupby(numbered, key=lambda pair: pair[0]):
        yield [tensor for _, tensor in members]
