"""Endless, replayable data with their random numbers: written once, used by every wing.

A :class:`Stream` gives one batch after the other, without end where the source can be iterated again. A :meth:`Stream.mark`
names a place in it; :meth:`Stream.go` returns there, and the same batches come again, each leaving the random generators
where the first drawing of it left them. A place is a node of a linked list, each node leading to the batch drawn there and
to the next place, so that a batch lives exactly as long as a mark from which it can be reached, and nothing is kept without
a mark.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast
from weakref import WeakSet

import numpy as np

from lrfinder.errors import DataEndedError, DataError, EmptyDataError, LRFinderWarning, RestoreError
from lrfinder.randomness import States, capture, changed, restore_states

if TYPE_CHECKING:
    from collections.abc import Callable

    from lrfinder.randomness import RandomGenerator

Batch = TypeVar("Batch")
Batch_co = TypeVar("Batch_co", covariant=True)

_END = object()
_NOTHING: tuple[States, States] = ((), ())


class Stream(Protocol[Batch_co]):
    """Endless, replayable data."""

    def draw(self) -> Batch_co:
        """The next batch.

        Raises:
            EmptyDataError: there is none, and never was.
            DataEndedError: the source can be iterated only once, and has ended.
        """
        ...

    def mark(self) -> object:
        """The present place. Batches drawn from here on can be drawn again for as long as the mark lives."""
        ...

    def go(self, mark: Any) -> None:
        """Return to a mark."""
        ...

    def close(self) -> None:
        """Let go of the iterator that is open, and with it of its worker processes."""
        ...


def stream(
    data: Iterable[Batch], generators: Callable[[], tuple[RandomGenerator, ...]], replay_bytes: int = 1 << 30
) -> Stream[Batch]:
    """Make data endless and replayable.

    Args:
        data: batches. A list or tuple is indexed, and costs nothing. Anything else is iterated, again and again, and the
            batches drawn since the oldest living mark are kept. An iterator (a generator function's result) can be iterated
            only once and ends.
        generators: gives every generator that drawing a batch may draw from.
        replay_bytes: no more bytes of batches are kept than this. Past that the data are iterated anew, from the same states
            of the generators; an iterator cannot be, and goes on with new batches, with a warning.

    Raises:
        DataError: ``data`` cannot be iterated.
    """
    if isinstance(data, list | tuple):
        return _Listed(cast("list[Batch]", data))
    if not isinstance(data, Iterable) and not hasattr(data, "__getitem__"):  # pyright: ignore[reportUnnecessaryIsInstance]
        message = f"The data are of type {type(data).__name__}; give an iterable of batches, a DataLoader or a list say."
        raise DataError(message)
    return _Streamed(data, generators, replay_bytes)


def mapped(data: Any, convert: Callable[[Any], Any]) -> Any:
    """Return the data with each batch converted; a list or tuple, whose batches need no copy, is returned as it is."""
    if isinstance(data, list | tuple) or not hasattr(data, "__iter__"):
        return data
    return map(convert, data) if isinstance(data, Iterator) else _Mapped(data, convert)


def peek(source: Stream[Batch], generators: Iterable[RandomGenerator]) -> Batch:
    """Return the next batch, which stays the next, and leave the generators as they were."""
    states, mark = capture(generators), source.mark()
    batch = source.draw()
    source.go(mark)
    restore_states(states)
    return batch


class _Mapped:
    """An iterable whose batches are converted."""

    def __init__(self, data: Iterable[Any], convert: Callable[[Any], Any]) -> None:
        self._data = data
        self._convert = convert

    def __iter__(self) -> Iterator[Any]:
        return map(self._convert, self._data)


class _Listed(Generic[Batch]):
    """A list's batches. Indexing one draws no random number and needs no copy."""

    def __init__(self, batches: list[Batch]) -> None:
        self._batches = batches
        self._here = 0

    def draw(self) -> Batch:
        if not self._batches:
            raise _empty(self._batches)
        batch = self._batches[self._here % len(self._batches)]
        self._here += 1
        return batch

    def mark(self) -> int:
        return self._here

    def go(self, mark: int) -> None:
        self._here = mark

    def close(self) -> None:
        pass


class _Epoch:
    """One pass over the source: the generators' states it was opened from, and those that each drawing changed."""

    def __init__(self, opening: States) -> None:
        self.opening = opening
        self.draws: list[tuple[States, States]] = []  # before and after; both empty where a drawing changed nothing


class _Kept(Generic[Batch]):
    """A batch in memory, counted for as long as it lives."""

    def __init__(self, batch: Batch, size: int, count: list[int]) -> None:
        self.batch = batch
        self._size = size
        self._count = count
        count[0] += size

    def __del__(self) -> None:
        self._count[0] -= self._size


class _Place(Generic[Batch]):
    """A place between batches. ``next`` is None until a batch was drawn here."""

    __slots__ = ("epoch", "index", "kept", "next")

    def __init__(self) -> None:
        self.next: _Place[Batch] | None = None
        self.kept: _Kept[Batch] | None = None
        self.epoch: _Epoch | None = None  # where the batch drawn here came from
        self.index = 0


class _Mark(Generic[Batch]):
    """Held by a snapshot; while any lives, batches are kept."""

    def __init__(self, place: _Place[Batch]) -> None:
        self.place = place


class _Streamed(Generic[Batch]):
    """Whatever can be iterated."""

    def __init__(
        self, data: Iterable[Batch], generators: Callable[[], tuple[RandomGenerator, ...]], replay_bytes: int
    ) -> None:
        self._data = data
        self._only_once = isinstance(data, Iterator)
        self._generators = generators
        self._replay_bytes = replay_bytes
        self._bytes_kept = [0]  # a list, so that a batch can take itself off without holding the stream
        self._marks: WeakSet[_Mark[Batch]] = WeakSet()
        self._here: _Place[Batch] = _Place()
        self._iterator: Iterator[Batch] | None = None
        self._at: tuple[_Epoch, int] | None = None  # what the open iterator gives next
        self._frontier: tuple[_Epoch, int] | None = None  # what no one has drawn yet
        self._warned = False

    def mark(self) -> _Mark[Batch]:
        mark = _Mark(self._here)
        self._marks.add(mark)
        return mark

    def go(self, mark: _Mark[Batch]) -> None:
        self._here = mark.place

    def close(self) -> None:
        if not self._only_once:
            self._iterator = self._at = None

    def draw(self) -> Batch:
        here = self._here
        if here.next is None:
            batch = self._draw_new(here)
            here.next = _Place()
        elif here.kept is not None:
            batch = here.kept.batch
            restore_states(self._drawing(here)[1])
        elif self._only_once:
            batch = self._pull()
        else:
            batch = self._draw_again(here)
        self._here = here.next
        return batch

    @staticmethod
    def _drawing(place: _Place[Batch]) -> tuple[States, States]:
        assert place.epoch is not None
        return place.epoch.draws[place.index]

    def _draw_new(self, here: _Place[Batch]) -> Batch:
        if self._frontier != self._at and self._frontier is not None:
            self._seek(*self._frontier)
        batch = self._pull()
        assert self._at is not None
        self._frontier = self._at
        here.epoch, here.index = self._at[0], self._at[1] - 1
        if self._marks:
            self._keep(here, batch)
        return batch

    def _pull(self) -> Batch:
        """The next batch of the open iterator, or of a new pass; what it drew is noted down."""
        generators = self._generators()
        start = before = capture(generators)
        for _ in range(3):  # the pass that is open, a new one, and another: one that resumes at its end is empty at first
            if self._iterator is None or self._at is None:
                opening = capture(generators)
                self._iterator, self._at = iter(self._data), (_Epoch(opening), 0)
            epoch, index = self._at
            if index == 0:  # opening a pass may have drawn
                before = capture(generators)
            batch = self._next(self._iterator)
            if batch is not _END:
                after = capture(generators)
                still = start == before == after
                epoch.draws.append(_NOTHING if still else (changed(before, after), changed(after, start)))
                self._at = (epoch, index + 1)
                return cast("Batch", batch)
            if self._only_once:
                break
            self._iterator = self._at = None
        if self._frontier is None:
            raise _empty(self._data)
        message = "The stream of data has ended; it can be iterated only once."
        raise DataEndedError(message)

    def _next(self, iterator: Iterator[Batch]) -> object:
        try:
            return next(iterator, _END)
        except BaseException:
            self.close()  # an iterator that has raised may have moved on: the next drawing finds the place anew
            raise

    def _keep(self, here: _Place[Batch], batch: Batch) -> None:
        size = nbytes(batch)
        if self._bytes_kept[0] + size <= self._replay_bytes:
            here.kept = _Kept(batch, size, self._bytes_kept)
        elif self._only_once and not self._warned:
            self._warned = True
            message = (
                f"The batches since the snapshot take more than replay_bytes={self._replay_bytes}, and the data can be "
                "iterated only once: after a restore, later batches will be new ones. Raise replay_bytes, or give data that "
                "can be iterated again (a DataLoader, a list)."
            )
            warnings.warn(message, LRFinderWarning, stacklevel=2)

    def _draw_again(self, here: _Place[Batch]) -> Batch:
        assert here.epoch is not None
        if self._at != (here.epoch, here.index):
            self._seek(here.epoch, here.index)
        before, after = self._drawing(here)
        restore_states(before)
        batch = self._skip_one(here.epoch, here.index)
        restore_states(after)
        return batch

    def _seek(self, epoch: _Epoch, index: int) -> None:
        """Open the pass ``epoch`` again, as it was opened then, and draw and drop ``index`` batches."""
        if self._only_once:
            return
        now = capture(self._generators())
        try:
            self.close()  # before the next is opened: two iterators over one loader would hold twice the workers
            restore_states(epoch.opening)
            self._iterator, self._at = iter(self._data), (epoch, 0)
            for k in range(index):
                restore_states(epoch.draws[k][0])
                self._skip_one(epoch, k)
        finally:
            restore_states(now)

    def _skip_one(self, epoch: _Epoch, index: int) -> Batch:
        assert self._iterator is not None
        batch = self._next(self._iterator)
        if batch is _END:
            message = (
                f"The data gave only {index} batches when iterated again, {len(epoch.draws)} before: the place in the data "
                "cannot be found. Give data whose length stays, or raise replay_bytes so that batches are kept."
            )
            raise RestoreError(message)
        self._at = (epoch, index + 1)
        return cast("Batch", batch)


def nbytes(batch: object) -> int:
    """Bytes that a batch takes: of arrays by ``nbytes``, or ``size`` and ``dtype``; through dicts, lists and tuples."""
    if type(batch) is list or type(batch) is tuple:
        return sum(map(nbytes, cast("list[object]", batch)))
    size = getattr(batch, "nbytes", None)
    if isinstance(size, int):
        return size
    count, dtype = getattr(batch, "size", None), getattr(batch, "dtype", None)
    if isinstance(count, int) and dtype is not None:
        return count * np.dtype(dtype).itemsize
    if isinstance(batch, Mapping):
        return sum(map(nbytes, cast("Mapping[object, object]", batch).values()))
    if isinstance(batch, list | tuple):
        return sum(map(nbytes, cast("list[object]", batch)))
    return sys.getsizeof(batch)


def _empty(data: object) -> EmptyDataError:
    return EmptyDataError(f"The data ({type(data).__name__}) gave no batch; give at least one.")
