"""Model, optimizer and loader that Accelerate has prepared."""

import importlib.util

import numpy as np
import pytest
import rank_processes as ranks
import rank_trainings as trainings
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lrfinder
from lrfinder.torch import TorchLearner

if importlib.util.find_spec("accelerate") is None:
    pytest.skip("accelerate is not installed", allow_module_level=True)


def prepared(rank):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    inputs, targets = (torch.cat(parts) for parts in zip(*trainings.batches(), strict=True))
    loader = DataLoader(TensorDataset(inputs, targets), batch_size=trainings.SIZE // 2)
    model = trainings.net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    learner = TorchLearner(model, optimizer, nn.CrossEntropyLoss(), loader)
    open_passes = len(accelerator.gradient_state.dataloader_references)
    found = lrfinder.LRFinder(learner).find(rates=trainings.LRS)
    return (
        found.losses.tolist(),
        len(accelerator.gradient_state.dataloader_references) - open_passes,
        lrfinder.check(learner).ok,
    )


@pytest.fixture(scope="module")
def both():
    return ranks.values(prepared)


def test_a_prepared_training_gives_the_curve_of_one_process(both):
    alone = lrfinder.LRFinder(trainings.learner("alone")).find(rates=trainings.LRS)
    np.testing.assert_allclose(both[0][0], alone.losses, rtol=1e-4)
    assert both[0][0] == both[1][0]


def test_no_pass_over_the_data_stays_open_for_accelerate(both):
    assert [one[1] for one in both] == [0, 0]


def test_a_prepared_training_obeys_the_law(both):
    assert [one[2] for one in both] == [True, True]
