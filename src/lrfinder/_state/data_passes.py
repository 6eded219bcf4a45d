"""Repeated passes over an iterable; every batch can be read again with the random numbers of its first reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import FunctionType
from typing import Generic, NamedTuple, TypeVar, cast

from lrfinder._state.data_contents import contents_among
from lrfinder.errors import DataEndedError, EmptyDataError, RestoreError
from lrfinder.randomness import Glimpses, RandomGenerator, States, capture, changed, restore_states

Batch = TypeVar("Batch")
Generators = Callable[[], tuple[RandomGenerator, ...]]

_END = object()


class Pass:
    """One pass: the states of the generators at its start, and those that each reading changed."""

    def __init__(self, opening: States) -> None:
        self.opening = opening
        self.readings: list[tuple[States, States]] = []  # before and after; both empty where a reading changed nothing


class Place(NamedTuple):
    """The place of a batch: its pass, and its number there."""

    source_pass: Pass
    number: int


class DataPasses(Generic[Batch]):
    """One pass over the data after another."""

    def __init__(self, data: Iterable[Batch], generators: Generators) -> None:
        self.only_once = is_iterated_once(data)  # of which there is one pass and no way back
        self.next: Place | None = None  # of the batch that the open iterator returns next
        self._data, self._generators = data, generators
        self._glimpses = Glimpses(())
        self._iterator: Iterator[Batch] | None = None
        self._is_empty = True  # as far as is known

    def close(self) -> None:
        """Drop the open iterator, unless the data can be iterated only once."""
        if not self.only_once:
            self._iterator = self.next = None

    def read_next(self) -> tuple[Batch, Place]:
        """Return the next batch of the open pass or of a new one, and its place; record the states that it changed."""
        generators = self._generators()
        if generators != self._glimpses.generators:  # an accelerator may have been used for the first time
            self._glimpses = Glimpses(generators)
        start = before = self._glimpses()
        for _ in range(3):  # the open pass, a new one, and another: a loader that resumes at its end is empty at first
            if self._iterator is None or self.next is None:
                opening = capture(generators)
                self._iterator, self.next = iter(self._data), Place(Pass(opening), 0)
            place = self.next
            if place.number == 0:  # starting a pass may have drawn
                before = capture(generators)
            batch = self._advance(self._iterator)
            if batch is not _END:
                after = self._glimpses()
                unchanged = start == before == after
                # starting the pass may have changed what this reading uses, and a seek returns from
                reading = ((), ()) if unchanged else (changed(before, after, start), changed(after, start))
                place.source_pass.readings.append(reading)
                self.next, self._is_empty = Place(place.source_pass, place.number + 1), False
                return cast("Batch", batch), place
            if self.only_once:
                break
            self._iterator = self.next = None
        if self._is_empty:
            raise empty_data(self._data)
        message = "The stream of data has ended; it can be iterated only once."
        raise DataEndedError(message)

    def forget_ahead(self) -> None:
        """Release what drawings had stored in the data before the last restore."""
        for contents in contents_among(self._generators()):
            contents.forget_ahead()

    def return_ahead(self) -> None:
        """Note that the batches that were drawn before have all been replayed."""
        for contents in contents_among(self._generators()):
            contents.glance()

    def read_again(self, place: Place) -> Batch:
        """Return the batch of a place; the generators change as at its first reading."""
        self.seek(place)
        before, after = place.source_pass.readings[place.number]
        restore_states(before)
        batch = self._skip(place)
        restore_states(after)
        return batch

    def seek(self, place: Place) -> None:
        """Make ``place`` the next: start its pass again, as it first started, and skip the batches before it."""
        if self.only_once or place == self.next:
            return
        now = capture(self._generators())
        try:
            self.close()  # before the next pass starts: two iterators over one loader would have twice the workers
            restore_states(place.source_pass.opening)
            self._iterator, self.next = iter(self._data), Place(place.source_pass, 0)
            for index in range(place.number):
                restore_states(place.source_pass.readings[index][0])
                self._skip(Place(place.source_pass, index))
        finally:
            restore_states(now)

    def _skip(self, place: Place) -> Batch:
        assert self._iterator is not None
        batch = self._advance(self._iterator)
        if batch is _END:
            before = len(place.source_pass.readings)
            message = (
                f"The data gave only {place.number} batches when iterated again, {before} before: the position "
                "cannot be found. Give data of constant length, or raise replay_bytes so that batches are stored."
            )
            raise RestoreError(message)
        self.next = Place(place.source_pass, place.number + 1)
        return cast("Batch", batch)

    def _advance(self, iterator: Iterator[Batch]) -> object:
        try:
            return next(iterator, _END)
        except BaseException:
            self.close()  # an iterator that raised may have advanced: the next reading seeks its place again
            raise


def is_iterated_once(data: object) -> bool:
    """Return whether data are an iterator that goes on where it is.

    Loaders that give batches from memory often return themselves from an ``__iter__`` that starts a new pass first. An
    ``__iter__`` that only returns the object names nothing in its code, and starts none.
    """
    if not isinstance(data, Iterator):
        return False
    start = getattr(type(data), "__iter__", None)
    return not (isinstance(start, FunctionType) and start.__code__.co_names)


def empty_data(data: object) -> EmptyDataError:
    """Return the error for data without a batch."""
    return EmptyDataError(f"The data ({type(data).__name__}) gave no batch; give at least one.")
