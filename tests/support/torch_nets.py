"""Small PyTorch trainings for the tests."""

import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lrfinder.testing
from lrfinder.torch.inspection import fingerprint

cross_entropy = nn.functional.cross_entropy


def pairs(count=96, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 6, generator=generator)
    return TensorDataset(inputs, (inputs.sum(1) > 0).long())


def loader(batch_size=8, **settings):
    return DataLoader(pairs(), batch_size=batch_size, **{"shuffle": True, **settings})


def net(dropout=0.3):
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 2))


def sgd(model, lr=0.1, **settings):
    return torch.optim.SGD(model.parameters(), lr=lr, **settings)


def obeys(learner, *objects):
    """Check the law, with everything that can be seen of ``objects``."""
    lrfinder.testing.check(learner, observe=lambda: fingerprint(*objects))


def seed_everything():
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(0)


def losses_of_pass(model, optimizer, loader):
    """Train a pass as a script does; yield the loss of each batch."""
    for inputs, target in loader:
        optimizer.zero_grad()
        loss = cross_entropy(model(inputs), target)
        loss.backward()
        optimizer.step()
        yield loss.item()


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


def equal(some, others):
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


OPTIMIZERS = {
    "SGD with momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "AdamW": lambda parameters: torch.optim.AdamW(parameters, lr=0.01),
    "RMSprop": lambda parameters: torch.optim.RMSprop(parameters, lr=0.01),
}
