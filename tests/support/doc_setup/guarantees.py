from pathlib import Path

import torch  # train.py below needs it

Path("train.py").write_text(
    """
import torch
from torch import nn
from lrfinder.torch import TorchLearner

mean = 0.0

class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(4, 1)

    def forward(self, x):
        global mean
        out = self.l(x) - mean
        mean = 0.9 * mean + 0.1 * float(out.detach().mean())
        return out

def make_learner():
    torch.manual_seed(0)
    model = M()
    data = [(torch.randn(8, 4), torch.randn(8, 1)) for _ in range(30)]
    return TorchLearner(model, torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss(), data)
""",
    encoding="utf-8",
)
