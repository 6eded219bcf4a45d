"""The board of the processes that met at one store, for the cells of a grid."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import torch.distributed as dist
from torch.distributed import distributed_c10d


class StoreBoard:
    """Texts of each process in the store at which all of them met."""

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._store = distributed_c10d._get_default_store()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (the one way)

    def post(self, key: str, text: str) -> None:
        self._store.set(f"{key}/{self.rank}", text)

    def read(self, key: str, seconds: float) -> dict[int, str]:
        keys = {rank: f"{key}/{rank}" for rank in range(self.size)}
        with suppress(RuntimeError):  # some did not come in time, or the store is gone
            self._store.wait(list(keys.values()), timedelta(seconds=seconds))
        try:
            return {rank: self._store.get(name).decode() for rank, name in keys.items() if self._store.check([name])}
        except RuntimeError:
            return {}


def current_board() -> StoreBoard | None:
    """Return the board of this process, None where it is the only one."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return None
    return StoreBoard()
