"""What a search does to a training that is to go on as without it; one for each way to end."""

import pytest

from lrfinder import LRFinder


def search(learner):
    finder = LRFinder(learner)
    assert len(finder.find(lr_multiplier=1.5)) > 20
    finder.compare([0.01, 100.0], iterations=10)


def search_that_fails(learner):
    def fail(_):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        LRFinder(learner).find(on_record=fail)
