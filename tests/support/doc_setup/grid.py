from pathlib import Path

import ray
import torch
from torch import nn

import lrfinder.torch


def make_learner(weight_decay=0.0, momentum=0.9, seed=0):
    torch.manual_seed(seed)
    inputs = torch.randn(320, 10)
    batches = list(zip(inputs.split(32), inputs.sum(dim=1, keepdim=True).split(32), strict=True))
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, weight_decay=weight_decay, momentum=momentum)
    return lrfinder.torch.TorchLearner(model, optimizer, nn.MSELoss(), batches)


def after():
    ray.shutdown()
    assert Path("grid.png").is_file()
