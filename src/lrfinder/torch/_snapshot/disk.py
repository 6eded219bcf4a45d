"""Copies of a snapshot on disk, for a model of which memory holds no second."""

from __future__ import annotations

import shutil
import tempfile
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lrfinder.errors import MissingExtraError, SnapshotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from os import PathLike

    from torch import Tensor

_PACKAGE = "safetensors"  # the extra is named alike
_SHARD = 1 << 28  # bytes of a file: from an accelerator, that much lies on the host meanwhile


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class OnDisk:
    """Copies in files of a folder, read through a memory map: for models of which memory holds no second.

    The files have no name any more once they are mapped: from then on none is left whatever ends the process. One that is
    killed while it writes leaves what it had written. Where the system does not allow that (Windows), they go with the
    copies.

    Args:
        folder: one that is there, of the user's.
        free: how many bytes are free in it.

    Raises:
        MissingExtraError: safetensors is not installed.
        SnapshotError: ``folder`` is none.
    """

    def __init__(self, folder: str | PathLike[str], free: Callable[[Path], int] = _free) -> None:
        if find_spec(_PACKAGE) is None:
            raise MissingExtraError.of(_PACKAGE, _PACKAGE)
        self._folder = Path(folder)
        self._free = free
        if not self._folder.is_dir():
            message = f"snapshot_dir is {str(folder)!r}, which is no folder; make it, or give one that is there."
            raise SnapshotError(message)

    def keep(self, sources: Sequence[Tensor]) -> tuple[list[Tensor], object]:
        """See :class:`lrfinder.torch._snapshot.host.Copies`.

        Raises:
            SnapshotError: there is not enough space, or the folder cannot be written to.
        """
        nbytes = sum(source.nbytes for source in sources)
        try:
            free = self._free(self._folder)
            if free >= nbytes:
                return self._written(sources)
        except Exception as error:  # safetensors has a class of its own, which holds the system's as text
            message = (
                f"The snapshot could not be written to snapshot_dir={str(self._folder)!r}: {error}. Nothing was changed."
            )
            raise SnapshotError(message) from error
        message = (
            f"A snapshot takes {nbytes:,} bytes, and {free:,} are free in snapshot_dir={str(self._folder)!r}; make room, "
            "or give a folder on another disk. Nothing was changed."
        )
        raise SnapshotError(message)

    def _written(self, sources: Sequence[Tensor]) -> tuple[list[Tensor], _Files]:
        from safetensors import safe_open
        from safetensors.numpy import save_file

        files = _Files(tempfile.mkdtemp(prefix="lrfinder-", dir=self._folder))
        copies: list[Tensor] = []
        try:
            for number, shard in enumerate(_shards(sources)):
                path = Path(files.folder) / f"{number}.safetensors"
                save_file({str(k): tensor.view(torch.uint8).cpu().numpy() for k, tensor in enumerate(shard)}, path)
                with safe_open(path, framework="pt") as file:
                    copies += [file.get_tensor(str(k)) for k in range(len(shard))]
        finally:
            files.remove()
        return copies, files


class _Files:
    """A folder of our own, removed at once where the system lets open files be removed, or else with this object."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def __del__(self) -> None:
        if Path is not None and Path(self.folder).exists():  # pyright: ignore[reportUnnecessaryComparison]  (at exit it is)
            self.remove()


def _shards(sources: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    before = 0
    numbered: list[tuple[int, Tensor]] = []
    for source in sources:
        numbered.append((before // _SHARD, source))
        before += source.nbytes
    for _, shard in groupby(numbered, key=lambda pair: pair[0]):
        yield [tensor for _, tensor in shard]
