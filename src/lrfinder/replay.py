"""Endless, replayable data with their random numbers, for the learners of every framework.

A :class:`Stream` returns one batch after the other, without end where the source can be iterated again. A mark names a
position. After a return to it the same batches follow, and each leaves the random generators as its first drawing did.
Positions form a linked list: each leads to the batch drawn there and to the next position. So a batch is stored exactly as
long as some mark leads to it, and nothing is stored without a mark.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast
from weakref import WeakSet

import numpy as np

from lrfinder._state.data_passes import DataPasses, empty_data
from lrfinder.errors import DataError, LRFinderWarning
from lrfinder.randomness import capture, restore_states

if TYPE_CHECKING:
    from collections.abc import Callable

    from lrfinder._state.data_passes import Generators, Place
    from lrfinder.randomness import RandomGenerator

Batch = TypeVar("Batch")
Batch_co = TypeVar("Batch_co", covariant=True)


class Stream(Protocol[Batch_co]):
    """Endless, replayable data."""

    def draw(self) -> Batch_co:
        """Return the next batch.

        Raises:
            EmptyDataError: the source has never returned a batch.
            DataEndedError: the source can be iterated only once, and has ended.
        """
        ...

    def mark(self) -> object:
        """Return the present position. Batches drawn from here on can be replayed for as long as the mark lives."""
        ...

    def go(self, mark: Any) -> None:
        """Return to a mark."""
        ...

    def close(self) -> None:
        """Drop the open iterator, and with it its worker processes."""
        ...


def stream(data: Iterable[Batch], generators: Generators, replay_bytes: int = 1 << 30) -> Stream[Batch]:
    """Make data endless and replayable.

    Args:
        data: batches. A list or tuple is indexed, at no cost. Anything else is iterated again and again, and the batches
            since the oldest living mark are stored. An iterator (the result of a generator function) is iterated once.
        generators: returns every generator that drawing a batch may use.
        replay_bytes: the memory for stored batches. Beyond it, the data are iterated again from the same states of the
            generators. An iterator cannot be: it continues with new batches, and a warning says so.

    Raises:
        DataError: ``data`` cannot be iterated.
    """
    if isinstance(data, list | tuple):
        return _Listed(cast("list[Batch]", data))
    if not isinstance(data, Iterable) and not hasattr(data, "__getitem__"):  # pyright: ignore[reportUnnecessaryIsInstance]
        message = f"The data are of type {type(data).__name__}; give an iterable of batches, such as a DataLoader or a list."
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


def position_of(mark: object) -> object:
    """Return a value that is equal for all marks of one position in a stream."""
    return cast("_Mark[object]", mark).position if isinstance(mark, _Mark) else mark


def nbytes(batch: object) -> int:
    """Return the bytes of a batch: of arrays by ``nbytes``, or ``size`` and ``dtype``; through dicts, lists and tuples."""
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


class _Mapped:
    def __init__(self, data: Iterable[Any], convert: Callable[[Any], Any]) -> None:
        self._data = data
        self._convert = convert

    def __iter__(self) -> Iterator[Any]:
        return map(self._convert, self._data)


class _Listed(Generic[Batch]):
    """The batches of a list. Indexing draws no random number, and nothing is stored."""

    def __init__(self, batches: list[Batch]) -> None:
        self._batches = batches
        self._here = 0

    def draw(self) -> Batch:
        if not self._batches:
            raise empty_data(self._batches)
        batch = self._batches[self._here % len(self._batches)]
        self._here += 1
        return batch

    def mark(self) -> int:
        return self._here

    def go(self, mark: int) -> None:
        self._here = mark

    def close(self) -> None:
        pass


class _Stored(Generic[Batch]):
    """A batch in memory; ``total[0]`` is the sum of bytes of those that live."""

    def __init__(self, batch: Batch, size: int, total: list[int]) -> None:
        self.batch, self._size, self._total = batch, size, total
        total[0] += size

    def __del__(self) -> None:
        self._total[0] -= self._size


class _Position(Generic[Batch]):
    """A position between batches; its attributes are set when a batch is drawn there."""

    __slots__ = ("next", "place", "stored")

    def __init__(self) -> None:
        self.next: _Position[Batch] | None = None
        self.place: Place | None = None  # of the batch in the data
        self.stored: _Stored[Batch] | None = None


class _Mark(Generic[Batch]):
    """A reference to a position; while any lives, batches are stored."""

    def __init__(self, position: _Position[Batch]) -> None:
        self.position = position


class _Streamed(Generic[Batch]):
    """The batches of any iterable."""

    def __init__(self, data: Iterable[Batch], generators: Generators, replay_bytes: int) -> None:
        self._passes = DataPasses(data, generators)
        self._replay_bytes = replay_bytes
        self._stored_bytes = [0]  # a list, which a stored batch can change without a reference to the stream
        self._marks: WeakSet[_Mark[Batch]] = WeakSet()
        self._here: _Position[Batch] = _Position()
        self._frontier: Place | None = None  # of the first batch that has never been drawn
        self._warned = False

    def mark(self) -> _Mark[Batch]:
        mark = _Mark(self._here)
        self._marks.add(mark)
        return mark

    def go(self, mark: _Mark[Batch]) -> None:
        self._here = mark.position

    def close(self) -> None:
        self._passes.close()

    def draw(self) -> Batch:
        here = self._here
        if here.next is None or here.place is None:
            batch = self._draw_new(here)
            here.next = _Position()
        elif here.stored is not None:
            batch = here.stored.batch
            restore_states(here.place.source_pass.readings[here.place.number][1])
        elif self._passes.only_once:
            batch, _ = self._passes.read_next()
        else:
            batch = self._passes.read_again(here.place)
        self._here = here.next
        return batch

    def _draw_new(self, here: _Position[Batch]) -> Batch:
        if self._frontier is not None:
            self._passes.seek(self._frontier)
        batch, here.place = self._passes.read_next()
        self._frontier = self._passes.next
        if self._marks:
            self._store(here, batch)
        return batch

    def _store(self, here: _Position[Batch], batch: Batch) -> None:
        size = nbytes(batch)
        if self._stored_bytes[0] + size <= self._replay_bytes:
            here.stored = _Stored(batch, size, self._stored_bytes)
        elif self._passes.only_once and not self._warned:
            self._warned = True
            message = (
                f"The batches since the snapshot need more than replay_bytes={self._replay_bytes}, and the data can be "
                "iterated only once: after a restore, later batches will be new ones. Raise replay_bytes, or give data that "
                "can be iterated again (a DataLoader, a list)."
            )
            warnings.warn(message, LRFinderWarning, stacklevel=2)
