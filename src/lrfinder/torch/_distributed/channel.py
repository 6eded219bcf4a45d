"""The side channel of the ranks: numbers that all exchange at once, and notes that outlive the rank that left them.

The numbers travel over a gloo process group of their own, so that they meet no collective of the model. The notes lie in the
store at which the processes met. A rank that raised leaves its reason there; a rank that leaves none in time is missing.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
import torch.distributed as dist
from torch.distributed import distributed_c10d

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

BROKEN = "The process group is broken; end all processes and start them again."
_NOTE_CHARACTERS = 300
_opened: Counter[tuple[int, ...]] = Counter()  # channels between these ranks so far: the same number on each of them


class Note(NamedTuple):
    """The exception that a rank reports."""

    order: int
    rank: int
    error_text: str
    is_consequence: bool  # of a fault elsewhere: a collective failed, or numbers did not arrive


class FaultReport(NamedTuple):
    """A fault on the ranks, as far as this rank can know."""

    notes: tuple[Note, ...]
    missing: tuple[int, ...] = ()
    store_is_gone: bool = False

    @property
    def is_broken(self) -> bool:
        """True where a rank waits for another in vain, or has."""
        return bool(self.missing) or self.store_is_gone or any(note.is_consequence for note in self.notes)

    @property
    def cause(self) -> int | None:
        """The rank with which it began; None where nobody can know."""
        origins = [note.rank for note in self.notes if not note.is_consequence]
        return next(iter((*origins, *self.missing, *(note.rank for note in self.notes))), None)

    def __str__(self) -> str:
        error_text = next((note.error_text for note in self.notes if note.rank == self.cause), "")
        if self.store_is_gone:
            text = "The store that the ranks met at is gone, with the process that held it: rank 0, unless torchrun did."
        elif error_text:
            text = f"Rank {self.cause} raised {error_text}{'' if error_text.endswith('.') else '.'}"
        elif not self.missing:
            text = "The ranks kept each other waiting for too long."
        else:
            names = " and ".join(map(str, self.missing))
            text = f"{'Ranks' if len(self.missing) > 1 else 'Rank'} {names} did not answer in time: ended, or hanging."
        return f"{text} {BROKEN}" if self.is_broken else text


class Channel:
    """Numbers and notes between ``ranks``, which open it at the same point of their work.

    Numbers must arrive within ``seconds``. Notes have twice as long, as some ranks leave theirs only after waiting in vain.
    """

    def __init__(self, ranks: Sequence[int], seconds: float) -> None:
        self.ranks = tuple(ranks)
        self.rank = dist.get_rank()
        self._seconds = seconds
        self._group: Any = None
        self._world: object = None
        self._prefix = ""
        self._faults = 0

    @property
    def is_open(self) -> bool:
        """True where it was opened and the process group that it belongs to still exists."""
        return self._group is not None and dist.is_initialized() and dist.group.WORLD is self._world

    def open(self) -> None:
        """Create the process group, together with all other ranks; raise PyTorch's ``RuntimeError`` if some do not come."""
        _opened[self.ranks] += 1
        self._world = dist.group.WORLD
        self._prefix = f"lrfinder/{'-'.join(map(str, self.ranks))}/{_opened[self.ranks]}"
        # new_group() would reuse the name of a closed group of these ranks, under which the store still has addresses at
        # which nobody listens any more
        position, seconds = self.ranks.index(self.rank), timedelta(seconds=self._seconds)
        self._group = dist.ProcessGroupGloo(self._store("gloo"), position, len(self.ranks), seconds)

    def close(self) -> None:
        if self._group is not None:
            self._group.shutdown()
        self._group = None

    def exchange(self, numbers: Sequence[float]) -> list[list[float]]:
        """Return the numbers of every rank, in their order; raise PyTorch's ``RuntimeError`` if some do not arrive."""
        return [one.tolist() for one in self._gather(torch.tensor(numbers, dtype=torch.float64))]

    def share(self, texts: Mapping[str, str]) -> list[dict[str, str]]:
        """Return the texts of every rank, in their order."""
        encoded = json.dumps(dict(texts)).encode()
        longest = int(max(length for (length,) in self.exchange([len(encoded)])))
        padded = bytearray(encoded.ljust(longest))  # JSON ignores spaces at its end
        return [json.loads(one.numpy().tobytes()) for one in self._gather(torch.frombuffer(padded, dtype=torch.uint8))]

    def _gather(self, mine: torch.Tensor) -> list[torch.Tensor]:
        gathered = [torch.empty_like(mine) for _ in self.ranks]
        self._group.allgather([gathered], [mine]).wait()
        return gathered

    def leave_note(self, error_text: str, *, is_consequence: bool) -> None:
        """Leave a note of what this rank raised. Of several notes of a rank the first counts."""
        store, key = self._notes(), str(self.rank)
        if not store.check([key]):
            note = Note(store.add("raised", 1), self.rank, error_text[:_NOTE_CHARACTERS], is_consequence)
            store.set(key, json.dumps(note))

    def read_notes(self, ranks: Iterable[int]) -> FaultReport:
        """Return the notes of ``ranks``, which have left one."""
        store = self._notes()
        notes = [Note(*cast("list[Any]", json.loads(store.get(str(rank))))) for rank in ranks]
        return FaultReport(tuple(sorted(notes)))

    def wait_for_notes(self) -> FaultReport:
        """Return the notes of all ranks, of which each leaves one. Those that do not in time are missing."""
        keys = list(map(str, self.ranks))
        try:
            self._notes().wait(keys, timedelta(seconds=2 * self._seconds))
        except dist.DistStoreError:
            keys = self._present(keys)
        present = list(map(int, keys))
        return self.read_notes(present)._replace(missing=tuple(rank for rank in self.ranks if rank not in present))

    def _present(self, keys: list[str]) -> list[str]:
        """Return the keys that the store has. Halving the list spares it a request per key and rank."""
        if self._notes().check(keys):
            return keys
        half = len(keys) // 2
        return self._present(keys[:half]) + self._present(keys[half:]) if half else []

    def drop_notes(self) -> None:
        """Leave the notes behind, on every rank: later ones belong to another fault."""
        self._faults += 1

    def _notes(self) -> Any:
        return self._store(str(self._faults))

    def _store(self, name: str) -> Any:
        """Return a part of the store at which all processes met."""
        store = distributed_c10d._get_default_store()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (the one way)
        return distributed_c10d.PrefixStore(f"{self._prefix}/{name}", store)


@contextmanager
def collective_timeout(groups: Sequence[dist.ProcessGroup], seconds: float) -> Generator[None]:
    """Limit how long a collective of the model waits on gloo. Other backends end their processes by themselves."""
    kind: Any = getattr(dist, "ProcessGroupGloo", ())
    every: Any = [group._get_backend(device) for group in groups for device in group._device_types]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (there is no other way)
    backends: list[Any] = [backend for backend in every if isinstance(backend, kind)]
    before = [backend.options._timeout for backend in backends]  # noqa: SLF001  (the one that PyTorch reads)
    try:
        for backend, timeout in zip(backends, before, strict=True):
            backend._set_default_timeout(min(timeout, timedelta(seconds=seconds)))  # noqa: SLF001  (as above)
        yield
    finally:
        for backend, timeout in zip(backends, before, strict=True):
            backend._set_default_timeout(timeout)  # noqa: SLF001  (as above)


def is_collective_error(error: BaseException) -> bool:
    """Return True where other ranks caused the error: gloo raises a ``RuntimeError``, known by its words alone."""
    of_gloo = isinstance(error, RuntimeError) and any(words in str(error) for words in ("gloo", "pair closure"))
    return of_gloo or isinstance(error, dist.DistError)
