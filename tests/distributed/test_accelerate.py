"""A model, an optimizer and a loader that Accelerate has prepared."""

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
    result = lrfinder.LRFinder(learner).find(rates=trainings.LRS)
    return (
        result.losses.tolist(),
        len(accelerator.gradient_state.dataloader_references) - open_passes,
        lrfinder.check(learner).ok,
    )


@pytest.fixture(scope="module")
def both_ranks():
    return ranks.values(prepared)


def test_a_prepared_training_gives_the_curve_of_one_process(both_ranks):
    single = lrfinder.LRFinder(trainings.learner("single")).find(rates=trainings.LRS)
    np.testing.assert_allclose(both_ranks[0][0], single.losses, rtol=1e-4)
    assert both_ranks[0][0] == both_ranks[1][0]


def test_no_pass_over_the_data_stays_open_for_accelerate(both_ranks):
    assert [open_passes for _, open_passes, _ in both_ranks] == [0, 0]


def test_time_repeats_in_a_prepared_training(both_ranks):
    assert [is_ok for _, _, is_ok in both_ranks] == [True, True]
