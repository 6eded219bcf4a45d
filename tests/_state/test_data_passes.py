"""Batches of an iterable are read again with the random numbers of their first reading."""

import itertools
import random

import pytest

from lrfinder._state.data_passes import DataPasses, is_iterated_once
from lrfinder.randomness import global_generators


class Shuffled:
    """Shuffles at the start of a pass, and draws another number for each batch."""

    def __iter__(self):
        for number in random.sample(range(4), 4):
            yield number, random.random()


def test_a_batch_is_read_again_with_its_random_numbers_whichever_pass_it_was_in():
    passes = DataPasses(Shuffled(), global_generators)
    readings = [(*passes.read_next(), random.getstate()) for _ in range(9)]
    for batch, place, state in reversed(readings):
        assert passes.read_again(place) == batch
        assert random.getstate() == state


def test_a_seek_leaves_the_generators_as_they_were():
    passes = DataPasses(Shuffled(), global_generators)
    (_, place), *_ = [passes.read_next() for _ in range(3)]
    before = random.getstate()
    passes.seek(place)
    assert random.getstate() == before
    assert passes.next == place


def test_an_iterator_has_one_pass():
    passes = DataPasses(iter([1, 2]), global_generators)
    (_, place), _ = passes.read_next(), passes.read_next()
    following = passes.next
    passes.seek(place)
    assert passes.only_once
    assert passes.next == following


class StartingAgain:
    def __iter__(self):
        self.left = [1, 2]
        return self

    def __next__(self):
        if not self.left:
            raise StopIteration
        return self.left.pop()


class StartingInAMethod(StartingAgain):
    def __iter__(self):
        self.reset()
        return self

    def reset(self):
        self.left = [1, 2]


class GoingOn(StartingAgain):
    left = (1, 2)

    def __iter__(self):
        return self


@pytest.mark.parametrize("kind", [StartingAgain, StartingInAMethod])
def test_an_iterator_that_starts_again_has_many_passes(kind):
    passes = DataPasses(kind(), global_generators)
    first, place = passes.read_next()
    assert [first, *(passes.read_next()[0] for _ in range(4))] == [2, 1, 2, 1, 2]
    assert passes.read_again(place) == first


@pytest.mark.parametrize("data", [GoingOn(), (k for k in range(2)), map(abs, [1, 2]), zip([1, 2]), itertools.count()])
def test_an_iterator_that_goes_on_has_one_pass(data):
    assert is_iterated_once(data)
