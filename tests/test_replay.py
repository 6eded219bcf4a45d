"""Streams: endless and replayable, with the random numbers that drawing consumes."""

import gc
import random
import warnings
import weakref

import numpy as np
import pytest

from lrfinder import DataEndedError, LRFinderWarning, RestoreError
from lrfinder.errors import DataError, EmptyDataError
from lrfinder.randomness import capture, global_generators, restore_states
from lrfinder.replay import batches_per_pass, mapped, nbytes, peek, position_of, stream, unchanged


class Shuffled:
    """Iterates in an order drawn from python's generator; draws another number for each batch, from numpy's."""

    def __init__(self, count=5):
        self.count = count
        self.opened = 0

    def __iter__(self):
        self.opened += 1
        order = random.sample(range(self.count), self.count)
        for k in order:
            yield np.array([k, np.random.random()])


class Batch:
    nbytes = 8


def make(data, replay_bytes=1 << 30):
    return stream(data, global_generators, replay_bytes)


def train(batches, count):
    """Draw batches, and after each a random number of one's own, as Dropout would."""
    return [(batches.draw().tolist(), random.random(), np.random.random()) for _ in range(count)]


@pytest.mark.parametrize("replay_bytes", [1 << 30, 100, 0])
@pytest.mark.parametrize("before", [0, 3, 5, 7])
def test_time_repeats_whatever_is_stored_and_wherever_the_mark_is(before, replay_bytes):
    batches = make(Shuffled(), replay_bytes)
    train(batches, before)
    mark, states = batches.mark(), capture(global_generators())
    first = train(batches, 13)
    for _ in range(2):
        batches.go(mark)
        restore_states(states)
        assert train(batches, 13) == first


@pytest.mark.parametrize("replay_bytes", [1 << 30, 0])
def test_a_stream_continues_after_a_replay_as_without_one(replay_bytes):
    random.seed(1)
    np.random.seed(1)
    plain = train(make(Shuffled()), 20)
    random.seed(1)
    np.random.seed(1)
    batches = make(Shuffled(), replay_bytes)
    start = train(batches, 4)
    mark, states = batches.mark(), capture(global_generators())
    train(batches, 9)
    batches.go(mark)
    restore_states(states)
    assert start + train(batches, 16) == plain


def test_a_closed_stream_finds_its_position_again():
    random.seed(1)
    np.random.seed(1)
    plain = train(make(Shuffled()), 20)
    random.seed(1)
    np.random.seed(1)
    batches = make(Shuffled())
    start = train(batches, 7)
    batches.close()
    assert start + train(batches, 13) == plain


def test_batches_that_fit_are_drawn_from_the_source_once():
    source = Shuffled()
    batches = make(source)
    mark = batches.mark()
    train(batches, 5)
    batches.go(mark)
    train(batches, 5)
    assert source.opened == 1


def test_creating_a_stream_reads_nothing_and_draws_no_random_number():
    source, before = Shuffled(), capture(global_generators())
    make(source).mark()
    assert source.opened == 0
    assert capture(global_generators()) == before


def test_a_list_is_cycled_and_replayed():
    batches = make([1, 2, 3])
    mark = batches.mark()
    assert [batches.draw() for _ in range(7)] == [1, 2, 3, 1, 2, 3, 1]
    batches.go(mark)
    assert batches.draw() == 1


def test_batches_live_as_long_as_a_mark_from_which_they_can_be_reached():
    drawn = []

    def source():
        for _ in range(10):
            drawn.append(weakref.ref(batch := Batch()))
            yield batch

    batches = stream(source(), global_generators, keep=unchanged)
    batches.draw()
    mark = batches.mark()
    batches.draw()
    batches.draw()
    gc.collect()
    assert [ref() is not None for ref in drawn] == [False, True, True]
    del mark
    batches.draw()
    gc.collect()
    assert not any(ref() for ref in drawn[:3])


def test_a_long_chain_of_stored_batches_is_released_without_deep_recursion():
    batches = make(Batch() for _ in range(20_000))
    mark = batches.mark()
    for _ in range(20_000):
        batches.draw()
    del mark
    gc.collect()


def test_an_iterator_ends():
    batches = make(iter([1, 2]))
    assert [batches.draw(), batches.draw()] == [1, 2]
    for _ in range(2):
        with pytest.raises(DataEndedError):
            batches.draw()


def test_an_iterator_is_replayed_from_memory_and_ends_at_the_same_position():
    batches = make(iter([1, 2, 3]))
    mark = batches.mark()
    for _ in range(2):
        assert [batches.draw() for _ in range(3)] == [1, 2, 3]
        with pytest.raises(DataEndedError):
            batches.draw()
        batches.go(mark)


def test_an_iterator_beyond_the_limit_warns_and_continues():
    batches = make((np.array(float(k)) for k in range(9)), replay_bytes=20)
    mark = batches.mark()
    with pytest.warns(LRFinderWarning, match="replay_bytes=20"):
        first = [batches.draw().item() for _ in range(4)]
    batches.go(mark)
    again = [batches.draw().item() for _ in range(4)]
    assert again[:2] == first[:2]
    assert not set(again[2:]) & set(first)


def test_nothing_is_stored_and_no_warning_given_without_a_mark():
    batches = make((Batch() for _ in range(9)), replay_bytes=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(9):
            batches.draw()


@pytest.mark.parametrize("data", [[], (), iter([]), Shuffled(0), range(0)])
def test_data_without_a_batch_are_refused_at_the_first_draw(data):
    with pytest.raises(EmptyDataError, match="no batch"):
        make(data).draw()


def test_an_object_that_cannot_be_iterated_is_refused():
    with pytest.raises(DataError, match="int"):
        make(3)


def test_data_that_shrink_between_passes_are_an_error():
    source = Shuffled(5)
    batches = make(source, replay_bytes=0)
    mark = batches.mark()
    train(batches, 5)
    batches.go(mark)
    source.count = 2
    with pytest.raises(RestoreError, match="2 batches"):
        train(batches, 5)


def test_an_exception_of_the_source_passes_through_and_the_position_is_found_again():
    class Flaky(Shuffled):
        fails = True

        def __iter__(self):
            for k, batch in enumerate(super().__iter__()):
                if k == 2 and self.fails:
                    self.fails = False
                    raise OSError("disk")
                yield batch

    random.seed(1)
    np.random.seed(1)
    plain = train(make(Shuffled()), 5)
    random.seed(1)
    np.random.seed(1)
    batches = make(Flaky())
    mark, states = batches.mark(), capture(global_generators())
    train(batches, 2)
    with pytest.raises(OSError, match="disk"):
        batches.draw()
    batches.go(mark)
    restore_states(states)
    assert train(batches, 5) == plain


def test_the_bytes_of_a_batch_are_the_bytes_of_its_arrays():
    assert nbytes({"a": np.zeros(3), "b": [np.zeros(2, dtype=np.uint8), (np.zeros(1),)]}) == 24 + 2 + 8


def test_bytes_of_arrays_with_only_size_and_dtype_are_counted():
    class Array:
        size, dtype = 10, np.float32

    assert nbytes([Array(), {"more": Array()}]) == 80


@pytest.mark.parametrize("data", [[1, 2, 3], Shuffled()])
def test_a_peek_leaves_the_batch_the_next_and_the_generators_as_they_were(data):
    batches, states = make(data), capture(global_generators())
    batch = peek(batches, global_generators())
    assert capture(global_generators()) == states
    assert np.array_equal(batches.draw(), batch)


def test_converted_data_can_be_iterated_as_often_as_before():
    doubled = mapped(range(3), lambda batch: 2 * batch)
    assert [list(doubled), list(doubled)] == [[0, 2, 4]] * 2
    once = mapped(iter([1, 2]), lambda batch: 2 * batch)
    assert [list(once), list(once)] == [[2, 4], []]


@pytest.mark.parametrize("data", [[1, 2, 3], Shuffled()])
def test_marks_of_one_position_compare_equal_by_their_position(data):
    batches = make(data)
    first, second = batches.mark(), batches.mark()
    assert position_of(first) == position_of(second)
    batches.draw()
    assert position_of(batches.mark()) != position_of(first)
    batches.go(second)
    assert position_of(batches.mark()) == position_of(first)


class EndlessInName:
    def __len__(self):
        message = "It has no end."
        raise TypeError(message)

    def __iter__(self):
        return iter([1])


@pytest.mark.parametrize(
    ("data", "batches"),
    [([1, 2, 3], 3), ((), 0), (range(5), 5), (iter([1, 2]), None), (EndlessInName(), None), (None, None)],
)
def test_data_with_a_length_have_as_many_batches_in_a_pass(data, batches):
    assert batches_per_pass(data) == batches


class Repeated:
    """A loader of given batches."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


@pytest.mark.parametrize("kind", [list, iter, Repeated])
def test_the_number_of_examples_is_that_of_the_first_batch_once_it_was_drawn(kind):
    batches = make(kind([np.zeros((4, 2)), np.zeros((3, 2))]))
    assert batches.examples() in ({4} if kind is list else {None})
    for _ in range(2):
        batches.draw()
        assert batches.examples() == 4
    batches.close()
    assert batches.examples() == 4


def test_batches_without_an_array_have_no_number_of_examples():
    batches = make(iter(["one", "two"]))
    batches.draw()
    assert batches.examples() is None
