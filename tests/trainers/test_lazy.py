import pytest
import torch

import lrfinder
from lrfinder.torch import TorchLearner
from lrfinder.trainers._lazy import LazyLearner


def lazy_learner():
    """Return a learner whose preparation draws a random number, and a list that it fills."""
    prepared = []
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def prepare():
        prepared.append(torch.rand(1))
        return TorchLearner(model, optimizer, torch.nn.functional.mse_loss, [(torch.ones(4, 2), torch.ones(4, 1))])

    return LazyLearner(prepare, [model]), prepared


def test_the_trainer_is_prepared_once_and_at_the_first_use():
    learner, prepared = lazy_learner()
    learner.parts()
    learner.close()
    assert prepared == []
    lrfinder.LRFinder(learner).find(rates=[0.1, 0.2])
    assert len(prepared) == 1


def test_the_random_numbers_of_the_preparation_are_restored():
    learner, _ = lazy_learner()
    before = torch.get_rng_state()
    learner.snapshot()
    assert torch.equal(torch.get_rng_state(), before)


def test_time_repeats():
    learner, _ = lazy_learner()
    lrfinder.testing.check(learner, [0.1, 0.2], observe=learner.observe)


def test_a_preparation_that_fails_is_tried_again():
    def prepare():
        raise ValueError("not yet")

    learner = LazyLearner(prepare, [])
    for _ in range(2):
        with pytest.raises(ValueError, match="not yet"):
            learner.snapshot()
