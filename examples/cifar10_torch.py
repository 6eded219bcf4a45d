"""Run the range test and a check at three rates, on CIFAR-10 with a pre-activation ResNet-18.

This repeats the experiment of MXNet Gluon's learning-rate-finder tutorial in PyTorch. The network is Gluon's
``resnet18_v2(classes=10)``, designed for larger images (7 x 7 stem with stride 2, max-pooling). It trains on batches of
128 with normalized channels, by plain SGD.

    python examples/cifar10_torch.py --root FOLDER --out cifar10

FOLDER holds the official binary files, ``data_batch_1.bin`` to ``data_batch_5.bin``. An iteration takes about 0.2 s on
2 cores. The range test of 146 iterations and the check of 900 take four minutes. ``--iterations`` shortens the check.

As a factory for the command line:  lrfinder find examples/cifar10_torch.py:cifar10_learner -o curve.png
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import lrfinder
from lrfinder.torch import TorchLearner
from lrfinder.views.describe import verdict

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
ROOT = Path(os.environ.get("LRFINDER_DATA", SHARED)) / "cifar-10-batches-bin"


class PreActivationBlock(nn.Module):
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


def resnet18_v2(classes: int) -> nn.Module:
    """Return the pre-activation ResNet-18 of Gluon's model zoo, ``resnet18_v2``, with the tutorial's initialization."""
    widths, strides = (64, 64, 128, 256, 512), (1, 2, 2, 2)
    blocks = []
    for channels_in, channels, stride in zip(widths, widths[1:], strides, strict=False):
        blocks += [PreActivationBlock(channels_in, channels, stride), PreActivationBlock(channels, channels, 1)]
    model = nn.Sequential(
        nn.BatchNorm2d(3, affine=False),
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        *blocks,
        nn.BatchNorm2d(512),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, classes),
    )
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model


def cifar10(root: Path) -> TensorDataset:
    """Return the 50,000 training images, shape (50000, 3, 32, 32), with normalized channels, and their labels."""
    files = sorted(root.glob("data_batch_*.bin"))
    if not files:
        message = f"{root} has no data_batch_*.bin; set --root to the folder of CIFAR-10's official binary files."
        raise SystemExit(message)
    records = np.concatenate([np.fromfile(file, dtype=np.uint8).reshape(-1, 1 + 3 * 32 * 32) for file in files])
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255)
    mean = torch.tensor([0.4914, 0.4822, 0.4465]).view(3, 1, 1)
    std = torch.tensor([0.2023, 0.1994, 0.2010]).view(3, 1, 1)
    return TensorDataset((images - mean) / std, torch.from_numpy(records[:, 0].astype(np.int64)))


def cifar10_learner(root: Path = ROOT, seed: int = 42) -> TorchLearner:
    """Return the tutorial's learner."""
    torch.manual_seed(seed)
    model = resnet18_v2(classes=10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    loader = DataLoader(cifar10(root), batch_size=128, shuffle=True, drop_last=True)
    return TorchLearner(model, optimizer, nn.CrossEntropyLoss(), loader)


def main() -> None:
    """Run the range test, then the check at the tutorial's rate, at a tenth of it and at ten times it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--out", type=Path, default=Path("cifar10"))
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--lrs", type=float, nargs="+", default=[0.005, 0.05, 0.5])
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    console = Console()

    finder = lrfinder.LRFinder(cifar10_learner(options.root, options.seed))
    result = finder.find(on_record=lambda record: print(f"{record.lr:.3e}  {record.loss:.4f}", flush=True))
    result.to_json(options.out / "range-test.json")
    result.plot().figure.savefig(options.out / "range-test.png")
    console.print(verdict(result), markup=False)

    comparison = finder.compare(options.lrs, options.iterations)
    comparison.to_json(options.out / "check.json")
    comparison.plot().figure.savefig(options.out / "check.png")
    console.print(comparison)
    console.print(verdict(comparison), markup=False)


if __name__ == "__main__":
    main()
