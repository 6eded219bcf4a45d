"""The data of the generated tasks, by family. Tasks of one family are all used to fit, or all to validate."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path.append(str(Path(__file__).parents[1]))  # the benchmark's own data sets
from typing import TYPE_CHECKING

import data as tables

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Source:
    """Examples to train on.

    Attributes:
        inputs: first axis the examples.
        targets: numbers ``(examples, outputs)``, or classes ``(examples,)``, or codes ``(examples, length)``.
        classes: the number of classes or codes; 0 where the targets are numbers.
    """

    inputs: Tensor
    targets: Tensor
    classes: int = 0


def _of(table: Callable[[], tables.Data], classes: int = 0) -> Callable[[], Source]:
    return lambda: Source(table().inputs, table().targets, classes)


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _source(inputs: np.ndarray, targets: np.ndarray, classes: int = 0) -> Source:
    kept = torch.from_numpy(targets).long() if classes else torch.from_numpy(targets).float()
    return Source(torch.from_numpy(inputs).float(), kept, classes)


def _teacher() -> Source:
    """Return a random network of tanh units with a little noise."""
    random = _random(11)
    x = random.standard_normal((8000, 20))
    y = np.tanh(x @ random.standard_normal((20, 12)) / 2) @ random.standard_normal((12, 1))
    return _source(x, (y + 0.1 * random.standard_normal(y.shape)) / y.std())


def _heavy_tails() -> Source:
    """Return a smooth function with noise of Student's t with 2.5 degrees of freedom."""
    random = _random(12)
    x = random.standard_normal((8000, 12))
    y = np.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3]
    return _source(x, y + 0.5 * random.standard_t(2.5, y.shape))


def _spirals() -> Source:
    """Return three spirals in the plane."""
    random = _random(13)
    arm = random.integers(3, size=6000)
    radius = random.uniform(0.1, 1.0, 6000)
    angle = 5 * radius + arm * 2 * math.pi / 3
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) + 0.03 * random.standard_normal((6000, 2))
    return _source(2 * x, arm, 3)


def _clusters() -> Source:
    """Return twelve classes of three normal clusters each, in 40 dimensions of different scales."""
    random = _random(14)
    centers = random.standard_normal((36, 40))
    which = random.integers(36, size=9000)
    x = centers[which] + 0.9 * random.standard_normal((9000, 40))
    return _source(x * np.geomspace(0.3, 3.0, 40), which % 12, 12)


def _parity() -> Source:
    """Return the parity of three of twelve signs: nothing is learned at first."""
    random = _random(15)
    x = random.choice([-1.0, 1.0], size=(8000, 12))
    return _source(x, (x[:, 0] * x[:, 1] * x[:, 2] > 0).astype(np.int64), 2)


def _rare() -> Source:
    """Return a class of 3 % among 25 columns."""
    random = _random(16)
    x = random.standard_normal((12000, 25))
    score = x @ random.standard_normal(25) / 5 + 0.3 * random.standard_normal(12000)
    return _source(x, (score > np.quantile(score, 0.97)).astype(np.int64), 2)


def _ratings() -> Source:
    """Return entries of a noisy matrix of 120 by 90 of rank 4; the inputs are row and column: gradients are sparse."""
    random = _random(17)
    matrix = random.standard_normal((120, 4)) @ random.standard_normal((4, 90)) / 2
    rows, columns = random.integers(120, size=20000), random.integers(90, size=20000)
    entries = matrix[rows, columns] + 0.2 * random.standard_normal(20000)
    return Source(torch.from_numpy(np.stack([rows, columns], axis=1)), torch.from_numpy(entries[:, None]).float())


def _small_images() -> Source:
    """Return CIFAR-10 averaged to 8 by 8."""
    data = tables.cifar10()
    return Source(torch.nn.functional.avg_pool2d(data.inputs, 4), data.targets, 10)


def _digits_images() -> Source:
    data = tables.digits()
    return Source(data.inputs.view(-1, 1, 8, 8), data.targets, 10)


def _windows(length: int, *, last: bool) -> Callable[[], Source]:
    """Return windows of characters; the targets are the next of each, or the next of the last alone."""

    def source() -> Source:
        data = tables.shakespeare(length)
        return Source(data.inputs, data.targets[:, -1] if last else data.targets, 65)

    return source


def _autoencoded() -> Source:
    data = tables.digits()
    return Source(data.inputs, data.inputs)


def _flat_images() -> Source:
    images = _small_images()
    return Source(images.inputs.flatten(1), images.targets, 10)


# Each with whether it is used to fit. Families that share data are on one side.
SOURCES: dict[str, tuple[Callable[[], Source], bool]] = {
    "california": (_of(tables.california), True),
    "adult": (_of(tables.adult, 2), True),
    "digits": (_of(tables.digits, 10), True),
    "digits-images": (_digits_images, True),
    "digits-autoencoder": (_autoencoded, True),
    "digits-vae": (_autoencoded, True),
    "digits-contrastive": (_autoencoded, True),
    "teacher": (_teacher, True),
    "spirals": (_spirals, True),
    "ratings": (_ratings, True),
    "rare": (_rare, True),
    "quadratic": (_teacher, True),
    "elevators": (_of(tables.elevators), False),
    "diabetes": (_of(tables.diabetes), False),
    "cancer": (_of(tables.breast_cancer, 2), False),
    "wine": (_of(tables.wine, 3), False),
    "cifar": (_flat_images, False),
    "cifar-images": (_small_images, False),
    "window": (_windows(8, last=True), False),
    "attention": (_windows(12, last=False), False),
    "heavy-tails": (_heavy_tails, False),
    "clusters": (_clusters, False),
    "parity": (_parity, False),
    "cifar-autoencoder": (lambda: Source(_flat_images().inputs, _flat_images().inputs), False),
}


def _two_kinds() -> Source:
    """Return points of two mixtures of normal clusters, with 1 for those of the first and -1 for the others."""
    random = _random(18)
    centers = random.standard_normal((2, 6, 16))
    kind, which = random.integers(2, size=8000), random.integers(6, size=8000)
    x = centers[kind, which] + 0.7 * random.standard_normal((8000, 16))
    return _source(x, 1.0 - 2.0 * kind[:, None])


def _rewards() -> Source:
    """Return states with the noisy rewards of five actions."""
    random = _random(19)
    x = random.standard_normal((8000, 12))
    rewards = np.tanh(x @ random.standard_normal((12, 5)) / 2)
    return _source(x, rewards + 0.5 * random.standard_normal(rewards.shape))


def _exact() -> Source:
    """Return a linear function without noise, whose likelihood has no bound."""
    random = _random(20)
    x = random.standard_normal((8000, 16))
    return _source(x, x @ random.standard_normal((16, 1)) / 4)


def _groups() -> Source:
    """Return eight classes of two normal clusters each."""
    random = _random(21)
    centers = random.standard_normal((16, 24))
    which = random.integers(16, size=8000)
    return _source(centers[which] + 0.8 * random.standard_normal((8000, 24)), which % 8, 8)


# Nothing is fitted to these: losses and starts that the families above do not have.
UNUSUAL: dict[str, Callable[[], Source]] = {
    "critic": _two_kinds,  # falls without end
    "critic-bounded": _two_kinds,
    "hinge": _two_kinds,  # reaches 0
    "policy": _rewards,  # negative
    "sharp": _exact,  # has no lower bound, but falls ever more slowly
    "moved": _groups,  # other inputs and other classes than before the start
}


@cache
def source(family: str) -> Source:
    """Return the examples of a family."""
    return UNUSUAL[family]() if family in UNUSUAL else SOURCES[family][0]()


def is_fitted(family: str) -> bool:
    """Return whether tasks of the family are used to fit; the others validate."""
    return family in SOURCES and SOURCES[family][1]
