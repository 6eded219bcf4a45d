"""Tests of what PyTorch raises at rates that are too high, and of what is never taken for it."""

# These tests set and read attributes that no type declares.
# pyright: reportAttributeAccessIssue=false

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from lrfinder import Stop
from lrfinder.torch import TorchLearner

RATES = np.geomspace(1e-4, 1e4, 60)


def sampled(model, batch):
    """A policy gradient: sampling refuses probabilities that are NaN."""
    inputs, rewards = batch
    policy = torch.distributions.Categorical(logits=model(inputs)[:, :4].exp().exp())
    return -(policy.log_prob(policy.sample()) * rewards[:, 0]).mean()


def decomposed(model, batch):
    """The logarithm of a determinant: the decomposition refuses a matrix that is not positive-definite."""
    inputs, targets = batch
    outputs = model(inputs)
    matrix = torch.eye(4) - 0.01 * outputs.T @ outputs / len(outputs)
    return (outputs - targets).square().mean() - torch.linalg.cholesky(matrix).diagonal().log().sum()


def asserted(model, batch):
    inputs, targets = batch
    outputs = model(inputs)
    assert outputs.abs().max() < 20
    return (outputs - targets).square().mean()


def learner_of(forward, data=None):
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(256, 6), torch.randn(256, 4)) if data is None else data
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return TorchLearner(model, optimizer, None, DataLoader(data, batch_size=16, shuffle=True), forward=forward)


@pytest.mark.parametrize("forward", [sampled, decomposed, asserted])
def test_an_exception_of_a_forward_at_a_high_rate_is_divergence(forward):
    learner = learner_of(forward)
    before = [parameter.clone() for parameter in learner.parts()[0].parameters()]
    result = learner.find(rates=RATES, stopping=lambda _: False)
    assert result.stop is Stop.RAISED
    assert result.notes[0].startswith(f"raised at iteration {len(result) - 1}, learning rate")
    assert all(torch.equal(*pair) for pair in zip(before, learner.parts()[0].parameters(), strict=True))


@pytest.mark.parametrize("forward", [decomposed, asserted])
def test_a_search_gives_a_rate_though_high_rates_raise(forward):
    suggestion = learner_of(forward).suggest(max_iterations=200)
    assert suggestion.status == "ok"
    assert any("raised at iteration" in note for note in suggestion.notes)


class Damaged(Dataset):
    """A data set of which one read fails, once or always."""

    def __init__(self, reads):
        self.inputs, self.targets = torch.randn(256, 6), torch.randn(256, 4)
        self.reads, self.fails = 0, reads

    def __len__(self):
        return 256

    def __getitem__(self, row):
        self.reads += 1
        if self.reads in self.fails:
            message = "a damaged image"
            raise ValueError(message)
        return self.inputs[row], self.targets[row]


@pytest.mark.parametrize("fails", [{300}, range(300, 10**6)])
def test_an_exception_of_the_data_passes_through(fails):
    with pytest.raises(ValueError, match="a damaged image"):
        learner_of(asserted, Damaged(fails)).find(rates=RATES, stopping=lambda _: False)
