"""Find a rate for a small convolutional network on CIFAR-10 in fastai, and compare it with fastai's own ``lr_find``.

    python examples/cifar10_fastai.py --root FOLDER --out cifar10

FOLDER holds the official binary files, ``data_batch_1.bin`` to ``data_batch_5.bin``. The script trains on the first of
them. It takes a few minutes on 2 cores.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from fastai.basics import DataLoader, DataLoaders, Learner, accuracy
from fastai.callback.all import *  # noqa: F403  (adds lr_find and fit_one_cycle to Learner)
from fastai.callback.schedule import slide, valley
from torch import nn
from torch.utils.data import Subset, TensorDataset

import lrfinder
from lrfinder.trainers.fastai import FastaiLearner

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
ROOT = Path(os.environ.get("LRFINDER_DATA", SHARED)) / "cifar-10-batches-bin"


def loaders(root: Path) -> DataLoaders:
    """Return 8,000 images to train on and 2,000 to validate, shape (3, 32, 32), values from -1 to 1."""
    records = np.fromfile(root / "data_batch_1.bin", dtype=np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 127.5 - 1)
    dataset = TensorDataset(images, torch.from_numpy(records[:, 0].astype(np.int64)))
    training = DataLoader(Subset(dataset, range(8000)), bs=64, shuffle=True, drop_last=True)
    return DataLoaders(training, DataLoader(Subset(dataset, range(8000, 10000)), bs=256), device="cpu")


def network() -> nn.Module:
    """Return three convolutions with batch normalization, and a linear layer."""
    layers: list[nn.Module] = []
    for channels_in, channels in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(channels_in, channels, 3, 2, 1), nn.BatchNorm2d(channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(64 * 4 * 4, 10))


def main() -> None:
    """Run both searches, then train one cycle at the suggested rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--out", type=Path, default=Path("cifar10"))
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    dls = loaders(options.root)
    learn = Learner(dls, network(), nn.CrossEntropyLoss(), metrics=accuracy, path=options.out)
    learner = FastaiLearner(learn)
    updates = options.epochs * len(dls.train)
    suggestion = lrfinder.LRFinder(learner).suggest(horizon=updates, schedule=lrfinder.one_cycle)
    suggestion.plot().figure.savefig(options.out / "suggestion.png")
    print(suggestion.explain())
    with learn.no_bar():
        print("fastai's lr_find:", learn.lr_find(suggest_funcs=(valley, slide), show_plot=False))
        learner.set_rate(suggestion)
        learn.fit_one_cycle(options.epochs)


if __name__ == "__main__":
    main()
