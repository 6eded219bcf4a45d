"""Generators in what makes samples and batches: transforms of a data set and functions that collate."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate
from torch_nets import cross_entropy, net, sgd

from lrfinder import LRFinder
from lrfinder.torch import TorchLearner


def samples():
    return TensorDataset(torch.arange(240.0).reshape(40, 6) / 100, torch.arange(40) % 2)


class Masking:
    """A collator that masks by its own generators, and counts."""

    def __init__(self):
        self.rng, self.inner, self.calls = np.random.default_rng(0), [random.Random(3)], 0

    def draw(self, items):
        inputs, target = default_collate(items)
        return inputs * (self.rng.random() + self.inner[0].random()), target

    def __call__(self, items):
        self.calls += 1
        inputs, target = default_collate(items)
        return inputs * (self.rng.random() + self.inner[0].random() + self.calls), target


def in_a_closure():
    rng = np.random.default_rng(0)
    return lambda items: (default_collate(items)[0] + rng.random(), default_collate(items)[1])


class Noise:
    def __init__(self):
        self.generator = torch.Generator().manual_seed(0)

    def __call__(self, sample):
        return sample + torch.randn((), generator=self.generator)


class Chain:
    def __init__(self, *transforms):
        self.transforms = transforms

    def __call__(self, sample):
        for transform in self.transforms:
            sample = transform(sample)
        return sample


class Transformed(Dataset):
    def __init__(self, transform):
        self.samples, self.transform = samples(), transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        sample, target = self.samples[index]
        return self.transform(sample), target


def of_a_closure():
    rng = random.Random(0)
    return lambda sample: sample + rng.random()


LOADERS = {
    "a collator": lambda: DataLoader(samples(), 8, collate_fn=Masking()),
    "a method of a collator": lambda: DataLoader(samples(), 8, collate_fn=Masking().draw),
    "a closure that collates": lambda: DataLoader(samples(), 8, shuffle=True, collate_fn=in_a_closure()),
    "a transform": lambda: DataLoader(Transformed(Noise()), 8),
    "transforms in transforms": lambda: DataLoader(Transformed(Chain(lambda sample: 2 * sample, Chain(Noise()))), 8),
    "a closure that transforms": lambda: DataLoader(Transformed(of_a_closure()), 8),
}


@pytest.mark.parametrize("kind", LOADERS)
def test_the_users_own_batches_after_a_search_are_those_of_a_twin_with(kind):
    def batches(search):
        torch.manual_seed(0)
        loader, model = LOADERS[kind](), net()
        next(iter(loader))
        if search:
            finder = LRFinder(TorchLearner(model, sgd(model), cross_entropy, loader))
            finder.find(1e-3, 2.0, max_iterations=12)
            finder.compare([0.1, 0.01], iterations=7)
        return [batch.tolist() for inputs_and_target in loader for batch in inputs_and_target]

    assert batches(search=True) == batches(search=False)
