"""Searches that must not change a training: one that succeeds and one that fails."""

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
