"""Test that the page's learner learns, and that its tests detect missing state; tests/docs runs the page itself."""

import re
from pathlib import Path

import numpy as np
import pytest

import lrfinder.testing
from lrfinder.errors import LawError

PAGE = Path(__file__).parents[1] / "docs" / "your-own-learner.md"


@pytest.fixture
def page():
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(code, names)
    np.random.seed(0)
    return names


def test_the_learner_of_the_page_learns(page):
    learner = page["NumpyLearner"](np.zeros((12, 4)), page["Digits"]())
    losses = [learner.iteration(0.1) for _ in range(60)]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("kind", ["velocity", "dropout"])
def test_the_learner_of_the_page_without_one_kind_of_state_breaks_the_law(page, kind):
    class Forgetful(page["NumpyLearner"]):
        def restore(self, state):
            now = self.velocity, self.dropout.bit_generator.state
            super().restore(state)
            if kind == "velocity":
                self.velocity = now[0]
            else:
                self.dropout.bit_generator.state = now[1]

    with pytest.raises(LawError):
        lrfinder.testing.check(Forgetful(np.zeros((12, 4)), page["Digits"]()))
