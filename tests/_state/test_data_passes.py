"""Batches of an iterable are read again with the random numbers of their first reading."""

import random

from lrfinder._state.data_passes import DataPasses
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
