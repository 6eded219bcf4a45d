"""Small trainings that several ranks run together, and the same in one process on the full batches."""

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from lrfinder.torch import TorchLearner

SIZE = 12  # samples of a full batch, which 1, 2, 3 and 4 ranks can share
LRS = tuple(1e-3 * 1.25**k for k in range(40))


def batches(rank=0, ranks=1, count=7, sizes=None):
    """Return this rank's share of each full batch: equal shares, or those of ``sizes``."""
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
    """Return the learner of this rank.

    The model is wrapped ("ddp"), sharded ("fsdp"), wrapped with a sharded optimizer ("zero"), or in one process ("single").
    """
    rank, ranks = (0, 1) if kind == "single" else (dist.get_rank(), dist.get_world_size())
    data = batches(rank, ranks) if data is None else data
    model = net(norm)
    if kind in {"ddp", "zero"}:
        model = DistributedDataParallel(model)
    if kind == "fsdp":
        model = sharded(model)
    keys = {"momentum": 0.9} if optimizer is torch.optim.SGD else {}
    if kind == "zero":
        from torch.distributed.optim import ZeroRedundancyOptimizer  # its import warns of PyTorch's own calls

        own = ZeroRedundancyOptimizer(model.parameters(), optimizer_class=optimizer, lr=0.1, **keys)
    else:
        own = optimizer(model.parameters(), lr=0.1, **keys)
    return TorchLearner(model, own, loss_fn or nn.CrossEntropyLoss(), data, **settings)
