"""A generator's state is read again when it has moved, and only then."""

import operator
import random

import numpy as np
import pytest

from lrfinder._state import mersenne_twister as glance

DRAWS_OF_PYTHON = {
    "a number": lambda one: one.random(),
    "as many bits as bring it round to its place": lambda one: one.getrandbits(32 * 624),
    "a normal number": lambda one: one.gauss(0, 1),
    "a shuffle": lambda one: one.shuffle([1, 2, 3]),
    "a new seed": lambda one: one.seed(5),
    "a state put back": lambda one: one.setstate(random.Random(9).getstate()),
}
DRAWS_OF_NUMPY = {
    "a number": lambda one: one.random_sample(),
    "as many as bring it round to its place": lambda one: one.bytes(4 * 624),
    "a normal number": lambda one: one.standard_normal(),
    "a permutation": lambda one: one.permutation(5),
    "a new seed": lambda one: one.seed(5),
    "a state put back": lambda one: one.set_state(np.random.RandomState(9).get_state()),
}


def state_of(generator):
    key = generator.get_state(legacy=False)
    return repr(key), key["state"]["key"].tobytes()


def looking(of, generator, read):
    asked = []
    return asked, of(generator, lambda: asked.append(1) or read())


@pytest.mark.parametrize("draw", DRAWS_OF_PYTHON)
def test_pythons_generator_is_read_again_after(draw):
    generator = random.Random(1)
    generator.random()
    read = glance.of_python(generator, generator.getstate)
    for _ in range(3):  # also a normal number that was held since the call before
        assert read() == generator.getstate()
        DRAWS_OF_PYTHON[draw](generator)
        assert read() == generator.getstate()


@pytest.mark.parametrize("draw", DRAWS_OF_NUMPY)
def test_numpys_generator_is_read_again_after(draw):
    generator = np.random.RandomState(1)
    generator.random_sample()
    read = glance.of_numpy(generator, lambda: state_of(generator))
    for _ in range(3):
        assert read() == state_of(generator)
        DRAWS_OF_NUMPY[draw](generator)
        assert read() == state_of(generator)


@pytest.mark.parametrize(
    ("of", "generator"), [(glance.of_python, random.Random(1)), (glance.of_numpy, np.random.RandomState(1))]
)
def test_a_generator_that_has_not_moved_is_read_once(of, generator):
    asked, read = looking(of, generator, object)
    assert read() is read()
    assert len(asked) == 1


@pytest.mark.skipif(not hasattr(np.random, "set_bit_generator"), reason="numpy 1.24 brought it")
def test_another_bit_generator_under_numpys_global_one_is_not_missed():
    was = np.random.get_bit_generator()
    read = glance.of_numpy(np.random.mtrand._rand, object)
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


def test_a_generator_of_another_class_is_read_each_time():
    generator = Counting()
    asked, read = looking(glance.of_python, generator, generator.getstate)
    before = read()
    generator.random()
    assert read() == before + 1
    assert len(asked) == 2


def test_attributes_are_compared_as_objects_and_never_with_equals():
    class Odd:
        def __eq__(self, other):
            raise ValueError("no truth value")

        __hash__ = None

    values = [Odd()]
    asked = []
    read = glance.Remembered(lambda: asked.append(1), lambda: values[0], operator.is_)
    read(), read()
    values[0] = Odd()
    read()
    assert len(asked) == 2
