"""How the ranks of one training talk to each other beside it: a few numbers all at once, and notes that outlive a rank.

The numbers go over a process group of their own, on gloo, so that they meet no collective of the model's. The notes lie in
the store that the processes met at, where a rank that raised says why, and where one that says nothing is found missing.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
import torch.distributed as dist
from torch.distributed import distributed_c10d

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BROKEN = "The process group is broken; end all processes and start them again."
_CHARACTERS = 300
_made: Counter[tuple[int, ...]] = Counter()  # how many channels there were between these ranks: the same on each of them


class Note(NamedTuple):
    """What a rank says of what it raised."""

    order: int
    rank: int
    said: str
    follows: bool  # from what another rank did: a collective failed, numbers did not come


class Account(NamedTuple):
    """What came to pass between the ranks, as far as this one can know."""

    notes: tuple[Note, ...]
    missing: tuple[int, ...] = ()
    store_is_gone: bool = False

    @property
    def is_broken(self) -> bool:
        """Whether some rank waits for another in vain, or has."""
        return bool(self.missing) or self.store_is_gone or any(note.follows for note in self.notes)

    @property
    def cause(self) -> int | None:
        """The rank with which it began; None where nobody can tell."""
        began = [note.rank for note in self.notes if not note.follows]
        return next(iter((*began, *self.missing, *(note.rank for note in self.notes))), None)

    def __str__(self) -> str:
        said = next((note.said for note in self.notes if note.rank == self.cause), "")
        if self.store_is_gone:
            told = "The store that the ranks met at is gone, with the process that held it: rank 0, unless torchrun did."
        elif said:
            told = f"Rank {self.cause} raised {said}{'' if said.endswith('.') else '.'}"
        elif not self.missing:
            told = "The ranks kept each other waiting for too long."
        else:
            named = " and ".join(map(str, self.missing))
            told = f"{'Ranks' if len(self.missing) > 1 else 'Rank'} {named} did not answer in time: ended, or hanging."
        return f"{told} {BROKEN}" if self.is_broken else told


class Channel:
    """Numbers and notes between ranks. Opened when first used; every rank must then do the same.

    Args:
        ranks: those that talk, this process's own among them.
        seconds: how long a rank waits for the others' numbers; twice as long for their notes, which some leave only then.
    """

    def __init__(self, ranks: Sequence[int], seconds: float) -> None:
        self.ranks = tuple(ranks)
        self._seconds = seconds
        self._group: Any = None
        self._world: object = None
        self._prefix = ""
        self._turn = 0

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and the process group that it belongs to is still there."""
        return self._group is not None and dist.is_initialized() and dist.group.WORLD is self._world

    def open(self) -> None:
        """Make the group, together with all other ranks.

        Raises:
            RuntimeError: PyTorch's; they were not all there in time.
        """
        _made[self.ranks] += 1
        self._world = dist.group.WORLD
        self._prefix = f"lrfinder/{'-'.join(map(str, self.ranks))}/{_made[self.ranks]}"
        # new_group() would give it the name of a group of these ranks that was closed, under which the store still has the
        # addresses that nobody listens at any more
        store = distributed_c10d.PrefixStore(f"{self._prefix}/gloo", _everybodys_store())
        place = self.ranks.index(dist.get_rank())
        self._group = dist.ProcessGroupGloo(store, place, len(self.ranks), timedelta(seconds=self._seconds))

    def close(self) -> None:
        """Let go of the group."""
        if self._group is not None:
            self._group.shutdown()
        self._group = None

    def exchange(self, numbers: Sequence[float]) -> list[list[float]]:
        """Every rank's numbers, in the order of the ranks; the same on each of them.

        Raises:
            RuntimeError: PyTorch's; a rank has ended, or kept the others waiting for too long.
        """
        return [one.tolist() for one in self._gathered(torch.tensor(numbers, dtype=torch.float64))]

    def share(self, texts: Mapping[str, str]) -> list[dict[str, str]]:
        """Every rank's texts, in the order of the ranks."""
        said = torch.frombuffer(bytearray(json.dumps(dict(texts)).encode()), dtype=torch.uint8)
        lengths = [int(length) for (length,) in self.exchange([len(said)])]
        padded = torch.zeros(max(lengths), dtype=torch.uint8)
        padded[: len(said)] = said
        found = zip(self._gathered(padded), lengths, strict=True)
        return [json.loads(one[:length].numpy().tobytes()) for one, length in found]

    def _gathered(self, mine: torch.Tensor) -> list[torch.Tensor]:
        found = [torch.empty_like(mine) for _ in self.ranks]
        self._group.allgather([found], [mine]).wait()
        return found

    def post(self, said: str, *, follows: bool) -> None:
        """Leave a note that this rank has raised, and what; the first one stays."""
        store = self._store()
        key = str(dist.get_rank())
        if not store.check([key]):
            store.set(key, json.dumps([store.add("raised", 1), dist.get_rank(), said[:_CHARACTERS], follows]))

    def account(self, ranks: Iterable[int]) -> Account:
        """The notes of ``ranks``, which have left one."""
        store = self._store()
        notes = [Note(*cast("list[Any]", json.loads(store.get(str(rank))))) for rank in ranks]
        return Account(tuple(sorted(notes)))

    def roll_call(self) -> Account:
        """The notes of all ranks, waited for: each that is there leaves one. Those without are missing."""
        keys = list(map(str, self.ranks))
        try:
            self._store().wait(keys, timedelta(seconds=2 * self._seconds))
        except dist.DistStoreError:
            keys = self._present(keys)
        there = list(map(int, keys))
        return self.account(there)._replace(missing=tuple(rank for rank in self.ranks if rank not in there))

    def _present(self, keys: list[str]) -> list[str]:
        """Those that are in the store, halved until found: it is asked about whole lists, as a thousand ranks may ask it."""
        if self._store().check(keys):
            return keys
        half = len(keys) // 2
        return self._present(keys[:half]) + self._present(keys[half:]) if half else []

    def turn(self) -> None:
        """Leave the notes behind: what is posted from here on, on every rank, is of another fault."""
        self._turn += 1

    def _store(self) -> Any:
        return distributed_c10d.PrefixStore(f"{self._prefix}/{self._turn}", _everybodys_store())


def _everybodys_store() -> Any:
    """The one that all processes met at."""
    return distributed_c10d._get_default_store()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (there is no other way)
