"""Results of every kind, to be logged by every board."""

import importlib.util

import pytest
from example_curves import suggested, swept, usual
from example_grids import bowl
from fake_learners import Scripted

from lrfinder import LRFinder, MissingExtraError, grid

RESULTS = {
    "a range test": usual(),
    "a suggestion": suggested(),
    "a comparison": LRFinder(Scripted([3.0, 2.0, 1.0])).compare([0.1, 0.2], iterations=3),
    "a grid": grid(bowl, weight_decay=[0.0, None], seed=range(2)),
    "nothing": swept([]),
}


@pytest.fixture(params=RESULTS.values(), ids=RESULTS)
def any_result(request):
    return request.param


@pytest.fixture
def refused_without():
    """A check that a board whose package is missing names the command that installs it."""

    def check(package, board):
        if importlib.util.find_spec(package) is not None:
            pytest.skip(f"{package} is installed; the other sessions lack it")
        with pytest.raises(MissingExtraError, match=rf'pip install "lrfinder\[{package}\]"'):
            board.log(usual(), object())

    return check
