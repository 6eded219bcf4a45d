"""Containers and arrays of data, as a stream of any framework draws from them."""

from __future__ import annotations

import random
import weakref
from collections import deque

import numpy as np
import pytest

from lrfinder import LRFinderWarning
from lrfinder._state import data_contents
from lrfinder.randomness import capture, data_generators, global_generators, restore_states
from lrfinder.replay import stream


class Caching:
    """Batches that are drawn at random once, and then stored."""

    def __init__(self, stored):
        self.stored = stored

    def __iter__(self):
        for k in range(4):
            if not self.has(k):
                self.put(k, random.random() + 1)
            yield self.stored[k]

    def has(self, k):
        return k in self.stored

    def put(self, k, value):
        self.stored[k] = value


class InOrder(Caching):
    def has(self, k):
        return k < len(self.stored)

    def put(self, k, value):
        self.stored.append(value)


class InPlace(Caching):
    def has(self, k):
        return self.stored[k] > 0


DATA = {
    "a dict": lambda: Caching({}),
    "a list": lambda: InOrder([]),
    "a deque": lambda: InOrder(deque()),
    "an array": lambda: InPlace(np.zeros(4)),
}


@pytest.mark.parametrize("replay_bytes", [1 << 30, 0])
@pytest.mark.parametrize("kind", DATA)
def test_what_batches_are_stored_in_comes_back_and_goes_on_after_a_replay(kind, replay_bytes):
    random.seed(0)
    data = DATA[kind]()
    of_data = data_generators(data, ())
    source = stream(data, lambda: (*global_generators(), *of_data), replay_bytes)
    before, states, mark = list(data.stored), capture((*global_generators(), *of_data)), source.mark()
    first = [source.draw() for _ in range(3)]
    for count in (2, 3, 9, 9):
        source.go(mark)
        restore_states(states)
        assert list(data.stored) == before
        again = [source.draw() for _ in range(count)]
        assert again[:3] == first[:count]
        assert again[4:8] == again[:4][: len(again[4:8])]


class Samples:
    """Batches that are drawn from samples, to which nothing is stored."""

    def __init__(self, held):
        self.held = held

    def __iter__(self):
        yield from (random.random() for _ in range(4))


def double(data):
    data.held = data.held * 2


WRITTEN = {
    "a list that grows": (lambda: [object()], lambda data: data.held.append(object())),
    "a list that shrinks": (lambda: [object()], lambda data: data.held.clear()),
    "a dict": (lambda: {"a": object()}, lambda data: data.held.update(a=object())),
    "a set": (lambda: {object()}, lambda data: data.held.add(object())),
    "a deque": (lambda: deque([object()]), lambda data: data.held.append(object())),
    "an array": (lambda: np.zeros((1, 2, 3)), lambda data: data.held.fill(3)),
    "another list": (lambda: [object()], double),
}


@pytest.mark.parametrize("takes_a_state", [False, True])
@pytest.mark.parametrize("kind", WRITTEN)
def test_what_the_user_writes_after_a_restore_stays_when_the_next_new_batch_is_drawn(kind, takes_a_state):
    make, write = WRITTEN[kind]
    data = Samples(make())
    generators = (*global_generators(), *data_generators(data, ()))
    source = stream(data, lambda: generators, 1 << 30)
    states, mark = capture(generators), source.mark()
    [source.draw() for _ in range(3)]
    source.go(mark)
    restore_states(states)
    write(data)
    written = data.held, np.array(data.held, copy=True) if kind == "an array" else data.held.copy()
    if takes_a_state:  # as the next search does
        restore_states(capture(generators))
    [source.draw() for _ in range(9)]
    assert data.held is written[0]
    assert np.array_equal(data.held, written[1]) if kind == "an array" else data.held == written[1]


class Sample:
    """A sample that can be referred to weakly."""


class Remembering:
    """A data set with an index, which stores a sample as it is drawn."""

    def __init__(self, held):
        self.held = held

    def __getitem__(self, k):
        if k == 4:
            raise IndexError
        self.held.append(Sample())
        return len(self.held)


class OfThreeLists(Remembering):
    def __init__(self):
        super().__init__([object()] * 6)
        self.more, self.most = [object()] * 3, [object()] * 6


def test_what_drawings_had_stored_is_released_when_the_stream_closes():
    data = Remembering([])
    generators = (*global_generators(), *data_generators(data, ()))
    source = stream(data, lambda: generators, 1 << 30)
    states, mark = capture(generators), source.mark()
    [source.draw() for _ in range(3)]
    stored = weakref.ref(data.held[0])
    source.go(mark)
    restore_states(states)
    assert data.held == []
    assert stored() is not None
    source.close()
    assert stored() is None


def test_a_restore_does_not_write_to_a_map_of_a_file(tmp_path):
    data = Samples(np.memmap(tmp_path / "samples", np.float32, "w+", shape=(4,)))
    generators = data_generators(data, ())
    states = capture(generators)
    data.held[0] = 1
    restore_states(states)
    assert data.held[0] == 1


def test_containers_are_copied_up_to_a_number_of_entries_in_all(monkeypatch):
    monkeypatch.setattr(data_contents, "MOST_ENTRIES", 10)
    data = OfThreeLists()
    generators = data_generators(data, ())
    states = capture(generators)
    for one in (data.held, data.more, data.most):
        one.append(1)
    with pytest.warns(LRFinderWarning, match=r"OfThreeLists.most was written to during a search, and is not restored"):
        restore_states(states)
    assert [len(one) for one in (data.held, data.more, data.most)] == [6, 3, 7]
