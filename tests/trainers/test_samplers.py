"""Samplers of other packages: a training goes on after a search as if it had never run."""

import random

import pytest

pytest.importorskip("transformers", reason="transformers is not installed")

import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler
from torch_nets import losses_of_pass, net, pairs, seed_everything
from transformers.trainer_pt_utils import LengthGroupedSampler

from lrfinder import LRFinder
from lrfinder.torch import TorchLearner


class Sorted(Sampler):
    """A sampler over that of ``transformers``, which changes its lengths in place, as a curriculum does."""

    def __init__(self):
        self.inner = LengthGroupedSampler(8, lengths=[k % 13 + 1 for k in range(96)])

    def __iter__(self):
        random.shuffle(self.inner.lengths)
        return iter(self.inner)

    def __len__(self):
        return 96


def prepared():
    accelerate = pytest.importorskip("accelerate")
    loader = DataLoader(pairs(), batch_size=8, sampler=Sorted())
    return accelerate.Accelerator(cpu=True).prepare(loader)


LOADERS = {
    "lengths": lambda: DataLoader(pairs(), batch_size=8, sampler=LengthGroupedSampler(8, lengths=[5, 9, 2] * 32)),
    "lengths that change": lambda: DataLoader(pairs(), batch_size=8, sampler=Sorted()),
    "prepared by accelerate": prepared,
}


@pytest.mark.parametrize("name", LOADERS)
def test_a_training_goes_on_as_if_the_search_had_never_run(name):
    both = []
    for searches in (False, True):
        seed_everything()
        model, loader = net(), LOADERS[name]()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        if searches:
            LRFinder(TorchLearner(model, optimizer, nn.CrossEntropyLoss(), loader)).suggest(20, max_iterations=200)
        both.append([loss for _ in range(3) for loss in losses_of_pass(model, optimizer, loader)])
    assert both[0] == both[1]
