"""Grids that several processes train together, with faults on one of them; forked processes import these by name."""

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import lrfinder
from lrfinder._grid import agreement
from lrfinder.torch import TorchLearner


def learner_of(seed, *, wrapped=True):
    torch.manual_seed(seed)
    model = nn.Linear(4, 1)
    model = DistributedDataParallel(model) if wrapped else model
    inputs = torch.randn(16, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return TorchLearner(
        model, optimizer, nn.MSELoss(), [(inputs, inputs.sum(1, keepdim=True) * (seed + 1))], rank_timeout=20
    )


def short(finder):
    return finder.find(max_iterations=5)


def ends_of(grid):
    return [(cell.seed, cell.error, None if cell.result is None else cell.result.losses.tolist()) for cell in grid.cells]


def fails_after_wrapping(rank, at, fault):
    def factory(seed):
        learner = learner_of(seed)
        if rank == fault and seed == at:
            raise OSError("no images")
        return learner

    return ends_of(lrfinder.grid(factory, seed=range(3), each=short))


def fails_while_others_wait(rank):
    """The others wait in the constructor of the wrapper, where nobody can reach them."""
    agreement.FAILED_PATIENCE_SECONDS = 3.0  # in this process

    def factory(seed):
        if rank == 1:
            raise OSError("no images")
        return learner_of(seed)

    lrfinder.grid(factory, seed=range(2), each=short)


def is_at_another_cell(rank):
    lrfinder.grid(learner_of, seed=[rank, 1 - rank], each=short)


def has_fewer_cells(rank):
    lrfinder.grid(learner_of, seed=range(2 - rank), each=short)


def trains_alone(rank):
    """Every process has a grid of its own, one of which is longer and fails in a cell."""

    def factory(seed):
        if rank == 1 and seed == 0:
            raise OSError("no images")
        return learner_of(seed, wrapped=False)

    return ends_of(lrfinder.grid(factory, seed=range(2 + rank), each=short))
