"""A function that returns a batch, as data."""

import random

import pytest

from lrfinder._state.data_calls import Calls, batches_from
from lrfinder.errors import DataError
from lrfinder.randomness import data_generators, global_generators
from lrfinder.replay import batches_per_pass, stream


def streamed(function, **settings):
    data = batches_from(function)
    found = data_generators(data, ())
    return stream(data, lambda: (*global_generators(), *found), **settings)


def draws(source, count=4):
    return [source.draw() for _ in range(count)]


def counting():
    """Return a function that counts its calls in a closure."""
    count = 0

    def get_batch():
        nonlocal count
        count += 1
        return [count, random.random()]

    return get_batch


class Reader:
    """An object with a position that returns batches when it is called."""

    def __init__(self):
        self.position, self.random = 0, random.Random(1)

    def __call__(self):
        self.position += 1
        return [self.position, self.random.random()]


FUNCTIONS = {
    "a function": lambda: random.random,
    "a closure": counting,
    "an object": Reader,
    "a method": lambda: Reader().__call__,
}


@pytest.mark.parametrize("replay_bytes", [1 << 30, 0], ids=["stored", "called again"])
@pytest.mark.parametrize("make", FUNCTIONS.values(), ids=FUNCTIONS)
def test_batches_repeat_after_a_return(make, replay_bytes):
    source = streamed(make(), replay_bytes=replay_bytes)
    source.draw()
    mark = source.mark()
    first = draws(source)
    source.go(mark)
    assert draws(source) == first
    assert draws(source) != first


def test_a_function_has_no_length():
    assert batches_per_pass(batches_from(random.random)) is None


def test_data_that_can_be_iterated_or_indexed_stay_as_they_are():
    class Loader(Reader):
        def __iter__(self):
            return iter([1])

    for data in (loader := Loader(), [1], "ab", 5, Reader):
        assert batches_from(data) is data
    assert isinstance(batches_from(loader.__call__), Calls)


@pytest.mark.parametrize("function", [lambda split: split, lambda *, split, size=2: split], ids=["positional", "by keyword"])
def test_a_function_that_needs_arguments_is_refused_with_the_one_that_works(function):
    with pytest.raises(DataError, match=r"needs split; give one that needs no argument: lambda: .*\(\.\.\.\)"):
        batches_from(function)


def test_a_function_that_gives_no_batch_is_refused_at_its_first_call():
    def get_batch():
        pass

    with pytest.raises(DataError, match="get_batch returned None"):
        streamed(get_batch).draw()
