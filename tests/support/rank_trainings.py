"""Small trainings that several ranks make together, and the same in one process on the whole batches."""

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from lrfinder.torch import TorchLearner

SIZE = 12  # samples of a whole batch: for 1, 2, 3 and 4 ranks
LRS = tuple(1e-3 * 1.25**k for k in range(40))


def batches(rank=0, ranks=1, count=7, sizes=None):
    """A rank's share of each whole batch; all of equal size, or of ``sizes``."""
    generator = torch.Generator().manual_seed(0)
    sizes = [SIZE // ranks] * ranks if sizes is None else sizes
    inputs = torch.randn(count, sum(sizes), 6, generator=generator)
    targets = (inputs.sum(2) > 0).long()
    start = sum(sizes[:rank])
    return [(x[start : start + sizes[rank]], y[start : start + sizes[rank]]) for x, y in zip(inputs, targets, strict=True)]


def net(norm=False):
    torch.manual_seed(0)
    middle = [nn.BatchNorm1d(16)] if norm else []
    return nn.Sequential(nn.Linear(6, 16), *middle, nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2))


def sharded(model, **settings):
    for part in model:
        if isinstance(part, nn.Linear):
            fully_shard(part, **settings)
    return fully_shard(model, **settings)


def learner(kind="ddp", data=None, *, optimizer=torch.optim.SGD, norm=False, loss_fn=None, **settings):
    """This rank's learner, of a model that is wrapped, sharded, or has a sharded optimizer; or one in one process."""
    alone = kind == "alone"
    rank, ranks = (0, 1) if alone else (dist.get_rank(), dist.get_world_size())
    data = batches(rank, ranks) if data is None else data
    model = net(norm)
    if kind in {"ddp", "zero"}:
        model = DistributedDataParallel(model)
    if kind == "fsdp":
        model = sharded(model)
    keys = {"momentum": 0.9} if optimizer is torch.optim.SGD else {}
    if kind == "zero":
        from torch.distributed.optim import ZeroRedundancyOptimizer  # it warns of PyTorch's own doings when it is imported

        owner = ZeroRedundancyOptimizer(model.parameters(), optimizer_class=optimizer, lr=0.1, **keys)
    else:
        owner = optimizer(model.parameters(), lr=0.1, **keys)
    return TorchLearner(model, owner, loss_fn or nn.CrossEntropyLoss(), data, **settings)
