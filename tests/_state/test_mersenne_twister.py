"""The state of a generator is read again when it has changed, and only then."""

# Older numpy lacks set_bit_generator.
# pyright: reportAttributeAccessIssue=false

import random

import numpy as np
import pytest

from lrfinder._state.mersenne_twister import cached_reader, looks_at_numpy, looks_at_python

DRAWS_OF_PYTHON = {
    "a number": lambda one: one.random(),
    "as many bits as return the index to its place": lambda one: one.getrandbits(32 * 624),
    "a normal number": lambda one: one.gauss(0, 1),
    "a shuffle": lambda one: one.shuffle([1, 2, 3]),
    "a new seed": lambda one: one.seed(5),
    "a state that was set": lambda one: one.setstate(random.Random(9).getstate()),
}
DRAWS_OF_NUMPY = {
    "a number": lambda one: one.random_sample(),
    "as many bytes as return the index to its place": lambda one: one.bytes(4 * 624),
    "a normal number": lambda one: one.standard_normal(),
    "a permutation": lambda one: one.permutation(5),
    "a new seed": lambda one: one.seed(5),
    "a state that was set": lambda one: one.set_state(np.random.RandomState(9).get_state()),
}


def state_of(generator):
    key = generator.get_state(legacy=False)
    return repr(key), key["state"]["key"].tobytes()


def counted(looks, read):
    """Return a list that grows with each full read, and the cached reader."""
    reads = []
    return reads, cached_reader(lambda: reads.append(1) or read(), looks)


@pytest.mark.parametrize("draw", DRAWS_OF_PYTHON)
def test_the_state_of_a_python_generator_is_read_again_after(draw):
    generator = random.Random(1)
    generator.random()
    read = cached_reader(generator.getstate, looks_at_python(generator))
    for _ in range(3):  # also a normal number that the generator has held since the previous call
        assert read() == generator.getstate()
        DRAWS_OF_PYTHON[draw](generator)
        assert read() == generator.getstate()


@pytest.mark.parametrize("draw", DRAWS_OF_NUMPY)
def test_the_state_of_a_numpy_generator_is_read_again_after(draw):
    generator = np.random.RandomState(1)
    generator.random_sample()
    read = cached_reader(lambda: state_of(generator), looks_at_numpy(generator))
    for _ in range(3):
        assert read() == state_of(generator)
        DRAWS_OF_NUMPY[draw](generator)
        assert read() == state_of(generator)


@pytest.mark.parametrize("looks", [looks_at_python(random.Random(1)), looks_at_numpy(np.random.RandomState(1))])
def test_the_state_of_a_generator_without_draws_is_read_once(looks):
    reads, read = counted(looks, object)
    assert read() is read()
    assert len(reads) == 1


@pytest.mark.skipif(not hasattr(np.random, "set_bit_generator"), reason="new in numpy 1.24")
def test_another_bit_generator_under_the_global_one_of_numpy_is_noticed():
    was = np.random.get_bit_generator()
    read = cached_reader(object, looks_at_numpy(np.random.mtrand._rand))
    try:
        before = read()
        np.random.set_bit_generator(np.random.PCG64(3))
        after = read()
        np.random.random()
        assert len({before, after, read()}) == 3
    finally:
        np.random.set_bit_generator(was)


class Counting(random.Random):
    """Draws from a counter."""

    def __init__(self):
        self.count = 0
        super().__init__()

    def random(self):
        self.count += 1
        return self.count / 1000

    def getstate(self):
        return self.count


def test_the_state_of_a_subclass_is_read_each_time():
    generator = Counting()
    reads, read = counted(looks_at_python(generator), generator.getstate)
    before = read()
    generator.random()
    assert read() == before + 1
    assert len(reads) == 2
