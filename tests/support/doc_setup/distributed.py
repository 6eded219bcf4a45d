from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import lrfinder
from lrfinder.torch import TorchLearner

Path("train.py").write_text(
    """
import torch
from lrfinder.torch import TorchLearner

def make_learner():
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    batches = [(torch.randn(8, 4), torch.randn(8, 1)) for _ in range(30)]
    return TorchLearner(model, torch.optim.SGD(model.parameters(), lr=0.1), torch.nn.MSELoss(), batches)
""",
    encoding="utf-8",
)
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
torch.manual_seed(0)
inputs = torch.randn(640, 20)
data = TensorDataset(inputs, (inputs[:, :10].sum(dim=1) > 0).long())
net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
loss_fn = nn.CrossEntropyLoss()


def after():
    dist.destroy_process_group()
