import torch
from torch import nn

torch.manual_seed(0)
inputs = torch.randn(640, 20)
loader = list(zip(inputs.split(32), (inputs[:, :10].sum(dim=1) > 0).long().split(32), strict=True))
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()
