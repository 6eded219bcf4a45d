"""Endless, replayable data with their random numbers, for the learners of every framework.

A :class:`Stream` returns one batch after the other, without end where the source can be iterated again. A mark names a
position. After a return to it the same batches follow, and each leaves the random generators as its first drawing did.
Positions form a linked list: each leads to the batch drawn there and to the next position. So a batch is stored exactly as
long as some mark leads to it, and nothing is stored without a mark.

What is stored is a copy, and what is given out is another. A loader that writes every batch into the same memory and a step
that changes its batch in place therefore change nothing that is replayed.
"""

from __future__ import annotations

import traceback
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast
from weakref import WeakSet

from lrfinder._arguments import given, number
from lrfinder._state.batch_copies import copied, digest, examples_in, nbytes
from lrfinder._state.data_passes import DataPasses, empty_data, is_iterated_once
from lrfinder._state.released import Released, on_release
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

    def examples(self) -> int | None:
        """Return the number of examples in the first batch drawn; ``None`` before, or where it shows no such number."""
        ...

    def close(self) -> None:
        """Drop the open iterator, and with it its worker processes."""
        ...


def batches_per_pass(data: object) -> int | None:
    """Return the number of batches in a pass over the data; ``None`` where they have no length, or end after one pass."""
    if not isinstance(data, Sized) or is_iterated_once(data):
        return None
    try:
        return len(data)
    except (TypeError, NotImplementedError):  # a loader over an endless data set has a length only in name
        return None


def stream(
    data: Iterable[Batch],
    generators: Generators,
    replay_bytes: int = 1 << 30,
    *,
    keep: Callable[[Any], Any] = copied,
    give: Callable[[Any], Any] = copied,
) -> Stream[Batch]:
    """Make data endless and replayable.

    Args:
        data: batches. A list or tuple is indexed, at no cost. Anything else is iterated again and again, and the batches
            since the oldest living mark are stored. An iterator (the result of a generator function) is iterated once; one
            whose ``__iter__`` starts a pass, as loaders of data in memory have, again and again.
        generators: returns every generator that drawing a batch may use.
        replay_bytes: the memory for stored batches. Beyond it, the data are iterated again from the same states of the
            generators. An iterator cannot be: it continues with new batches, and a warning says so.
        keep: returns the copy of a batch that is stored. The default copies arrays of numpy, containers and objects; tensors
            of a framework pass as they are.
        give: returns the copy of a batch that is given out, each time that it is drawn.

    Raises:
        DataError: ``data`` cannot be iterated, or ``replay_bytes`` is not a number of bytes.
    """
    check_data(data)
    if not number(replay_bytes) >= 0:
        message = f"replay_bytes is {given(replay_bytes)}; give a number of bytes, 0 or more."
        raise DataError(message)
    if isinstance(data, list | tuple):
        return _Listed(cast("list[Batch]", data), give)
    return _Streamed(data, generators, replay_bytes, keep, give)


def check_data(data: object) -> None:
    """Require an iterable of batches.

    Raises:
        DataError: it cannot be iterated, or it is a text or a class.
    """
    reads = isinstance(data, Iterable) or hasattr(data, "__getitem__")
    if isinstance(data, str | bytes | type) or not reads:
        kind = given(data) if isinstance(data, type) else f"of type {type(data).__name__}"
        message = f"The data are {kind}; give an iterable of batches, such as a DataLoader or a list."
        raise DataError(message)


def mapped(data: Any, convert: Callable[[Any], Any]) -> Any:
    """Return the data with each batch converted; a list or tuple, whose batches need no copy, is returned as it is."""
    if isinstance(data, list | tuple) or not hasattr(data, "__iter__"):
        return data
    return map(convert, data) if is_iterated_once(data) else _Mapped(data, convert)


def peek(source: Stream[Batch], generators: Iterable[RandomGenerator]) -> Batch:
    """Return the next batch, which stays the next, and leave the generators as they were."""
    states, mark = capture(generators), source.mark()
    batch = source.draw()
    source.go(mark)
    restore_states(states)
    return batch


def raised_while_drawing(error: BaseException) -> bool:
    """Return whether an exception was raised while a batch was drawn from a :func:`stream`."""
    codes = {_Listed.draw.__code__, _Streamed.draw.__code__}
    return any(frame.f_code in codes for frame, _ in traceback.walk_tb(error.__traceback__))


def position_of(mark: object) -> object:
    """Return a value that is equal for all marks of one position in a stream."""
    return cast("_Mark[object]", mark).position if isinstance(mark, _Mark) else mark


def unchanged(batch: Batch) -> Batch:
    """Return the batch itself, as ``keep`` or ``give`` of a :func:`stream` that needs no copy there."""
    return batch


class _Mapped:
    def __init__(self, data: Iterable[Any], convert: Callable[[Any], Any]) -> None:
        self._data = data
        self._convert = convert

    def __iter__(self) -> Iterator[Any]:
        return map(self._convert, self._data)


class _Listed(Generic[Batch]):
    """The batches of a list. Indexing draws no random number, and nothing is stored."""

    def __init__(self, batches: list[Batch], give: Callable[[Batch], Batch]) -> None:
        self._batches, self._give = batches, give
        self._here = 0

    def draw(self) -> Batch:
        if not self._batches:
            raise empty_data(self._batches)
        batch = self._batches[self._here % len(self._batches)]
        self._here += 1
        return self._give(batch)

    def mark(self) -> int:
        return self._here

    def go(self, mark: int) -> None:
        self._here = mark

    def examples(self) -> int | None:
        return examples_in(self._batches[0]) if self._batches else None

    def close(self) -> None:
        pass


class _Memory:
    """The number of bytes of stored batches that live."""

    def __init__(self) -> None:
        self._nbytes = 0
        self._released = deque[Released]()

    def nbytes(self) -> int:
        """Return the sum of those that live."""
        while self._released:
            self._nbytes -= self._released.popleft().value
        return self._nbytes

    def count(self, stored: _Stored[Any], size: int) -> None:
        """Count the bytes of a batch for as long as it lives."""
        self._nbytes += size
        stored.released = on_release(stored, self._released, size)


class _Stored(Generic[Batch]):
    """A batch in memory."""

    __slots__ = ("__weakref__", "batch", "digest", "released")

    def __init__(self, batch: Batch, digest: int | None) -> None:
        self.batch, self.digest = batch, digest
        self.released: Released | None = None

    def has_changed(self) -> bool:
        """Return whether somebody has changed the batch since it was stored; of batches without a digest, ``False``."""
        return self.digest is not None and self.digest != digest(self.batch)


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

    def __init__(
        self,
        data: Iterable[Batch],
        generators: Generators,
        replay_bytes: int,
        keep: Callable[[Batch], Batch],
        give: Callable[[Batch], Batch],
    ) -> None:
        self._passes = DataPasses(data, generators)
        self._replay_bytes = replay_bytes
        self._keep, self._give = keep, give
        self._memory = _Memory()
        self._marks: WeakSet[_Mark[Batch]] = WeakSet()
        self._here: _Position[Batch] = _Position()
        self._frontier: Place | None = None  # of the first batch that has never been drawn
        self._warned: set[str] = set()
        self._examples: tuple[int | None] | None = None  # of the first batch

    def examples(self) -> int | None:
        return None if self._examples is None else self._examples[0]

    def mark(self) -> _Mark[Batch]:
        mark = _Mark(self._here)
        self._marks.add(mark)
        return mark

    def go(self, mark: _Mark[Batch]) -> None:
        self._here = mark.position
        stored = mark.position.stored
        if stored is not None and stored.has_changed():
            self._warn(
                "Not repeatable: a batch that was stored for replay has been changed since, so that trainings from one "
                "state see different data. Let data set, collate function and step keep no reference to a batch."
            )

    def close(self) -> None:
        self._passes.close()
        self._passes.forget_ahead()

    def draw(self) -> Batch:
        here = self._here
        is_new = here.place is None
        if here.place is None:
            batch = self._draw_new(here)
        elif here.stored is not None:
            batch = here.stored.batch
            restore_states(here.place.source_pass.readings[here.place.number][1])
        elif self._passes.only_once:
            batch, _ = self._passes.read_next()
        else:
            batch = self._passes.read_again(here.place)
        if here.next is None:
            here.next = _Position()
        self._here = here.next
        if not is_new and self._here.place is None:
            self._passes.return_ahead()
        return self._give(batch)

    def _draw_new(self, here: _Position[Batch]) -> Batch:
        if self._frontier is not None:
            self._passes.seek(self._frontier)
        batch, place = self._passes.read_next()
        here.place, self._frontier = place, self._passes.next
        if self._examples is None:
            self._examples = (examples_in(batch),)
        if self._marks:
            self._store(here, batch)
        return batch

    def _store(self, here: _Position[Batch], batch: Batch) -> None:
        size, others = nbytes(batch), self._memory.nbytes()
        if others + size <= self._replay_bytes:
            own = self._keep(batch)
            here.stored = _Stored(own, None if others else digest(own))  # the first of those that live has a digest
            self._memory.count(here.stored, size)
        elif self._passes.only_once:
            self._warn(
                f"The batches since the snapshot need more than replay_bytes={self._replay_bytes}, and the data can be "
                "iterated only once: after a restore, later batches will be new ones. Raise replay_bytes, or give data that "
                "can be iterated again (a DataLoader, a list)."
            )

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            warnings.warn(message, LRFinderWarning, stacklevel=3)
