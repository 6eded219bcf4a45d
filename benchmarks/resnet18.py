"""The ResNet-18 of ``examples/cifar10_torch.py``, of any width, with PyTorch alone."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

FULL_WIDTH = 64  # channels of the first stage


class Block(nn.Module):
    """Two 3 x 3 convolutions, each after batch normalization and ReLU, around an identity (He et al. 2016)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        same = stride == 1 and channels_in == channels
        self.shortcut = None if same else nn.Conv2d(channels_in, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels_in, h, w) to (batch, channels, h / stride, w / stride)."""
        activated = functional.relu(self.norm1(x))
        residual = self.conv2(functional.relu(self.norm2(self.conv1(activated))))
        return residual + (x if self.shortcut is None else self.shortcut(activated))


def resnet18(width: int = FULL_WIDTH) -> nn.Module:
    """Return the network for 10 classes, with the example's initialization."""
    channels = [width, width, 2 * width, 4 * width, 8 * width]
    blocks = []
    for channels_in, channels_out, stride in zip(channels, channels[1:], (1, 2, 2, 2), strict=False):
        blocks += [Block(channels_in, channels_out, stride), Block(channels_out, channels_out, 1)]
    model = nn.Sequential(
        nn.BatchNorm2d(3, affine=False),
        nn.Conv2d(3, width, 7, 2, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        *blocks,
        nn.BatchNorm2d(8 * width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8 * width, 10),
    )
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model
