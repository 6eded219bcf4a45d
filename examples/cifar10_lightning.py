"""Find a rate for a small convolutional network on CIFAR-10 in Lightning, before ``fit`` and inside it.

    python examples/cifar10_lightning.py --root FOLDER --out cifar10

FOLDER holds the official binary files, ``data_batch_1.bin`` to ``data_batch_5.bin``. The script trains on the first of
them. The search uses the trainer's clipping and accumulation. It takes a few minutes on 2 cores.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import lrfinder
from lrfinder.torch import schedules
from lrfinder.trainers.lightning import LightningLearner, LRFind

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
ROOT = Path(os.environ.get("LRFINDER_DATA", SHARED)) / "cifar-10-batches-bin"


def images_and_labels(root: Path) -> TensorDataset:
    """Return the first 10,000 training images, shape (10000, 3, 32, 32), values from -1 to 1, and their labels."""
    records = np.fromfile(root / "data_batch_1.bin", dtype=np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 127.5 - 1)
    return TensorDataset(images, torch.from_numpy(records[:, 0].astype(np.int64)))


class Classifier(LightningModule):
    """A network of three convolutions with batch normalization."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels_in, channels in ((3, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(channels_in, channels, 3, 2, 1), nn.BatchNorm2d(channels), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(64 * 4 * 4, 10))

    def training_step(self, batch: Any, _: int) -> Tensor:
        """Return the loss of a batch."""
        inputs, target = batch
        loss = nn.functional.cross_entropy(self.net(inputs), target)
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return an optimizer with an arbitrary rate."""
        return torch.optim.SGD(self.parameters(), lr=1e-3, momentum=0.9)


def main() -> None:
    """Search before ``fit``, with one cycle; then search in the middle of another ``fit``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--out", type=Path, default=Path("cifar10"))
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    seed_everything(0)
    loader = DataLoader(images_and_labels(options.root), batch_size=64, shuffle=True, drop_last=True)
    settings = {
        "accelerator": "cpu", "max_epochs": options.epochs, "gradient_clip_val": 1.0, "accumulate_grad_batches": 2,
        "logger": False, "enable_checkpointing": False, "enable_progress_bar": False,
    }  # fmt: skip
    updates = options.epochs * len(loader) // 2

    module, trainer = Classifier(), Trainer(**settings)
    learner = LightningLearner(module, trainer, loader)
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=updates, schedule=lrfinder.one_cycle)
    suggestion.plot().figure.savefig(options.out / "suggestion.png")
    print(suggestion.explain())
    learner.set_rate(suggestion, schedule=lambda optimizer, rate: schedules.one_cycle(optimizer, rate, updates))
    trainer.fit(module, loader)
    print(f"loss at the end: {float(trainer.callback_metrics['loss']):.3f}")

    find = LRFind(when=lambda trainer: trainer.global_step == updates // 3)
    trainer = Trainer(callbacks=[find], **settings)
    trainer.fit(Classifier(), loader)
    for found in find.suggestions:
        print(f"in the middle of fit, for the remaining {found.horizon} updates: {found.lr}")
    print(f"loss at the end: {float(trainer.callback_metrics['loss']):.3f}")


if __name__ == "__main__":
    main()
