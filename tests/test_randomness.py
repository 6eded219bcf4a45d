import random

import numpy as np
import pytest

from lrfinder.randomness import Glimpses, capture, changed, global_generators, own_generator, restore_states

DRAWS = {
    "python": random.random,
    "numpy": np.random.random,
    "numpy, normal": np.random.standard_normal,  # keeps a second number for the next call
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_restored_generator_draws_the_same(name):
    draw = DRAWS[name]
    draw()
    states = capture(global_generators())
    first = [draw() for _ in range(3)]
    restore_states(states)
    assert [draw() for _ in range(3)] == first


@pytest.mark.parametrize(
    "own",
    [
        random.Random(0),
        np.random.default_rng(0),
        np.random.RandomState(0),
        *(np.random.Generator(kind(0)) for kind in (np.random.SFC64, np.random.Philox, np.random.MT19937)),
    ],
)
def test_a_generator_of_the_user_is_recognized_and_restored(own):
    generator = own_generator(own)
    states = capture([generator])
    draw = getattr(own, "random", None) or own.random_sample
    first = draw()
    assert draw() != first
    restore_states(states)
    assert draw() == first


@pytest.mark.parametrize("own", [np.random.SeedSequence([1, 2], pool_size=8), np.random.PCG64(0), np.random.default_rng(0)])
def test_what_was_spawned_is_restored(own):
    if not hasattr(own, "spawn"):
        pytest.skip("numpy before 1.25")
    generator = own_generator(own)
    own.spawn(2)
    states = capture([generator])
    first, second = (np.random.default_rng(one).random() for one in own.spawn(2))
    assert first != second
    assert changed(states, capture([generator])) == states
    restore_states(states)
    assert [np.random.default_rng(one).random() for one in own.spawn(2)] == [first, second]


@pytest.mark.parametrize("value", [None, 3, np.zeros(2), "text"])
def test_other_values_are_not_generators(value):
    assert own_generator(value) is None


def test_only_generators_that_were_drawn_from_have_changed():
    before = capture(global_generators())
    random.random()
    assert [generator.name for generator, _ in changed(capture(global_generators()), before)] == ["python"]


@pytest.mark.parametrize("generator", [random.Random(1), np.random.RandomState(1), np.random.default_rng(1)])
def test_glimpses_give_the_same_states_until_a_generator_moves(generator):
    own = own_generator(generator)
    assert own is not None
    glimpses = Glimpses((*global_generators(), own))
    before = glimpses()
    assert glimpses() is before
    generator.random()
    assert glimpses() == capture(glimpses.generators) != before
