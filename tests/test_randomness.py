import random

import numpy as np
import pytest

from lrfinder.randomness import capture, changed, global_generators, own_generator, put_back

DRAWS = {
    "python": random.random,
    "numpy": np.random.random,
    "numpy, normal": np.random.standard_normal,  # keeps a second number for the next call
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_generator_that_was_put_back_draws_the_same(name):
    draw = DRAWS[name]
    draw()
    states = capture(global_generators())
    first = [draw() for _ in range(3)]
    put_back(states)
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
def test_somebodys_own_generator_is_known_and_put_back(own):
    generator = own_generator(own)
    states = capture([generator])
    draw = getattr(own, "random", None) or own.random_sample
    first = draw()
    assert draw() != first
    put_back(states)
    assert draw() == first


@pytest.mark.parametrize("value", [None, 3, np.zeros(2), "text"])
def test_other_things_are_no_generators(value):
    assert own_generator(value) is None


def test_only_generators_that_were_drawn_from_have_changed():
    before = capture(global_generators())
    random.random()
    assert [generator.name for generator, _ in changed(capture(global_generators()), before)] == ["python"]
